package dev.fau

import kotlin.math.floor
import kotlin.math.min

/** An error whose message names the broken rule, what was received, and the next step. */
class FauException(rule: String, received: Any?, next: String, cause: Throwable? = null) :
    Exception("$rule Received: $received. $next", cause)

/**
 * A picture: [argb] holds [width] x [height] pixels row by row, 0xAARRGGBB, as
 * `Bitmap.getPixels` gives them; alpha is ignored.
 */
class FauImage(val argb: IntArray, val width: Int, val height: Int) {
    init {
        if (width < 1 || height < 1 || argb.size.toLong() != width.toLong() * height) {
            throw FauException(
                "A picture must have width x height pixels, at least one.",
                "$width x $height and ${argb.size} pixels",
                "Fill it with Bitmap.getPixels, stride = width.",
            )
        }
    }

    internal companion object {
        /** Returns the picture of [width] x [height] x 3 whole numbers from 0 to 255, row by row. */
        fun of(rgb: FloatArray, width: Int, height: Int) = FauImage(
            IntArray(width * height) {
                rgb[3 * it].toInt() shl 16 or (rgb[3 * it + 1].toInt() shl 8) or rgb[3 * it + 2].toInt()
            },
            width, height,
        )
    }
}

/** RGB floats of a part of a picture, row by row. */
internal class Region(val rgb: FloatArray, val width: Int, val height: Int) {
    /** Returns the means of 2 x 2 px; a last odd row or column counts twice. */
    fun halved(): Region {
        val half = Region(
            FloatArray((width + 1) / 2 * ((height + 1) / 2) * 3), (width + 1) / 2, (height + 1) / 2,
        )
        var out = 0
        for (y in 0 until half.height) {
            val upper = 2 * y * width
            val lower = min(2 * y + 1, height - 1) * width
            for (x in 0 until half.width) {
                val left = 2 * x
                val right = min(2 * x + 1, width - 1)
                for (c in 0 until 3) {
                    val total = rgb[3 * (upper + left) + c] + rgb[3 * (lower + left) + c] +
                        rgb[3 * (upper + right) + c] + rgb[3 * (lower + right) + c]
                    half.rgb[out++] = total * 0.25f
                }
            }
        }
        return half
    }

    /** Writes R, G, B at (x, y) to [into] from [at] on, bilinear and rounded half up. */
    fun sample(x: Double, y: Double, into: FloatArray, at: Int) {
        // Clamping the point replicates the border.
        val inX = x.coerceIn(0.0, (width - 1).toDouble())
        val inY = y.coerceIn(0.0, (height - 1).toDouble())
        val x0 = inX.toInt()
        val y0 = inY.toInt()
        val x1 = min(x0 + 1, width - 1)
        val y1 = min(y0 + 1, height - 1)
        val dx = inX - x0
        val dy = inY - y0
        for (c in 0 until 3) {
            val upper = rgb[3 * (y0 * width + x0) + c] * (1 - dx) + rgb[3 * (y0 * width + x1) + c] * dx
            val lower = rgb[3 * (y1 * width + x0) + c] * (1 - dx) + rgb[3 * (y1 * width + x1) + c] * dx
            into[at + c] = floor(upper * (1 - dy) + lower * dy + 0.5).coerceIn(0.0, 255.0).toFloat()
        }
    }

    companion object {
        /** Returns px [x0, x1) x [y0, y1) of a picture. */
        fun of(image: FauImage, x0: Int, y0: Int, x1: Int, y1: Int): Region {
            val region = Region(FloatArray((x1 - x0) * (y1 - y0) * 3), x1 - x0, y1 - y0)
            var out = 0
            for (y in y0 until y1) {
                for (x in x0 until x1) {
                    val pixel = image.argb[y * image.width + x]
                    region.rgb[out++] = (pixel ushr 16 and 255).toFloat()
                    region.rgb[out++] = (pixel ushr 8 and 255).toFloat()
                    region.rgb[out++] = (pixel and 255).toFloat()
                }
            }
            return region
        }
    }
}
