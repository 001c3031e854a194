package dev.fau

/**
 * A criterion of reliability that an AU fails.
 *
 * @property criterion its key, explained by `low_reliability_criteria` in `fau_metadata.json`.
 * @property value what was measured.
 * @property limit the smallest value that passes.
 */
data class FauFailedCriterion(val criterion: String, val value: Double, val limit: Double)

/**
 * The checked content of the JSON file beside a model.
 *
 * @property imageSize side S of the crop, px.
 * @property heatmapSize side h = w of a heatmap.
 * @property auLabels the A action units, e.g. `AU06`, in the order of `intensity`.
 * @property auNames AU label -> its name in words, e.g. `Cheek Raiser`; empty if the file has none.
 * @property centers names of the K AU centers, in the order of the heatmap channels.
 * @property accelerators what runs the whole model: `cpu`, or `cpu` and `gpu`.
 * @property sha256 of the .tflite file.
 * @property intervals prediction intervals around the intensities; null if the model has none.
 * @property lowReliability AU label -> the criteria that it fails; don't rely on the intensities of
 *   these AUs.
 */
class FauModelInfo private constructor(
    val name: String,
    val imageSize: Int,
    val heatmapSize: Int,
    val auLabels: List<String>,
    val auNames: Map<String, String>,
    val centers: List<String>,
    val accelerators: List<String>,
    val sha256: String,
    val intervals: FauIntervals?,
    val lowReliability: Map<String, List<FauFailedCriterion>>,
) {
    /** Heatmap channels of the centers on the picture's left and right. */
    internal class SideChannels(val left: Int, val right: Int)

    /** AU label -> channels, of the AUs with exactly one center on each side. */
    internal val sideChannels: Map<String, SideChannels> = auLabels.mapNotNull { label ->
        val own = centers.filter { it.startsWith("${label}_") }
        val sides = listOf("left", "right").map { "${label}_$it" }
        if (own.toSet() != sides.toSet()) null else label to sides.map(centers::indexOf).let { (l, r) -> SideChannels(l, r) }
    }.toMap()

    /** Throws unless [flatbuffer] is the file that this JSON describes. */
    fun checkFile(flatbuffer: ByteArray) {
        requireSha256(
            flatbuffer,
            sha256,
            "$name: the model must have the SHA-256 of its JSON file, $sha256.",
            "Copy the .tflite and the .json again, both from one export.",
        )
    }

    companion object {
        /** Version 2 may have AU07, AU23 and AU45 besides the 14 AUs of version 1. */
        val CONTRACT_VERSIONS = listOf(1, 2)

        /** Returns the checked content of the JSON file beside a model; [file] is its name. */
        fun read(text: String, file: String): FauModelInfo {
            val entries = FauJson.read(text, file) as? Map<*, *>
                ?: throw broken(file, "a JSON object", text.take(20))
            val version = entries["contract_version"]
            if (CONTRACT_VERSIONS.none { it.toDouble() == version }) {
                throw FauException(
                    "$file: contract_version must be ${CONTRACT_VERSIONS.joinToString(" or ")}.",
                    version,
                    "Copy model, JSON and Kotlin files from the same version of fau_tf.",
                )
            }
            checkCrop(file, entries["crop"] as? Map<*, *>)
            val labels = words(file, entries, "au_labels")
            return FauModelInfo(
                name = entries["name"] as? String ?: throw broken(file, "with text in `name`", entries["name"]),
                imageSize = size(file, entries, "image_size"),
                heatmapSize = size(file, entries, "heatmap_size"),
                auLabels = labels,
                auNames = labels.zip((entries["au_names"] as? List<*>).orEmpty().map { "$it" }).toMap(),
                centers = words(file, entries, "centers"),
                accelerators = words(file, entries, "accelerators"),
                sha256 = entries["sha256"] as? String
                    ?: throw broken(file, "with text in `sha256`", entries["sha256"]),
                intervals = intervals(file, entries["intervals"], labels),
                lowReliability = lowReliability(file, entries["low_reliability"], labels),
            )
        }

        private fun intervals(file: String, entry: Any?, labels: List<String>): FauIntervals? {
            if (entry == null) return null
            return (entry as? Map<*, *>)?.let { FauIntervals.read(it, labels) }
                ?: throw broken(file, "with six ends `below` and `above` of each AU in `intervals`", "$entry".take(80))
        }

        private fun lowReliability(
            file: String,
            entry: Any?,
            labels: List<String>,
        ): Map<String, List<FauFailedCriterion>> {
            val rows = (entry ?: emptyMap<String, Any>()) as? Map<*, *>
            val failed = rows?.entries?.associate { (label, criteria) ->
                label as String to (criteria as? List<*>)?.map(::failedCriterion).orEmpty()
            }
            if (failed == null || failed.any { (label, criteria) -> label !in labels || criteria.isEmpty() || null in criteria }) {
                throw broken(
                    file,
                    "with a list of `criterion`, `value` and `limit` by AU label in `low_reliability`",
                    "$entry".take(80),
                )
            }
            return failed.mapValues { (_, criteria) -> criteria.filterNotNull() }
        }

        private fun failedCriterion(row: Any?): FauFailedCriterion? {
            val entries = row as? Map<*, *> ?: return null
            return FauFailedCriterion(
                criterion = entries["criterion"] as? String ?: return null,
                value = entries["value"] as? Double ?: return null,
                limit = entries["limit"] as? Double ?: return null,
            )
        }

        /** Throws unless the model was trained on the crop that [FauPreprocess] cuts. */
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
