package dev.fau

import kotlin.math.PI
import kotlin.math.abs
import kotlin.math.atan2
import kotlin.math.cos
import kotlin.math.floor
import kotlin.math.log2
import kotlin.math.max
import kotlin.math.min
import kotlin.math.pow
import kotlin.math.round
import kotlin.math.sin

/**
 * A square around ([x], [y]) px, turned: what a network sees of a picture, as
 * `fau_tf/face/regions.py` defines it.
 *
 * @property size of a side, px.
 * @property angle from the picture's x axis to the square's, in radians, -pi to pi; x right, y down.
 */
data class FauRegion(val x: Double, val y: Double, val size: Double, val angle: Double = 0.0) {
    /** Returns the map from px of a crop of [side] px, whose position 0 lies on the border, to picture px. */
    fun matrix(side: Int): Affine {
        val scale = size / side
        val cosine = scale * cos(angle)
        val sine = scale * sin(angle)
        val half = side / 2.0
        return Affine(
            cosine, -sine, x - (cosine * half - sine * half),
            sine, cosine, y - (sine * half + cosine * half),
        )
    }

    /**
     * Returns the crop of [side] px: [side] x [side] x 3 whole numbers from 0 to 255, row by row.
     *
     * Bilinear between the four pixels around each position, rounded half up.
     *
     * @param zeroBorder whether zeros lie around the picture, or its border repeated.
     */
    fun cut(image: FauImage, side: Int, zeroBorder: Boolean): FloatArray {
        val m = matrix(side)
        // Beyond a ring of zeros all that is repeated is zero.
        val ring = if (zeroBorder) 1 else 0
        val lastX = image.width - 1 + 2 * ring
        val lastY = image.height - 1 + 2 * ring
        val crop = FloatArray(side * side * 3)
        var out = 0
        for (row in 0 until side) {
            for (column in 0 until side) {
                val px = (m.a * column + m.b * row + m.c + ring).coerceIn(0.0, lastX.toDouble())
                val py = (m.d * column + m.e * row + m.f + ring).coerceIn(0.0, lastY.toDouble())
                val x0 = px.toInt()
                val y0 = py.toInt()
                val x1 = min(x0 + 1, lastX)
                val y1 = min(y0 + 1, lastY)
                val dx = px - x0
                val dy = py - y0
                val upperLeft = pixel(image, x0 - ring, y0 - ring)
                val upperRight = pixel(image, x1 - ring, y0 - ring)
                val lowerLeft = pixel(image, x0 - ring, y1 - ring)
                val lowerRight = pixel(image, x1 - ring, y1 - ring)
                for (shift in COLORS) {
                    val upper = (upperLeft shr shift and 255) * (1 - dx) + (upperRight shr shift and 255) * dx
                    val lower = (lowerLeft shr shift and 255) * (1 - dx) + (lowerRight shr shift and 255) * dx
                    crop[out++] = floor(upper * (1 - dy) + lower * dy + 0.5).toFloat()
                }
            }
        }
        return crop
    }

    private fun pixel(image: FauImage, x: Int, y: Int): Int =
        if (x < 0 || y < 0 || x >= image.width || y >= image.height) 0 else image.argb[y * image.width + x]

    companion object {
        /** Side of a region, in longer sides of the box around the face. */
        const val MARGIN = 1.5

        /** Outer eye corners of the mesh, on the picture's left and right. */
        val EYE_CORNERS = intArrayOf(33, 263)

        private val COLORS = intArrayOf(16, 8, 0)
        private const val STEPS = 64

        /** Returns the smallest centered square region that has all of a picture in it. */
        fun letterbox(image: FauImage) =
            FauRegion(image.width / 2.0, image.height / 2.0, max(image.width, image.height).toDouble())

        /**
         * Returns the region of a face.
         *
         * @param box x, y of the upper left and the lower right corner around the face, px.
         * @param eyes x, y of two points, on the picture's left and right, level in an upright face.
         */
        fun ofBox(box: DoubleArray, eyes: DoubleArray) = FauRegion(
            (box[0] + box[2]) / 2, (box[1] + box[3]) / 2,
            MARGIN * max(box[2] - box[0], box[3] - box[1]),
            atan2(eyes[3] - eyes[1], eyes[2] - eyes[0]),
        )

        /**
         * Returns where the next frame has the face of a [mesh] (x, y of 478 points), on a grid: so
         * two runs that began at different frames soon see the very same region.
         */
        fun next(mesh: DoubleArray): FauRegion {
            val eyes = DoubleArray(4) { mesh[2 * EYE_CORNERS[it / 2] + it % 2] }
            val exact = ofBox(boundingBox(mesh), eyes)
            if (!(exact.size > 0)) return exact // all points in one place
            val size = 2.0.pow(round(log2(exact.size) * STEPS / 2) * 2 / STEPS)
            val (x, y) = listOf(exact.x, exact.y).map { round(it / size * STEPS) * size / STEPS }
            return FauRegion(x, y, size, round(exact.angle * STEPS) / STEPS)
        }

        /** Returns x, y of the upper left and the lower right corner of the smallest box around points. */
        fun boundingBox(points: DoubleArray): DoubleArray {
            val box = doubleArrayOf(points[0], points[1], points[0], points[1])
            for (i in points.indices) {
                box[i % 2] = min(box[i % 2], points[i])
                box[2 + i % 2] = max(box[2 + i % 2], points[i])
            }
            return box
        }

        /** Returns an angle from -pi to pi. */
        internal fun wrapped(angle: Double) = (angle + PI).mod(2 * PI) - PI

        internal fun apart(one: Double, other: Double) = abs(wrapped(one - other))
    }
}
