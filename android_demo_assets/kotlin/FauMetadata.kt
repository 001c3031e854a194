package dev.fau

/**
 * Which files there are, as `fau_metadata.json` lists them.
 *
 * @property models file name of each model -> what runs all of it: `cpu`, or `cpu` and `gpu`.
 * @property landmarker file name of the face landmarker.
 * @property landmarkerSha256 its SHA-256.
 */
class FauMetadata private constructor(
    val models: Map<String, List<String>>,
    val landmarker: String,
    val landmarkerSha256: String,
) {
    /** The model for a GPU; null if there is none. */
    val forGpu: String? get() = models.entries.firstOrNull { "gpu" in it.value }?.key

    /** The model for a CPU: one that was made for it, if there is one. */
    val forCpu: String get() = models.entries.firstOrNull { "gpu" !in it.value }?.key ?: models.keys.first()

    companion object {
        const val FILE = "fau_metadata.json"

        /** Returns the checked content of `fau_metadata.json`. */
        fun read(text: String): FauMetadata {
            val entries = FauJson.read(text, FILE) as? Map<*, *> ?: throw broken("a JSON object", text.take(20))
            val version = entries["contract_version"]
            if (FauModelInfo.CONTRACT_VERSIONS.none { it.toDouble() == version }) {
                throw FauException(
                    "$FILE: contract_version must be ${FauModelInfo.CONTRACT_VERSIONS.joinToString(" or ")}.", version,
                    "Copy models, JSON and Kotlin files from the same version of fau_tf.",
                )
            }
            val rows = (entries["variants"] as? Map<*, *>)?.values?.map { it as? Map<*, *> }
            val models = rows?.associate { row -> row?.get("file") as? String to (row?.get("accelerators") as? List<*>)?.filterIsInstance<String>() }
            if (models.isNullOrEmpty() || models.any { (file, accelerators) -> file == null || accelerators.isNullOrEmpty() }) {
                throw broken("with `file` and `accelerators` of each model in `variants`", "${entries["variants"]}".take(80))
            }
            val landmarks = entries["landmarks"] as? Map<*, *>
            return FauMetadata(
                models.entries.associate { (file, accelerators) -> file!! to accelerators!! },
                landmarks?.get("file") as? String ?: throw broken("with text in `landmarks.file`", landmarks),
                landmarks["sha256"] as? String ?: throw broken("with text in `landmarks.sha256`", landmarks),
            )
        }

        private fun broken(rule: String, received: Any?) =
            FauException("$FILE: must be $rule.", received, "Copy it again from android_demo_assets/.")
    }
}
