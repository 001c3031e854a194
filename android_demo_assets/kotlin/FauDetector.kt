package dev.fau

import kotlin.math.exp
import kotlin.math.max
import kotlin.math.min

/** A network: float32 numbers in, float32 outputs in the order of its file. Not thread-safe. */
interface FauNetwork : AutoCloseable {
    fun run(input: FloatArray): List<FloatArray>
}

/**
 * A detected face.
 *
 * @property score 0 to 1.
 * @property points x, y px: upper left and lower right corner of the box, the person's right eye,
 *   left eye, tip of the nose, mouth, right and left ear tragion.
 */
class FauDetection(val score: Double, val points: DoubleArray) {
    /** What the landmark network has to see. */
    val region get() = FauRegion.ofBox(points.copyOf(4), points.copyOfRange(4, 8))

    /** Returns the face in a picture whose px (0, 0) was here (-[x], -[y]). */
    fun moved(x: Int, y: Int) = FauDetection(score, DoubleArray(16) { points[it] + if (it % 2 == 0) x else y })
}

/**
 * Finds the faces of a picture that are wider than about an eighth of it, by the bundle's detector,
 * as `fau_tf/face/detector.py` defines it.
 *
 * Its input is the picture in a 128 px square; its outputs are, for each of 896 anchors, 16 numbers
 * in px of that square (center of the box and key points from the anchor, width and height) and a logit.
 */
class FauDetector(private val network: FauNetwork) {
    /**
     * Returns the faces of a picture, best score first.
     *
     * @param least anchors with a smaller score are left out.
     * @param doubtful smaller score of anchors that count where there is no face with [least].
     */
    fun find(image: FauImage, least: Double, doubtful: Double? = null): List<FauDetection> {
        val square = FauRegion.letterbox(image)
        val candidates = decode(network.run(input(square.cut(image, SIDE, zeroBorder = true))))
        val faces = merge(candidates.filter { it.score >= least }).toMutableList()
        if (doubtful != null) {
            val sure = faces.toList()
            faces += merge(candidates.filter { candidate ->
                candidate.score >= doubtful && candidate.score < least &&
                    sure.all { overlap(it.points, candidate.points) <= SAME_FACE }
            })
        }
        val toImage = square.matrix(SIDE)
        return faces.map { FauDetection(it.score, toImage.map(it.points)) }
    }

    companion object {
        const val SIDE = 128
        const val ANCHORS = 896

        /** Intersection over union above which two boxes are of one face. */
        const val SAME_FACE = 0.3

        private const val MAX_LOGIT = 100.0
        private const val NUMBERS = 16

        /** Cells of a row, and anchors of a cell. */
        private val GRIDS = listOf(16 to 2, 8 to 6)

        private val anchors: DoubleArray = GRIDS.flatMap { (cells, count) ->
            (0 until cells * cells * count).flatMap { i ->
                val cell = i / count
                listOf(cell % cells, cell / cells).map { (it + 0.5) * (SIDE.toDouble() / cells) }
            }
        }.toDoubleArray()

        /** Returns the network's input of a crop: -1 to 1. */
        fun input(crop: FloatArray) = FloatArray(crop.size) { crop[it] / 127.5f - 1f }

        /** Returns one candidate per anchor, in px of the network's input. */
        fun decode(outputs: List<FloatArray>): List<FauDetection> {
            val (numbers, logits) = outputs
            return List(ANCHORS) { anchor ->
                val raw = DoubleArray(NUMBERS) { numbers[anchor * NUMBERS + it].toDouble() }
                val points = DoubleArray(NUMBERS) { raw[it] + anchors[2 * anchor + it % 2] }
                for (axis in 0..1) {
                    val center = points[axis]
                    val half = raw[2 + axis] / 2
                    points[axis] = center - half
                    points[2 + axis] = center + half
                }
                val logit = logits[anchor].toDouble().coerceIn(-MAX_LOGIT, MAX_LOGIT)
                FauDetection(1 / (1 + exp(-logit)), points)
            }
        }

        /**
         * Returns the faces among candidates, best score first: weighted non-maximum suppression.
         *
         * Again and again, the best box left takes those that overlap it by more than [SAME_FACE];
         * the face has its score, and the means of their points, weighted by their scores.
         */
        fun merge(candidates: List<FauDetection>): List<FauDetection> {
            val faces = mutableListOf<FauDetection>()
            var left = candidates.sortedByDescending { it.score } // stable
            while (left.isNotEmpty()) {
                val best = left.first()
                val (group, others) = left.partition { // the best itself, too, if its box has no area
                    it === best || overlap(best.points, it.points) > SAME_FACE
                }
                val weight = group.sumOf { it.score }
                faces += FauDetection(best.score, DoubleArray(NUMBERS) { i -> group.sumOf { it.score * it.points[i] } / weight })
                left = others
            }
            return faces
        }

        /** Returns the intersection over union of two boxes: x, y of two corners each; 0 without an area. */
        fun overlap(one: DoubleArray, other: DoubleArray): Double {
            val shared = area(
                max(one[0], other[0]), max(one[1], other[1]), min(one[2], other[2]), min(one[3], other[3]),
            )
            val union = area(one[0], one[1], one[2], one[3]) + area(other[0], other[1], other[2], other[3]) - shared
            return if (union > 0) shared / union else 0.0
        }

        private fun area(x0: Double, y0: Double, x1: Double, y1: Double) = max(x1 - x0, 0.0) * max(y1 - y0, 0.0)
    }
}
