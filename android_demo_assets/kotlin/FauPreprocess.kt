package dev.fau

import kotlin.math.abs
import kotlin.math.ceil
import kotlin.math.floor
import kotlin.math.min
import kotlin.math.sqrt

/** x' = [a] x + [b] y + [c], y' = [d] x + [e] y + [f]; points are px, pixel centers on integers. */
data class Affine(
    val a: Double, val b: Double, val c: Double,
    val d: Double, val e: Double, val f: Double,
) {
    /** Returns the image of (x, y). */
    fun at(x: Double, y: Double): Pair<Double, Double> = Pair(a * x + b * y + c, d * x + e * y + f)

    /** Returns the images of points: x, y, x, y, ... */
    fun map(points: DoubleArray) = DoubleArray(points.size) {
        val x = points[it - it % 2]
        val y = points[it - it % 2 + 1]
        if (it % 2 == 0) a * x + b * y + c else d * x + e * y + f
    }

    /** Returns the inverse map; a determinant of 0 has none, see [FauPreprocess.cropMatrix]. */
    fun inverse(): Affine {
        val det = a * e - b * d
        return Affine(
            e / det, -b / det, (b * f - e * c) / det,
            -d / det, a / det, (d * c - a * f) / det,
        )
    }
}

/**
 * From landmarks to the model's input crop, as `fau_tf/face/align.py` defines it, in plain Kotlin.
 * Points are (x, y) px, x right, y down, pixel centers on integers; colors are RGB from 0 to 255.
 * The model normalizes its input itself.
 */
object FauPreprocess {
    const val LANDMARKS = 68
    const val MESH_POINTS = 478

    /** iBUG landmarks of the fit: eye corners, bridge and tip of the nose, base of the nose. */
    val ANCHORS = intArrayOf(36, 39, 42, 45, 27, 28, 29, 30, 33)

    /** x and y of each anchor, in fractions of the crop. */
    val TEMPLATE = doubleArrayOf(
        0.3044, 0.3388, 0.4183, 0.3422, 0.5817, 0.3422, 0.6956, 0.3388, 0.5000, 0.3120,
        0.5000, 0.3799, 0.5000, 0.4399, 0.5000, 0.4764, 0.5000, 0.5479,
    )

    /** Which point of MediaPipe's mesh each of the 68 iBUG landmarks is. */
    val IBUG_FROM_MEDIAPIPE = intArrayOf(
        162, 234, 93, 58, 172, 136, 149, 148, 152, 377, 378, 365, 397, 288, 323, 454, 389,
        70, 63, 105, 66, 107, 336, 296, 334, 293, 300,
        168, 197, 5, 4, 75, 97, 2, 326, 305,
        33, 160, 158, 133, 153, 144, 362, 385, 387, 263, 373, 380,
        61, 39, 37, 0, 267, 269, 291, 405, 314, 17, 84, 181, 78, 82, 13, 312, 308, 317, 14, 87,
    )

    private const val LARGEST_SHRINK = 1 shl 20

    /** Returns x, y of the 68 iBUG landmarks among x, y of the 478 points of MediaPipe's [mesh]. */
    fun ibug68(mesh: DoubleArray): DoubleArray {
        if (mesh.size != 2 * MESH_POINTS) {
            throw FauException(
                "The mesh must have $MESH_POINTS points, x and y each.",
                "${mesh.size} numbers",
                "Use FauLandmarker, with the networks of face_landmarker.task.",
            )
        }
        return DoubleArray(2 * LANDMARKS) { mesh[2 * IBUG_FROM_MEDIAPIPE[it / 2] + it % 2] }
    }

    /**
     * Returns the similarity (rotation, one scale, shift) from picture px to px of a crop of [size]
     * px, which best maps the [ANCHORS] among [landmarks] (x and y of 68 points) to [TEMPLATE].
     */
    fun cropMatrix(landmarks: DoubleArray, size: Int): Affine {
        check(landmarks, size)
        val n = ANCHORS.size
        val sx = DoubleArray(n) { landmarks[2 * ANCHORS[it]] }
        val sy = DoubleArray(n) { landmarks[2 * ANCHORS[it] + 1] }
        val tx = DoubleArray(n) { TEMPLATE[2 * it] * size - 0.5 }
        val ty = DoubleArray(n) { TEMPLATE[2 * it + 1] * size - 0.5 }
        val mx = sx.average()
        val my = sy.average()
        val ux = tx.average()
        val uy = ty.average()
        var spread = 0.0
        var real = 0.0
        var imag = 0.0
        // As complex numbers t = z s, and least squares gives z = sum(conj(s) t) / sum(|s|^2).
        for (i in 0 until n) {
            val x = sx[i] - mx
            val y = sy[i] - my
            spread += x * x + y * y
            real += x * (tx[i] - ux) + y * (ty[i] - uy)
            imag += x * (ty[i] - uy) - y * (tx[i] - ux)
        }
        val p = real / spread
        val q = imag / spread
        if (!(p * p + q * q).let { it.isFinite() && it > 0 }) {
            throw FauException(
                "The landmarks of eyes and nose must spread out, like a face's.",
                "anchors within a spread of $spread px^2",
                "Skip this face, and check the landmarker's output.",
            )
        }
        return Affine(p, -q, ux - (p * mx - q * my), q, p, uy - (q * mx + p * my))
    }

