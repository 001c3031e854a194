package dev.fau

import kotlin.math.floor

/**
 * Conformal prediction intervals around intensities, from the errors on validation subjects.
 *
 * @property level coverage: share of the true intensities inside, on faces like the validation set's.
 */
class FauIntervals private constructor(val level: Double, private val ends: Map<String, Ends>) {
    private class Ends(val below: List<Double>, val above: List<Double>)

    /** Returns the interval around an [intensity] of the AU [label], e.g. `AU06`, within 0 to 5. */
    fun around(label: String, intensity: Float): ClosedFloatingPointRange<Float> {
        val own = ends[label] ?: throw FauException("An AU must be one of ${ends.keys}.", label, "Write two digits, e.g. AU06.")
        // One pair of ends per rounded intensity: errors near 0 differ from those near 3.
        val place = floor(intensity.toDouble() + 0.5).toInt().coerceIn(0, LEVELS - 1)
        return end(intensity + own.below[place])..end(intensity + own.above[place])
    }

    private fun end(value: Double) = value.coerceIn(0.0, LEVELS - 1.0).toFloat()

    companion object {
        private const val LEVELS = 6 // 0 to 5

        /** Returns the intervals of [labels] in a model's JSON; null if the [entry] is malformed. */
        internal fun read(entry: Map<*, *>, labels: List<String>): FauIntervals? {
            val level = (entry["level"] as? Double)?.takeIf { it > 0 && it < 1 } ?: return null
            val rows = entry["per_au"] as? Map<*, *> ?: return null
            return FauIntervals(level, labels.associateWith { ends(rows[it]) ?: return null })
        }

        private fun ends(row: Any?): Ends? {
            val (below, above) = listOf("below", "above").map { side ->
                ((row as? Map<*, *>)?.get(side) as? List<*>)?.mapNotNull { it as? Double }.orEmpty()
            }
            val fits = below.size == LEVELS && above.size == LEVELS && below.all { it <= 0 } && above.all { it >= 0 }
            return if (fits) Ends(below, above) else null
        }
    }
}
