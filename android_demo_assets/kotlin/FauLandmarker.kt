package dev.fau

import kotlin.math.abs
import kotlin.math.exp
import kotlin.math.max
import kotlin.math.min

/**
 * A face as the landmark network gives it.
 *
 * @property mesh x, y px of 478 points.
 * @property presence probability that the region shows a face, 0 to 1.
 * @property region what the network saw.
 */
class FauMesh(val mesh: DoubleArray, val presence: Double, val region: FauRegion)

/**
 * The face landmarker: 478 mesh points per face, by two networks of the bundle, as
 * `fau_tf/face/landmarker.py` defines it. Not thread-safe; close it after use.
 *
 * @param detector 128 x 128 x 3 numbers in; 896 x 16 numbers and 896 logits out.
 * @param landmarks 256 x 256 x 3 numbers in; 478 x 3 numbers, a logit and another number out.
 * @property numFaces most faces of a picture; the largest are kept.
 * @property divisions for each d, parts of 1/d of width and height that overlap by half are
 *   searched. 1 is enough for faces wider than an eighth of the picture; 1, 2, 3 finds smaller ones.
 */
class FauLandmarker(
    private val detector: FauNetwork,
    private val landmarks: FauNetwork,
    val numFaces: Int = 1,
    val divisions: List<Int> = listOf(1),
) : AutoCloseable {
    private val faces = FauDetector(detector)

    init {
        requireOneOrMore(numFaces, divisions)
    }

    /**
     * Returns the faces of a picture, left to right; empty if there is none.
     *
     * @param parts of the picture that are searched.
     * @param known faces that are left out.
     */
    fun find(
        image: FauImage,
        parts: List<FauWindow> = FauWindow.of(image, divisions),
        known: List<FauMesh> = emptyList(),
    ): List<FauMesh> {
        val found = mutableListOf<FauMesh>()
        for (part in parts) {
            for (detection in faces.find(part.of(image), DETECTION_CONFIDENCE, DOUBTFUL_CONFIDENCE)) {
                val face = newFace(image, detection.moved(part.x0, part.y0), (known + found).map { it.mesh })
                if (face != null && part.hasAllOf(face.mesh, image)) found += face
            }
        }
        return largest(found, numFaces)
    }

    /** Returns the faces of the next frame that were there [before], left to right. */
    fun follow(image: FauImage, before: List<FauMesh>): List<FauMesh> =
        largest(before.map { at(image, FauRegion.next(it.mesh)) }.filter { it.presence > PRESENCE_CONFIDENCE }, numFaces)

    /** Returns the face in a region, whatever its presence. */
    fun at(image: FauImage, region: FauRegion): FauMesh =
        read(landmarks.run(input(region.cut(image, SIDE, zeroBorder = false))), region)

    private fun newFace(image: FauImage, found: FauDetection, have: List<DoubleArray>): FauMesh? {
        if (sameAsAny(found.points.copyOf(4), have)) return null
        val face = face(image, found) ?: return null
        return face.takeIf { it.presence > PRESENCE_CONFIDENCE && !sameAsAny(it.mesh, have) }
    }

    /** Returns the face of a detection, whichever side is up; null if the detector is unsure. */
    private fun face(image: FauImage, found: FauDetection): FauMesh? {
        val face = at(image, found.region)
        if (FauUpright.isDoubtful(found, face.mesh)) {
            val region = FauUpright.turned(faces, image, found.region, DETECTION_CONFIDENCE)
            if (region != found.region) return at(image, region)
        }
        return face.takeIf { found.score >= DETECTION_CONFIDENCE }
    }

    override fun close() {
        detector.close()
        landmarks.close()
    }

    companion object {
        /** Smallest score of the detector, and of the landmark network. */
        const val DETECTION_CONFIDENCE = 0.6
        const val PRESENCE_CONFIDENCE = 0.8

        /** Score from which a detection is looked at again in quarter turns. */
        const val DOUBTFUL_CONFIDENCE = 0.5

        /** Of the landmark network's input, px. */
        const val SIDE = 256

        /** Throws unless the number of faces and the divisions are 1 or more. */
        internal fun requireOneOrMore(numFaces: Int, divisions: List<Int>) {
            if (numFaces < 1 || divisions.isEmpty() || divisions.any { it < 1 }) {
                throw FauException(
                    "Number of faces and divisions must be 1 or more.", "$numFaces and $divisions", "Leave out both.",
                )
            }
        }

        /** Returns the landmark network's input of a crop: 0 to 1. */
        fun input(crop: FloatArray) = FloatArray(crop.size) { crop[it] / 255f }

        /** Returns the face in a region from the outputs of the landmark network. */
        fun read(outputs: List<FloatArray>, region: FauRegion): FauMesh {
            val (points, logit) = outputs
            val inCrop = DoubleArray(2 * FauPreprocess.MESH_POINTS) { points[it / 2 * 3 + it % 2].toDouble() }
            return FauMesh(region.matrix(SIDE).map(inCrop), 1 / (1 + exp(-logit[0].toDouble())), region)
        }

        /** Returns the [most] largest of the distinct faces, left to right. */
        fun largest(faces: List<FauMesh>, most: Int): List<FauMesh> {
            val chosen = mutableListOf<FauMesh>()
            for (face in faces.sortedByDescending { area(it.mesh) }) {
                if (!sameAsAny(face.mesh, chosen.map { it.mesh })) chosen += face
            }
            return chosen.take(most).sortedBy { face -> face.mesh.filterIndexed { i, _ -> i % 2 == 0 }.average() }
        }

        private fun area(points: DoubleArray) =
            FauRegion.boundingBox(points).let { (x0, y0, x1, y1) -> (x1 - x0) * (y1 - y0) }

        /** Returns whether the center of the points or of others lies in the middle half of the other. */
        private fun sameAsAny(points: DoubleArray, others: List<DoubleArray>): Boolean {
            val one = FauRegion.boundingBox(points)
            return others.map(FauRegion::boundingBox).any { other ->
                (0..1).all { axis ->
                    val apart = abs((one[axis] + one[2 + axis]) / 2 - (other[axis] + other[2 + axis]) / 2)
                    apart < max(one[2 + axis] - one[axis], other[2 + axis] - other[axis]) / 4
                }
            }
        }
    }
}

