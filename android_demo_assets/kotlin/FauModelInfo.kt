package dev.fau

import java.security.MessageDigest

/**
 * What the JSON file beside a model says.
 *
 * @property imageSize side S of the crop, px.
 * @property heatmapSize side h = w of a heatmap.
 * @property auLabels the A action units, e.g. `AU06`, in the order of `intensity`.
 * @property centers names of the K AU centers, in the order of the heatmap channels.
 * @property accelerators what the model was made for: `cpu`, or `cpu` and `gpu`.
 * @property sha256 of the .tflite file.
 * @property intervals how far each intensity may be off; null where the model's run didn't find out.
 * @property low-reliability AUs whose intensities should not be relied on, and why.
 */
class FauModelInfo private constructor(
    val name: String,
    val imageSize: Int,
    val heatmapSize: Int,
    val auLabels: List<String>,
    val centers: List<String>,
    val accelerators: List<String>,
    val sha256: String,
    val intervals: FauIntervals?,
    val low_reliability: Map<String, String>,
) {
    /** Throws unless [flatbuffer] is the file that this JSON describes. */
    fun checkFile(flatbuffer: ByteArray) {
        val found = MessageDigest.getInstance("SHA-256").digest(flatbuffer)
            .joinToString("") { "%02x".format(it) }
        if (found != sha256) {
            throw FauException(
                "$name: the model must have the SHA-256 of its JSON file, $sha256.",
                "$found (${flatbuffer.size} bytes)",
                "Copy the .tflite and the .json again, both from one export.",
            )
        }
    }

    companion object {
        const val CONTRACT_VERSION = 1

        /** Returns the checked content of the JSON file beside a model; [file] is its name. */
        fun read(text: String, file: String): FauModelInfo {
            val entries = FauJson.read(text, file) as? Map<*, *>
                ?: throw broken(file, "a JSON object", text.take(20))
            val version = entries["contract_version"]
            if (version != CONTRACT_VERSION.toDouble()) {
                throw FauException(
                    "$file: contract_version must be $CONTRACT_VERSION.",
                    version,
                    "Take model, JSON and Kotlin files from the same version of fau_tf.",
                )
            }
            checkCrop(file, entries["crop"] as? Map<*, *>)
            val labels = words(file, entries, "au_labels")
            return FauModelInfo(
                name = entries["name"] as? String ?: throw broken(file, "with text in `name`", entries["name"]),
                imageSize = size(file, entries, "image_size"),
                heatmapSize = size(file, entries, "heatmap_size"),
                auLabels = labels,
                centers = words(file, entries, "centers"),
                accelerators = words(file, entries, "accelerators"),
                sha256 = entries["sha256"] as? String
                    ?: throw broken(file, "with text in `sha256`", entries["sha256"]),
                intervals = intervals(file, entries["intervals"], labels),
                low_reliability = low_reliability(file, entries["low_reliability"], labels),
            )
        }

        private fun intervals(file: String, entry: Any?, labels: List<String>): FauIntervals? {
            if (entry == null) return null
            return (entry as? Map<*, *>)?.let { FauIntervals.read(it, labels) }
                ?: throw broken(file, "with six ends `below` and `above` of each AU in `intervals`", "$entry".take(80))
        }

        private fun low_reliability(file: String, entry: Any?, labels: List<String>): Map<String, String> {
            val reasons = (entry ?: emptyMap<String, String>()) as? Map<*, *>
            if (reasons == null || !reasons.all { (label, why) -> label in labels && why is String }) {
                throw broken(file, "with reasons by AU label in `low_reliability`", "$entry".take(80))
            }
            return reasons.entries.associate { (label, why) -> label as String to why as String }
        }

        /** The crop that the model learned from must be the one that [FauPreprocess] cuts. */
        private fun checkCrop(file: String, crop: Map<*, *>?) {
            val anchors = (crop?.get("anchors_ibug68") as? List<*>)
            val template = (crop?.get("template") as? List<*>)?.flatMap { it as? List<*> ?: listOf(it) }
            if (anchors != FauPreprocess.ANCHORS.map { it.toDouble() } || template != FauPreprocess.TEMPLATE.toList()) {
                throw broken(file, "of a model that was trained on the crop of FauPreprocess", crop)
            }
        }

        private fun size(file: String, entries: Map<*, *>, key: String): Int {
            val value = entries[key] as? Double
            if (value == null || value < 1 || value > 4096 || value % 1 != 0.0) {
                throw broken(file, "with a positive whole number in `$key`", entries[key])
            }
            return value.toInt()
        }

        private fun words(file: String, entries: Map<*, *>, key: String): List<String> {
            val value = entries[key] as? List<*>
            if (value.isNullOrEmpty() || value.any { it !is String } || value.toSet().size != value.size) {
                throw broken(file, "with a list of different words in `$key`", entries[key])
            }
            return value.map { it as String }
        }

        private fun broken(file: String, rule: String, received: Any?) =
            FauException("$file: must be $rule.", received, "Export the model again with fau_tf.")
    }
}

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
