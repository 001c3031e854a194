package dev.fau

import android.content.Context
import android.content.res.AssetManager
import android.graphics.Bitmap
import java.io.File

/** Prints the exception for each bad input; [assets] is the asset folder, [scratch] is an empty one. */
fun guards(assets: File, scratch: File) {
    val listed = FauMetadata.read(File(assets, FauMetadata.FILE).readText())
    val model = File(assets, listed.forGpu!!)
    val json = File(model.path.removeSuffix(".tflite") + ".json").readText()
    println("mesh points\t${FauPreprocess.IBUG_FROM_MEDIAPIPE.joinToString(" ")}")
    val sample = """ {"a": [1, -2.5e3, "\u00e9\/\"", true, null, {}], "b": []} """
    println("JSON\t${FauJson.read(sample, "text")}")
    pictures()
    landmarks()
    files(model, json, scratch)
    estimator(model)
    landmarker(assets, listed, scratch)
    metadata(assets)
    glue(assets, model, scratch)
}

private fun report(name: String, attempt: () -> Any?) {
    val outcome = try {
        "no exception, but ${attempt()}"
    } catch (error: FauException) {
        "FauException: ${error.message}"
    } catch (error: Throwable) {
        "${error.javaClass.name}: ${error.message}"
    }
    println("$name\t${outcome.replace('\n', ' ')}")
}

private const val POOR = """{"criterion": "cross_rig_icc", "value": 0.25, "limit": 0.4}"""
private val GRAY = FauImage(IntArray(64 * 48) { 0x808080 }, 64, 48)
private val FACE = DoubleArray(136) { i ->
    val anchor = FauPreprocess.ANCHORS.indexOf(i / 2)
    if (anchor < 0) 30.0 else 60 * FauPreprocess.TEMPLATE[2 * anchor + i % 2]
}

private fun pictures() {
    report("picture of too few pixels") { FauImage(IntArray(63 * 48), 64, 48) }
    report("empty picture") { FauImage(IntArray(0), 0, 48) }
    report("picture larger than memory") { FauImage(IntArray(0), 65536, 65536) }
}

private fun landmarks() {
    report("67 landmarks") { FauPreprocess.cropMatrix(DoubleArray(134), 128) }
    report("468 mesh points") { FauPreprocess.ibug68(DoubleArray(2 * 468)) }
    for (value in listOf(Double.NaN, Double.POSITIVE_INFINITY)) {
        report("landmark of $value") { FauPreprocess.cropMatrix(FACE.clone().also { it[7] = value }, 128) }
    }
    report("landmarks in one point") { FauPreprocess.cropMatrix(DoubleArray(136) { 20.0 }, 128) }
    report("crop of 0 px") { FauPreprocess.cropMatrix(FACE, 0) }
    report("matrix without inverse") { FauPreprocess.crop(GRAY, Affine(0.0, 0.0, 0.0, 0.0, 0.0, 0.0), 128) }
    report("matrix of NaN") { FauPreprocess.crop(GRAY, Affine(Double.NaN, 0.0, 0.0, 0.0, 1.0, 0.0), 128) }
    report("face as large as a town") {
        val matrix = FauPreprocess.cropMatrix(DoubleArray(136) { FACE[it] * 1e9 }, 128)
        FauPreprocess.crop(GRAY, matrix, 128)
    }
}

