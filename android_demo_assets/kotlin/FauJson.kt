package dev.fau

/**
 * Reads the JSON file beside a model: objects as [Map], arrays as [List], text as [String], numbers
 * as [Double], true and false, null. Android has `org.json`, a plain JVM hasn't, and tests run there.
 */
internal class FauJson private constructor(private val text: String, private val name: String) {
    private var at = 0

    private fun value(): Any? = when (val next = peek()) {
        '{' -> entries('}') { Pair(string(), follow(':').let { value() }) }.toMap()
        '[' -> entries(']') { value() }
        '"' -> string()
        't' -> word("true", true)
        'f' -> word("false", false)
        'n' -> word("null", null)
        else -> if (next == '-' || next.isDigit()) number() else refuse()
    }

    private fun <T> entries(end: Char, entry: () -> T): List<T> {
        at++
        val found = mutableListOf<T>()
        if (peek() != end) {
            found += entry()
            while (peek() == ',') {
                at++
                found += entry()
            }
        }
        follow(end)
        return found
    }

    private fun string(): String {
        follow('"')
        val found = StringBuilder()
        while (at < text.length && text[at] != '"') found.append(if (text[at] == '\\') escaped() else text[at++])
        follow('"')
        return found.toString()
    }

    private fun escaped(): Char {
        val letter = text.getOrElse(at + 1) { refuse() }
        at += 2
        if (letter != 'u') return ESCAPES[letter] ?: refuse()
        val code = text.drop(at).take(4).toIntOrNull(16) ?: refuse()
        at += 4
        return code.toChar()
    }

    private fun number(): Double {
        val digits = text.drop(at).takeWhile { it.isDigit() || it in "+-.eE" }
        at += digits.length
        return digits.toDoubleOrNull() ?: refuse()
    }

    private fun <T> word(word: String, meaning: T): T {
        if (!text.startsWith(word, at)) refuse()
        at += word.length
        return meaning
    }

    private fun peek(): Char {
        while (at < text.length && text[at].isWhitespace()) at++
        return text.getOrElse(at) { refuse() }
    }

    private fun follow(wanted: Char) {
        if (peek() != wanted) refuse()
        at++
    }

    private fun refuse(): Nothing = throw FauException(
        "$name must be JSON.",
        if (at < text.length) "'${text[at]}' at character $at" else "an end after ${text.length} characters",
        "Copy it again from android_demo_assets/.",
    )

    companion object {
        private val ESCAPES = mapOf(
            '"' to '"', '\\' to '\\', '/' to '/', 'b' to '\b', 'f' to '\u000C', 'n' to '\n', 'r' to '\r',
            't' to '\t',
        )

        /** Returns the content of [text], which is the file [name]. */
        fun read(text: String, name: String): Any? {
            val json = FauJson(text.trimEnd(), name)
            val content = json.value()
            if (json.at != json.text.length) json.refuse()
            return content
        }
    }
}
