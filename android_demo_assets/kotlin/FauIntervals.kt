package dev.fau

import kotlin.math.floor

/**
 * How far an intensity may be off, from people whom the model has not learned from.
 *
 * @property level share of the truths that lie inside, for faces like those people's.
 */
class FauIntervals private constructor(val level: Double, private val ends: Map<String, Ends>) {
    private class Ends(val below: List<Double>, val above: List<Double>)

    /** Returns the interval around an [intensity] of the AU [label], e.g. `AU06`, within 0 to 5. */
    fun around(label: String, intensity: Float): ClosedFloatingPointRange<Float> {
        val own = ends[label] ?: throw FauException("An AU must be one of ${ends.keys}.", label, "Mind its zero.")
        // Errors are another set for each rounded answer: near 0 they are not those near 3.
        val place = floor(intensity.toDouble() + 0.5).toInt().coerceIn(0, LEVELS - 1)
        return end(intensity + own.below[place])..end(intensity + own.above[place])
    }

    private fun end(value: Double) = value.coerceIn(0.0, LEVELS - 1.0).toFloat()

    companion object {
        private const val LEVELS = 6 // 0 to 5

        /** Returns what `intervals` of a model's JSON says of [labels]; null where it is anything else. */
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