    private fun check(landmarks: DoubleArray, size: Int) {
        if (size < 1) {
            throw FauException("A crop's side must be positive.", size, "Use info.imageSize.")
        }
        if (landmarks.size != 2 * LANDMARKS) {
            throw FauException(
                "Landmarks must be x and y of $LANDMARKS iBUG points.",
                "${landmarks.size} numbers",
                "Pick them from the 478 mesh points with FauPreprocess.ibug68.",
            )
        }
        landmarks.indices.firstOrNull { !landmarks[it].isFinite() }?.let {
            throw FauException(
                "Landmarks must be finite.",
                "${landmarks[it]} in point ${it / 2}",
                "Skip this face, and check the landmarker's output.",
            )
        }
    }

    /**
     * Returns the aligned crop as the model wants it: [size] x [size] x 3 whole numbers from 0 to
     * 255, row by row, R, G, B.
     *
     * Bilinear between pixel centers on integers, borders replicated, rounded half up. While a crop
     * pixel spans more than 2 picture px, the picture is first shrunk by means of 2 x 2 px (blocks
     * start at pixel 0; a last odd row or column counts twice).
     *
     * @param matrix picture px -> crop px, from [cropMatrix].
     */
    fun crop(image: FauImage, matrix: Affine, size: Int): FloatArray {
        val (part, toCrop) = shrunk(image, matrix, size)
        val back = toCrop.inverse()
        val crop = FloatArray(size * size * 3)
        var out = 0
        for (row in 0 until size) {
            for (column in 0 until size) {
                val x = back.a * column + back.b * row + back.c
                val y = back.d * column + back.e * row + back.f
                part.sample(x, y, crop, out)
                out += 3
            }
        }
        return crop
    }

    /** Returns the part of the picture that the crop shows, at most 2 px a crop px, its matrix. */
    private fun shrunk(image: FauImage, matrix: Affine, size: Int): Pair<Region, Affine> {
        val scale = 1 / sqrt(abs(matrix.a * matrix.e - matrix.b * matrix.d))
        if (!(scale < LARGEST_SHRINK)) { // NaN too
            throw FauException(
                "A crop pixel must span fewer than $LARGEST_SHRINK picture px.",
                scale,
                "Compute the matrix with FauPreprocess.cropMatrix from a face's landmarks.",
            )
        }
        var block = 1
        while (scale / block > 2) block *= 2
        val back = matrix.inverse()
        val last = (size - 1).toDouble()
        val seen = listOf(back.at(0.0, 0.0), back.at(last, 0.0), back.at(0.0, last), back.at(last, last))
        val (x0, x1) = bounds(seen.map { it.first }, image.width, block)
        val (y0, y1) = bounds(seen.map { it.second }, image.height, block)
        var region = Region.of(image, x0, y0, x1, y1)
        var toCrop = matrix.movedTo(x0.toDouble(), y0.toDouble(), 1.0)
        while (block > 1) {
            region = region.halved()
            // Pixel x of the half covers pixels 2x and 2x + 1, whose middle is 2x + 0.5.
            toCrop = toCrop.movedTo(0.5, 0.5, 2.0)
            block /= 2
        }
        return Pair(region, toCrop)
    }

    /** Returns first and end px that cover [seen]: whole blocks, one more on each side. */
    private fun bounds(seen: List<Double>, limit: Int, block: Int): Pair<Int, Int> {
        // In doubles, which don't overflow where landmarks lie far outside the picture.
        val first = ((floor(floor(seen.min()) / block) - 1) * block)
            .coerceIn(0.0, ((limit - 1) / block * block).toDouble()).toInt()
        val end = (ceil(seen.max()) + 2 * block + 1).coerceIn(first + 1.0, limit.toDouble()).toInt()
        val blocks = (end - first + block - 1) / block
        return Pair(first, min(first.toLong() + blocks.toLong() * block, limit.toLong()).toInt())
    }

    /** Returns the same map from a picture whose pixel 0 lies at (x, y), and whose px are larger. */
    private fun Affine.movedTo(x: Double, y: Double, larger: Double): Affine {
        val (shiftX, shiftY) = at(x, y)
        return Affine(larger * a, larger * b, shiftX, larger * d, larger * e, shiftY)
    }
}
