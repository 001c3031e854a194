package dev.fau

import java.util.Locale
import kotlin.math.max
import kotlin.math.min

/** Something to draw; positions are px, colors 0xAARRGGBB. */
sealed interface FauShape {
    val color: Int
}

/** A rectangle with round corners of a [radius]. */
data class FauBox(
    val left: Float, val top: Float, val right: Float, val bottom: Float,
    override val color: Int, val radius: Float = 0f,
) : FauShape

/** A line of text from [x] on, with its baseline at [y], in letters of [size] px. */
data class FauText(val text: String, val x: Float, val y: Float, val size: Float, override val color: Int) : FauShape

/** Px at each side of a screen that bars and cameras of the phone cover. */
data class FauInsets(val left: Float = 0f, val top: Float = 0f, val right: Float = 0f, val bottom: Float = 0f)

/**
 * Where bars and texts lie on a screen: one bar per AU from 0 to 5, with its interval as a line, gray
 * if its reliability is low; below them the lines of a text. Without a result there are no bars:
 * a face that wasn't read doesn't look like one at rest.
 *
 * @param width of the screen, px.
 * @param height of the screen, px.
 * @param density px per dp.
 * @param letters size of the letters, px: [LETTERS_SP] as the phone's user has set them. A long text,
 *   or a screen without room for all bars, is drawn in smaller ones or cut short.
 * @param insets what the bars keep clear of.
 * @param measure returns the width of a text in letters of a size, px.
 */
class FauBars(
    private val width: Float,
    private val height: Float,
    private val density: Float,
    private val letters: Float,
    private val insets: FauInsets,
    private val measure: (String, Float) -> Float,
) {
    private val gap = 8 * density
    private val left = insets.left + gap
    private val right = width - insets.right - gap

    /** Returns the shapes of a result, or of none, and a text; first what is drawn first. */
    fun shapes(result: FauResult?, text: String): List<FauShape> {
        val labels = result?.info?.auLabels.orEmpty()
        val columns = if (width > height) 2 else 1
        val rows = (labels.size + columns - 1) / columns
        val line = 1.35f * letters
        val room = height - insets.top - insets.bottom - 5 * gap
        val lines = wrapped(text, right - left - 2 * gap, most = ((room - rows * LEAST_ROW * density) / line).toInt())
        val row = rowHeight(rows, room - lines.size * line)
        val bottom = height - insets.bottom - gap
        val top = bottom - 3 * gap - lines.size * line - rows * row
        val shapes = mutableListOf<FauShape>(FauBox(left, top, right, bottom, PANEL, gap))
        if (result != null) {
            val column = (right - left - 2 * gap) / columns
            labels.forEachIndexed { i, label ->
                val x = left + gap + i / rows * column
                shapes += bar(result, label, x, top + gap + i % rows * row, column - (columns - 1) * gap, row)
            }
        }
        lines.forEachIndexed { i, words ->
            shapes += FauText(words, left + gap, bottom - gap - (lines.size - i) * line + letters, letters, TEXT)
        }
        return shapes
    }

    /** Returns the height of a row, px: it grows with the letters until the bars cover too much of the face. */
    private fun rowHeight(rows: Int, room: Float): Float {
        val count = max(rows, 1)
        val wanted = max(ROW * density, min(1.7f * letters, MOST_OF_SCREEN * height / count))
        return min(wanted, room / count).coerceAtLeast(0f)
    }

    private fun bar(result: FauResult, label: String, x: Float, y: Float, width: Float, row: Float): List<FauShape> {
        val size = min(letters, 0.7f * row)
        val baseline = y + row / 2 + 0.36f * size
        val value = result.intensity.getValue(label)
        val weak = label in result.info.lowReliability
        val name = result.info.auNames[label]?.takeIf { width > 23 * size }
        val title = listOfNotNull(label, name).joinToString(" ")
        val start = x + (if (name == null) 4.3f * size else 0.52f * width)
        val end = x + width - gap - 1.9f * size
        val unit = (end - start) / SCALE
        val middle = y + row / 2
        val shapes = mutableListOf<FauShape>(
            FauText(fitted(title, size, start - x - gap), x, baseline, size, if (weak) DIM else TEXT),
            FauBox(start, middle - 0.3f * row, end, middle + 0.3f * row, TRACK, 2 * density),
            FauBox(start, middle - 0.3f * row, start + value * unit, middle + 0.3f * row, if (weak) DIM else BAR, 2 * density),
            FauText(String.format(Locale.ROOT, "%.1f", value), end + gap, baseline, size, if (weak) DIM else TEXT),
        )
        result.interval?.getValue(label)?.let { interval ->
            val from = start + interval.start * unit
            shapes += FauBox(from, middle - density, start + interval.endInclusive * unit, middle + density, TEXT)
        }
        return shapes
    }

    /** Returns a text, cut short at the end if it is wider than [room] px. */
    private fun fitted(text: String, size: Float, room: Float): String {
        if (measure(text, size) <= room) return text
        val kept = text.indices.lastOrNull { measure(text.take(it) + "…", size) <= room } ?: return ""
        return text.take(kept) + "…"
    }

    /** Returns the lines of a text, the [most] first ones, but at least one. */
    private fun wrapped(text: String, room: Float, most: Int): List<String> {
        val lines = mutableListOf<String>()
        for (word in text.split(' ')) {
            val longer = lines.lastOrNull()?.let { "$it $word" }
            if (longer != null && measure(longer, letters) <= room) lines[lines.lastIndex] = longer else lines += word
        }
        val kept = lines.take(max(most, 1)).toMutableList()
        if (kept.size < lines.size) kept[kept.lastIndex] += " …"
        return kept.map { fitted(it, letters, room) }
    }

    companion object {
        /** Size of the letters, in Android's scaled px. */
        const val LETTERS_SP = 13f

        private const val SCALE = 5f // FACS intensity
        private const val ROW = 22f // dp
        private const val LEAST_ROW = 12f // dp
        private const val MOST_OF_SCREEN = 0.6f
        private const val PANEL = 0xB0101418.toInt()
        private const val TRACK = 0x40FFFFFF
        private const val BAR = 0xFF4CC38A.toInt()
        private const val DIM = 0xFFA0A4A8.toInt()
        private const val TEXT = 0xFFFFFFFF.toInt()

        /** Returns the line below the bars: what was found, and what the networks run on. */
        fun status(faces: List<FauFace>, reader: FauReader): String {
            val face = faces.firstOrNull()
            val found = when {
                face == null -> "No face found. Hold the phone upright at arm's length, with light on the whole face."
                face.result.info.lowReliability.isEmpty() -> "Not a measurement of feelings."
                else -> "Gray: low reliability. Not a measurement of feelings."
            }
            return found + " On the ${reader.estimator.accelerator}." + reader.fallbacks.joinToString("") { " $it" }
        }

        /** Returns what is shown in place of bars after an error. */
        fun sentence(error: Throwable): String = when (error) {
            is FauException -> error.message.orEmpty()
            is OutOfMemoryError -> "The phone is out of memory. Close other apps, then open this one again."
            else -> "${(error.message ?: "$error").trimEnd('.')}. Close the app and open it again."
        }
    }
}