private fun files(model: File, json: String, scratch: File) {
    report("missing file") { FauEstimator.fromFile(File(scratch, "no_such.tflite")) }
    val bare = json.replaceFirst("\"low_reliability\"", "\"others\"")
    fun marked(entry: String) = bare.replaceFirst("{", "{\"low_reliability\": $entry,")
    val broken = mapOf(
        "other contract version" to json.replaceFirst(Regex("\"contract_version\": *[12],"), "\"contract_version\": 3,"),
        "no contract version" to json.replaceFirst("\"contract_version\"", "\"version\""),
        "other crop" to json.replaceFirst("0.3044", "0.3144"),
        "JSON cut short" to json.dropLast(9),
        "JSON of a list" to "[1, 2]",
        "no JSON" to "",
        "size as text" to json.replaceFirst(Regex("\"image_size\": *(\\d+)"), "\"image_size\": \"$1\""),
        "five ends of an interval" to json.replaceFirst(Regex("(\"below\": *\\[)[^,]*,"), "$1"),
        "an end on the wrong side" to json.replaceFirst(Regex("(\"above\": *\\[\\s*)[^,]*,"), "$1-1,"),
        "intervals as text" to json.replaceFirst(Regex("\"intervals\": *\\{"), "\"intervals\": \"none\", \"other\": {"),
        "low reliability of an unknown AU" to marked("{\"AU99\": [$POOR]}"),
        "low reliability as text" to marked("{\"AU10\": \"poor\"}"),
        "low reliability without a criterion" to marked("{\"AU10\": []}"),
        "low reliability without a limit" to marked("{\"AU10\": [${POOR.replace("limit", "least")}]}"),
        "an AU twice" to json.replaceFirst("\"AU02\"", "\"AU01\""),
    )
    for ((name, text) in broken) report(name) { check(text != json); FauModelInfo.read(text, "model.json") }
    val read = FauModelInfo.read(marked("{\"AU10\": [$POOR]}"), "model.json")
    println("low reliability\t${read.lowReliability}")
    println("level\t${read.intervals?.level}")
    val none = FauModelInfo.read(bare.replaceFirst("\"intervals\"", "\"more\""), "model.json")
    println("no intervals\t${none.intervals}, ${none.lowReliability}")
    report("interval of an unknown AU") { read.intervals?.around("AU6", 1f) }
    report("another model's JSON") {
        File(scratch, "other.tflite").writeBytes(model.readBytes() + 0)
        File(scratch, "other.json").writeText(json)
        FauEstimator.fromFile(File(scratch, "other.tflite"))
    }
    report("JSON with fewer AUs than the model") {
        File(scratch, "fewer.tflite").writeBytes(model.readBytes())
        File(scratch, "fewer.json").writeText(bare.replaceFirst(Regex("\"AU02\", *\n? *"), ""))
        FauEstimator.fromFile(File(scratch, "fewer.tflite"), useGpu = false).use { "${it.info.auLabels}" }
    }
    report("model for the CPU only") {
        File(scratch, "cpu.tflite").writeBytes(model.readBytes())
        File(scratch, "cpu.json").writeText(json.replaceFirst(Regex(",\\s*\"gpu\""), ""))
        FauEstimator.fromFile(File(scratch, "cpu.tflite")).use { "${it.accelerator}: ${it.fallback}" }
    }
    report("not a model") {
        val bytes = ByteArray(64) { 7 }
        File(scratch, "noise.tflite").writeBytes(bytes)
        val digest = java.security.MessageDigest.getInstance("SHA-256").digest(bytes)
        val sum = digest.joinToString("") { "%02x".format(it) }
        File(scratch, "noise.json").writeText(json.replaceFirst(Regex("\"sha256\": *\"\\w+\""), "\"sha256\": \"$sum\""))
        FauEstimator.fromFile(File(scratch, "noise.tflite"), useGpu = false)
    }
}

private fun estimator(model: File) {
    val estimator = FauEstimator.fromFile(model, useGpu = false)
    val size = estimator.info.imageSize
    report("crop of another size") { estimator.estimate(FloatArray(3 * (size - 1) * (size - 1))) }
    report("crop from 0 to 256") { estimator.estimate(FloatArray(3 * size * size) { 256f }) }
    report("crop of NaN") { estimator.estimate(FloatArray(3 * size * size) { Float.NaN }) }
    report("unknown AU center") { estimator.estimate(FloatArray(3 * size * size)).heatmap("AU99_left") }
    estimator.close()
    estimator.close() // twice is fine
    report("closed estimator") { estimator.estimate(FloatArray(3 * size * size)) }
}

