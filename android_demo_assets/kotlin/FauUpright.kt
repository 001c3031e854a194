package dev.fau

import kotlin.math.PI
import kotlin.math.hypot

/**
 * Faces that are upside down or lie on their side, as `fau_tf/face/upright.py` defines it: the
 * detector was made for upright faces, and the landmark network would fit an upright mesh to an
 * inverted one. So a doubtful detection is looked at again in quarter turns.
 */
internal object FauUpright {
    /** Score from which a detection is not doubtful, */
    const val SURE_SCORE = 0.85

    /** and mean distance between key points and mesh up to which it isn't, in outer eye distances. */
    const val SURE_DISTANCE = 0.09

    private const val AROUND = 1.2 // sides of the region that the landmark network sees
    private const val SIDE = 256 // px: twice the detector's input

    /** Mesh points in whose middle each of the detector's first key points lies. */
    private val EYES_NOSE_MOUTH = listOf(33 to 133, 362 to 263, 4 to 4, 13 to 14)

    /** Returns whether a detection may be a face that is not upright; [mesh] is the one in its region. */
    fun isDoubtful(found: FauDetection, mesh: DoubleArray): Boolean {
        if (found.score < SURE_SCORE) return true
        val (left, right) = FauRegion.EYE_CORNERS
        val unit = hypot(mesh[2 * right] - mesh[2 * left], mesh[2 * right + 1] - mesh[2 * left + 1])
        val apart = EYES_NOSE_MOUTH.mapIndexed { i, (one, other) ->
            val x = (mesh[2 * one] + mesh[2 * other]) / 2 - found.points[4 + 2 * i]
            val y = (mesh[2 * one + 1] + mesh[2 * other + 1]) / 2 - found.points[5 + 2 * i]
            hypot(x, y)
        }.average()
        return apart > SURE_DISTANCE * unit
    }

    /**
     * Returns the [region] of a doubtful detection, turned to where the detector sees the face
     * upright; the same if no other turn has a better score, or if it is less than 45 degrees away.
     */
    fun turned(detector: FauDetector, image: FauImage, region: FauRegion, least: Double): FauRegion {
        var best = 0.0
        var chosen = region
        for (quarter in 0..3) {
            val square = FauRegion(region.x, region.y, AROUND * region.size, quarter * PI / 2)
            val part = FauImage.of(square.cut(image, SIDE, zeroBorder = true), SIDE, SIDE)
            val found = detector.find(part, least).firstOrNull() ?: continue
            if (found.score > best) {
                best = found.score
                chosen = inImage(found.region, square)
            }
        }
        return if (FauRegion.apart(chosen.angle, region.angle) > PI / 4) chosen else region
    }

    private fun inImage(found: FauRegion, square: FauRegion): FauRegion {
        val (x, y) = square.matrix(SIDE).at(found.x, found.y)
        return FauRegion(x, y, found.size * square.size / SIDE, FauRegion.wrapped(found.angle + square.angle))
    }
}
