package dev.fau

import kotlin.math.roundToInt

/** What a screen reader says of successive results, seldom enough to be listened to. Not thread-safe. */
class FauSpoken {
    private var lastAus: String? = null
    private var lastText: String? = null
    private var saidAt = 0L

    /**
     * Returns the next description, or null while the last one stays.
     *
     * A text without a result is said at once; results wait until [EVERY_MS] have passed, and have their
     * text only if it isn't the one said last.
     *
     * @param now ms of a clock that nobody sets, e.g. `SystemClock.uptimeMillis()`.
     */
    fun next(result: FauResult?, text: String, now: Long): String? {
        if (result != null && lastText != null && now - saidAt < EVERY_MS) return null
        val aus = result?.let { strongest(it) }
        if (aus == lastAus && text == lastText) return null
        val next = listOfNotNull(aus, text.takeIf { aus == null || it != lastText }).joinToString(" ")
        lastAus = aus
        lastText = text
        saidAt = now
        return next
    }

    companion object {
        const val EVERY_MS = 5000L
        private const val MOST = 3

        /** Returns the strongest AUs by name, in whole intensities; those of low reliability are left out. */
        fun strongest(result: FauResult): String {
            val felt = result.intensity.filter { (label, value) -> value >= 0.5f && label !in result.info.lowReliability }
            val said = felt.entries.sortedByDescending { it.value }.take(MOST)
            if (said.isEmpty()) return "No movement."
            return said.joinToString(postfix = ".") { (label, value) -> "${result.info.auNames[label] ?: label} ${value.roundToInt()}" }
        }
    }
}