private fun landmarker(assets: File, listed: FauMetadata, scratch: File) {
    val bundle = File(assets, listed.landmarker).readBytes()
    report("another landmarker") { FauBundle.extract(bundle + 0, listed.landmarkerSha256, scratch) }
    report("bundle of nothing") { FauBundle.extract(ByteArray(0), sha256(ByteArray(0)), scratch) }
    report("folder that is none") { FauBundle.extract(bundle, listed.landmarkerSha256, File(scratch, "none")) }
    val files = FauBundle.extract(bundle, listed.landmarkerSha256, scratch)
    report("networks the wrong way round") {
        FauLiteRtNetwork.open(FauBundle.Files(files.landmarks, files.detector), useGpu = false)
    }
    val noise = File(scratch, "face_noise.tflite").apply { writeBytes(ByteArray(64) { 7 }) }
    report("network that is none") { FauLiteRtNetwork.open(FauBundle.Files(noise, files.landmarks), useGpu = false) }
    report("0 faces") { FauLandmarker(Given(), Given(), numFaces = 0) }
    val (detector, landmarks) = FauLiteRtNetwork.open(files, useGpu = false)
    val landmarker = FauLandmarker(detector, landmarks)
    println("no face\t${landmarker.find(GRAY).size} faces")
    println("picture of one px\t${landmarker.find(FauImage(IntArray(1), 1, 1)).size} faces")
    println("frames without a face\t${FauTracker(landmarker).let { tracker -> List(3) { tracker.find(GRAY).size } }}")
    landmarker.close()
    landmarker.close() // twice is fine
    report("closed landmarker") { landmarker.find(GRAY) }
}

/** A network whose outputs nobody asks for. */
private class Given : FauNetwork {
    override fun run(input: FloatArray) = listOf(input)

    override fun close() = Unit
}

private fun metadata(assets: File) {
    val text = File(assets, FauMetadata.FILE).readText()
    val broken = mapOf(
        "metadata of another version" to text.replaceFirst(Regex("\"contract_version\": *[12],"), "\"contract_version\": 3,"),
        "metadata without models" to text.replaceFirst("\"variants\"", "\"models\""),
        "metadata of a model without a file" to text.replaceFirst(Regex("\"file\": \"fau_"), "\"path\": \"fau_"),
        "metadata without a landmarker" to text.replaceFirst("\"landmarks\"", "\"points\""),
        "metadata of a list" to "[1]",
    )
    for ((name, changed) in broken) report(name) { check(changed != text); FauMetadata.read(changed) }
}

private fun glue(assets: File, model: File, scratch: File) {
    for (config in listOf(Bitmap.Config.RGB_565, Bitmap.Config.HARDWARE, null)) {
        report("bitmap of config $config") { bitmap(GRAY, config).toFauImage() }
    }
    report("recycled bitmap") { bitmap(GRAY).apply { isRecycled = true }.toFauImage() }
    report("missing asset") { fauEstimator(Context(AssetManager(scratch.path)), "none.tflite") }
    val bare = File(scratch, "bare").apply { mkdir() }
    report("no assets") { fauReader(Context(AssetManager(bare.path), scratch)) }
    File(assets, FauMetadata.FILE).copyTo(File(bare, FauMetadata.FILE))
    report("missing landmarker") { fauReader(Context(AssetManager(bare.path), scratch)) }
    File(assets, "face_landmarker.task").copyTo(File(bare, "face_landmarker.task"))
    report("missing model") { fauReader(Context(AssetManager(bare.path), scratch), useGpu = false) }
    val context = Context(AssetManager(assets.path), scratch)
    fauReader(context, useGpu = false).use { reader ->
        println("status without a face\t${FauBars.status(reader.read(bitmap(GRAY)), reader)}")
        println("model of the CPU\t${reader.estimator.info.name} on ${reader.estimator.info.accelerators}")
    }
    fauEstimator(context, model.name, useGpu = false).use { println("model by name\t${it.info.name}") }
}
