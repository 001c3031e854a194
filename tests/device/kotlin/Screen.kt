package dev.fau

import android.content.Context
import android.content.res.AssetManager
import java.awt.Color
import java.awt.Font
import java.awt.Graphics2D
import java.awt.RenderingHints
import java.awt.geom.RoundRectangle2D
import java.awt.image.BufferedImage
import java.io.File
import javax.imageio.ImageIO
import kotlin.math.min

/**
 * Draws the app's screen: a picture where PreviewView shows the camera, and the shapes of FauBars.
 * The letters are Java's, not Android's. Prints the shapes, and what a screen reader says.
 *
 * @param arguments asset folder, picture, PNG file, width, height and inset of the screen in px, px
 *   per dp, px per sp; a text that is shown without a result; and anything, to show the result too.
 */
fun screen(arguments: List<String>) {
    val (assets, file, out) = arguments
    val (width, height, inset, density, scaled) = arguments.drop(3).map { it.toFloatOrNull() ?: 0f }
    val letters = FauBars.LETTERS_SP * scaled
    val bars = FauBars(width, height, density, letters, FauInsets(top = inset, bottom = inset), ::measured)
    val text = arguments.getOrNull(8)
    val shapes = if (text != null && arguments.size == 9) bars.shapes(null, text) else {
        val context = Context(AssetManager(assets), File(out).absoluteFile.parentFile)
        fauReader(context, useGpu = false).use { reader ->
            val faces = reader.read(picture(File(file)))
            faces.single().result.let { result ->
                for ((label, value) in result.intensity) println("$label\t$value ${label in result.info.lowReliability}")
                println("strongest\t${FauSpoken.strongest(result)}")
            }
            bars.shapes(faces.single().result, text ?: FauBars.status(faces, reader))
        }
    }
    val screen = BufferedImage(width.toInt(), height.toInt(), BufferedImage.TYPE_INT_RGB)
    val canvas = screen.createGraphics()
    canvas.setRenderingHint(RenderingHints.KEY_ANTIALIASING, RenderingHints.VALUE_ANTIALIAS_ON)
    canvas.setRenderingHint(RenderingHints.KEY_TEXT_ANTIALIASING, RenderingHints.VALUE_TEXT_ANTIALIAS_ON)
    canvas.setRenderingHint(RenderingHints.KEY_INTERPOLATION, RenderingHints.VALUE_INTERPOLATION_BICUBIC)
    val shown = ImageIO.read(File(file))
    val scale = min(width / shown.width, height / shown.height)
    canvas.drawImage(shown, 0, 0, (shown.width * scale).toInt(), (shown.height * scale).toInt(), null)
    shapes.forEach { canvas.draw(it) }
    ImageIO.write(screen, "png", File(out))
    shapes.forEachIndexed { i, shape ->
        println(
            when (shape) {
                is FauBox -> "$i\tbox ${shape.color.toUInt().toString(16)} ${shape.left} ${shape.top} ${shape.right} ${shape.bottom}"
                is FauText -> "$i\ttext ${shape.color.toUInt().toString(16)} ${shape.x} ${shape.y} ${measured(shape.text, shape.size)} ${shape.text}"
            },
        )
    }
}

private val measuring: Graphics2D = BufferedImage(1, 1, BufferedImage.TYPE_INT_RGB).createGraphics()

private fun font(size: Float) = Font(Font.SANS_SERIF, Font.PLAIN, 1).deriveFont(size)

private fun measured(text: String, size: Float) = measuring.getFontMetrics(font(size)).stringWidth(text).toFloat()

private fun Graphics2D.draw(shape: FauShape) {
    color = Color(shape.color, true)
    when (shape) {
        is FauBox -> {
            val round = 2.0 * shape.radius
            val wide = (shape.right - shape.left).toDouble()
            fill(RoundRectangle2D.Double(shape.left.toDouble(), shape.top.toDouble(), wide, (shape.bottom - shape.top).toDouble(), round, round))
        }
        is FauText -> {
            font = font(shape.size)
            drawString(shape.text, shape.x, shape.y)
        }
    }
}