/** Px [x0], [x1]) x [y0], [y1]) of a picture, which are searched for faces. */
data class FauWindow(val x0: Int, val y0: Int, val x1: Int, val y1: Int) {
    internal fun of(image: FauImage): FauImage {
        if (x1 - x0 == image.width && y1 - y0 == image.height) return image
        val argb = IntArray((x1 - x0) * (y1 - y0))
        for (y in y0 until y1) image.argb.copyInto(argb, (y - y0) * (x1 - x0), y * image.width + x0, y * image.width + x1)
        return FauImage(argb, x1 - x0, y1 - y0)
    }

    /** Returns whether a face lies inside, on every side where the picture continues. */
    internal fun hasAllOf(mesh: DoubleArray, image: FauImage): Boolean {
        val (left, top, right, bottom) = FauRegion.boundingBox(mesh)
        val inX = (x0 == 0 || left > x0) && (x1 == image.width || right < x1 - 1)
        return inX && (y0 == 0 || top > y0) && (y1 == image.height || bottom < y1 - 1)
    }

    companion object {
        /** Parts with a shorter side are skipped: faces in them are too small, px. */
        const val SHORTEST = 96

        /** Returns for each of [divisions] d the parts of 1/d of width and height, which overlap by half. */
        fun of(image: FauImage, divisions: List<Int>): List<FauWindow> = divisions.flatMap { d ->
            val wide = (image.width + d - 1) / d
            val tall = (image.height + d - 1) / d
            if (d > 1 && min(wide, tall) < SHORTEST) return@flatMap emptyList()
            starts(image.height - tall, 2 * d - 1).flatMap { y ->
                starts(image.width - wide, 2 * d - 1).map { x -> FauWindow(x, y, x + wide, y + tall) }
            }
        }

        private fun starts(last: Int, count: Int): List<Int> =
            if (count == 1) listOf(0) else List(count) { if (it == count - 1) last else (it * (last.toDouble() / (count - 1))).toInt() }
    }
}
