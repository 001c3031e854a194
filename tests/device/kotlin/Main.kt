/*
 * Runs android_demo_assets/kotlin on the JVM for tests/device/test_kotlin*.py.
 *
 *     golden GOLDEN MODEL OUT cpu|FP16|FP32 [SHIFT]   arrays of each case into OUT, as golden/ has them
 *     glue   ASSETS OUT cpu|FP32 PICTURE...           faces of pictures through Bitmap, assets and FauReader
 *     steps  BUNDLE SHA256 OUT cpu|FP32 PICTURE...    every step of the landmarker (Landmarks.kt)
 *     find   BUNDLE SHA256 OUT FACES PICTURE...       meshes in all parts of each picture
 *     follow BUNDLE SHA256 OUT FACES PICTURE...       meshes of pictures as frames of a video
 *     screen ASSETS PICTURE OUT ...                   the app's screen, drawn by java.awt (Screen.kt)
 *     guards ASSETS OUT                               one line for each bad input: name, tab, exception
 *     behavior ASSETS OUT                             one line for each behavior: name, tab, outcome (Behavior.kt)
 */
package dev.fau

import android.content.Context
import android.content.res.AssetManager
import android.graphics.Bitmap
import com.google.ai.edge.litert.CompiledModel.GpuOptions.Precision
import java.io.File
import java.nio.ByteBuffer
import java.nio.ByteOrder
import javax.imageio.ImageIO

fun main(arguments: Array<String>) {
    val rest = arguments.drop(1)
    when (arguments[0]) {
        "golden" -> golden(rest)
        "glue" -> glue(rest)
        "steps" -> steps(rest)
        "find" -> find(rest)
        "follow" -> follow(rest)
        "screen" -> screen(rest)
        "guards" -> guards(File(arguments[1]), File(arguments[2]))
        "behavior" -> behavior(File(arguments[1]), File(arguments[2]))
        else -> error("first argument: see Main.kt. Received: ${arguments[0]}")
    }
}

/** Returns the picture in a file. */
fun picture(file: File): FauImage {
    val image = ImageIO.read(file)
    val argb = IntArray(image.width * image.height)
    image.getRGB(0, 0, image.width, image.height, argb, 0, image.width)
    return FauImage(argb, image.width, image.height)
}

private class Case(private val folder: File, private val entry: Map<*, *>) {
    val name = entry["name"] as String

    fun picture() = picture(File(folder, entry["picture"] as String))

    fun doubles(array: String) = bytes(array).asDoubleBuffer().let { DoubleArray(it.remaining()).also(it::get) }

    fun floats(array: String) = bytes(array).asFloatBuffer().let { FloatArray(it.remaining()).also(it::get) }

    private fun bytes(array: String): ByteBuffer {
        val file = ((entry["arrays"] as Map<*, *>)[array] as Map<*, *>)["file"] as String
        return ByteBuffer.wrap(File(folder, file).readBytes()).order(ByteOrder.LITTLE_ENDIAN)
    }
}

private fun cases(folder: File): List<Case> {
    val index = FauJson.read(File(folder, "index.json").readText(), "index.json") as Map<*, *>
    return (index["cases"] as List<*>).map { Case(folder, it as Map<*, *>) }
}

class Output(private val folder: File, private val case: String) {
    fun doubles(name: String, values: DoubleArray) = write(name, 8 * values.size) { it.asDoubleBuffer().put(values) }

    fun floats(name: String, values: FloatArray) = write(name, 4 * values.size) { it.asFloatBuffer().put(values) }

    fun matrix(m: Affine) = doubles("matrix", doubleArrayOf(m.a, m.b, m.c, m.d, m.e, m.f))

    fun result(result: FauResult) {
        floats("intensity", result.info.auLabels.map { result.intensity.getValue(it) }.toFloatArray())
        val ends = result.interval?.let { known -> result.info.auLabels.map { known.getValue(it) } }.orEmpty()
        floats("interval", ends.flatMap { listOf(it.start, it.endInclusive) }.toFloatArray())
        floats("sides", result.sides.values.flatMap { listOf(it.left, it.right) }.toFloatArray())
        // Channel by channel and back, so that a center's heatmap is tested as well.
        val maps = result.info.centers.map(result::heatmap)
        floats("heatmaps", FloatArray(result.heatmaps.size) { maps[it % maps.size][it / maps.size] })
    }

    private fun write(name: String, size: Int, put: (ByteBuffer) -> Unit) {
        val bytes = ByteBuffer.allocate(size).order(ByteOrder.LITTLE_ENDIAN).also(put)
        File(folder, "$case.$name.bin").writeBytes(bytes.array())
    }
}

fun announce(estimator: FauEstimator) {
    println("accelerator\t${estimator.accelerator}")
    println("fallback\t${estimator.fallback ?: ""}")
}

private fun golden(arguments: List<String>) {
    val shift = arguments.getOrNull(4)?.toDouble() ?: 0.0
    val precision = Precision.entries.find { it.name == arguments[3] } ?: Precision.DEFAULT
    FauEstimator.fromFile(File(arguments[1]), useGpu = arguments[3] != "cpu", precision).use { estimator ->
        announce(estimator)
        val size = estimator.info.imageSize
        for (case in cases(File(arguments[0]))) {
            val out = Output(File(arguments[2]), case.name)
            val matrix = FauPreprocess.cropMatrix(case.doubles("landmarks"), size)
            out.matrix(matrix)
            out.floats("crop", FauPreprocess.crop(case.picture(), matrix.copy(c = matrix.c + shift), size))
            out.result(estimator.estimate(case.floats("input")))
        }
    }
}

private fun glue(arguments: List<String>) {
    val (assets, out, mode) = arguments
    val context = Context(AssetManager(assets), File(out))
    val precision = Precision.entries.find { it.name == mode } ?: Precision.DEFAULT
    fauReader(context, useGpu = mode != "cpu", precision).use { reader ->
        announce(reader.estimator)
        println("model\t${reader.estimator.info.name}")
        println("fallbacks\t${reader.fallbacks.joinToString(" | ")}")
        arguments.drop(3).forEachIndexed { i, file ->
            val image = picture(File(file))
            val face = reader.read(bitmap(image)).single()
            val output = Output(File(out), "$i")
            output.doubles("mesh", face.mesh.mesh)
            output.doubles("landmarks", face.landmarks)
            output.matrix(face.matrix)
            output.floats("crop", FauPreprocess.crop(image, face.matrix, reader.estimator.info.imageSize))
            output.result(face.result)
        }
    }
}

fun bitmap(picture: FauImage, config: Bitmap.Config? = Bitmap.Config.ARGB_8888) =
    Bitmap(picture.width, picture.height, config, picture.argb)
