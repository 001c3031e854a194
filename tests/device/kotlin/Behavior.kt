package dev.fau

import android.content.Context
import android.content.res.AssetManager
import com.google.ai.edge.litert.Accelerator
import com.google.ai.edge.litert.CompiledModel.GpuOptions.Precision
import com.google.ai.edge.litert.LiteRtException
import java.io.File
import java.util.concurrent.Callable
import java.util.concurrent.Executors

/** Prints one line for each behavior: name, tab, outcome. [assets] is the asset folder, [scratch] is an empty one. */
fun behavior(assets: File, scratch: File) {
    accelerators()
    unpacked(assets, scratch)
    firstChecks(scratch)
    spoken(File(assets, FauMetadata.read(File(assets, FauMetadata.FILE).readText()).forGpu!!))
    for (error in listOf(UnsatisfiedLinkError("no litert_jni"), OutOfMemoryError("heap"), IllegalStateException())) {
        println("sentence of ${error.javaClass.simpleName}\t${FauBars.sentence(error)}")
    }
}

/** A model that gives [outputs], whatever its input. */
private class Fake(val model: String, val on: Accelerator, val fallback: String?, val outputs: List<FloatArray>) : AutoCloseable {
    var closed = 0

    override fun close() {
        closed++
    }
}

private fun accelerators() {
    val cpu = floatArrayOf(4f, -1f, 0f)
    tried("the CPU's numbers", gpu = { cpu })
    tried("numbers within the tolerance", gpu = { floatArrayOf(4f, -1.0039f, 0f) })
    tried("other numbers", gpu = { floatArrayOf(4f, -1.0041f, 0f) })
    tried("NaN", gpu = { floatArrayOf(4f, Float.NaN, 0f) })
    tried("float16 numbers", Precision.FP16, gpu = { floatArrayOf(4f, -1.3f, 0f) })
    tried("other float16 numbers", Precision.FP16, gpu = { floatArrayOf(4f, -1.5f, 0f) })
    tried("default numbers", Precision.DEFAULT, gpu = { floatArrayOf(4f, -1.3f, 0f) })
    tried("an error of LiteRT", gpu = { throw LiteRtException(1, "no GPU") })
    tried("an error of Java", gpu = { throw IllegalStateException("no buffer") })
    tried("a missing library", gpu = { throw UnsatisfiedLinkError("no gpu_jni") })
    tried("no memory", gpu = { throw OutOfMemoryError("heap") })
    tried("a bug of the virtual machine", gpu = { throw InternalError("bug") })
    tried("a missing LiteRT", cpu = { throw NoClassDefFoundError("LiteRt") }, gpu = { throw UnsatisfiedLinkError("no litert_jni") })
    tried("a CPU that fails", cpu = { throw LiteRtException(1, "no kernel") }, gpu = { cpu })
    tried("the CPU's numbers beside int8", int8 = true, gpu = { cpu })
    tried("other numbers beside int8", int8 = true, gpu = { floatArrayOf(4f, -1.0041f, 0f) })
    tried("an error of LiteRT beside int8", int8 = true, gpu = { throw LiteRtException(1, "no GPU") })
    tried("a CPU that fails beside int8", int8 = true, cpu = { throw LiteRtException(1, "no kernel") }, gpu = { cpu })
}

/**
 * Prints where a model runs whose outputs on the GPU are [gpu], how many of the opened ones are open, and
 * which were opened; with [int8], there is another model for the CPU.
 */
private fun tried(
    name: String,
    precision: Precision = Precision.FP32,
    int8: Boolean = false,
    cpu: () -> FloatArray = { floatArrayOf(4f, -1f, 0f) },
    gpu: () -> FloatArray,
) {
    val opened = mutableListOf<Fake>()
    val other = { reason: String? -> Fake("int8", Accelerator.CPU, reason, emptyList()).also { opened += it } }
    val outcome = try {
        val chosen = gpuOrCpu(
            "net", true, precision, float16Tolerance = 0.1, onCpu = other.takeIf { int8 }, firstRun = { it.outputs },
        ) { _, accelerator, reason ->
            val outputs = listOf(FloatArray(2), if (accelerator == Accelerator.GPU) gpu() else cpu())
            Fake("net", accelerator, reason, outputs).also { opened += it }
        }
        "${chosen.on} (${chosen.fallback})"
    } catch (error: Throwable) {
        "$error"
    }
    check(opened.all { it.closed <= 1 })
    println("GPU of $name\t${opened.count { it.closed == 0 }} open, $outcome")
    println("opened for $name\t${opened.joinToString { "${it.model} ${it.on}" }}")
}

private fun unpacked(assets: File, scratch: File) {
    val listed = FauMetadata.read(File(assets, FauMetadata.FILE).readText())
    val bundle = File(assets, listed.landmarker).readBytes()
    val folder = File(scratch, "unpacked").apply { mkdir() }
    val unpack = { FauBundle.extract(bundle, listed.landmarkerSha256, folder).let { listOf(it.detector, it.landmarks) } }
    val first = unpack().map { it.readBytes() }
    folder.listFiles()!!.forEach { it.setLastModified(1000) }
    println("unpacked again\t${unpack().map { it.lastModified() }}")
    unpack()[0].writeBytes(first[0].copyOf(first[0].size - 1))
    unpack()[1].writeBytes(first[1].copyOf().also { it[9]++ })
    println("unpacked over broken files\t${unpack().zip(first).map { (file, bytes) -> file.readBytes().contentEquals(bytes) }}")
    for (left in listOf("face_detector.tflite1.new", "face_landmarks_detector.tflite2.new", "face_detector.tflite3.old", "a.new")) {
        File(folder, left).apply { createNewFile() }.setLastModified(System.currentTimeMillis() - 70_000)
    }
    File(folder, "face_detector.tflite4.new").createNewFile()
    unpack()
    println("files after a killed process\t${folder.list()!!.sorted()}")
    val workers = Executors.newFixedThreadPool(8)
    val failed = List(8) {
        folder.listFiles()!!.forEach(File::delete)
        workers.invokeAll(List(8) { Callable { unpack() } })
    }.flatten().mapNotNull { runCatching { it.get() }.exceptionOrNull()?.cause?.message }
    workers.shutdown()
    println("failures of eight threads\t$failed")
    println("unpacked by eight threads\t${unpack().zip(first).map { (file, bytes) -> file.readBytes().contentEquals(bytes) }}")
    println("files after all\t${folder.list()!!.sorted()}")
}

private fun firstChecks(scratch: File) {
    val nothing = Context(AssetManager(scratch.path), scratch)
    for ((name, open) in mapOf(
        "0 faces" to { fauReader(nothing, numFaces = 0) },
        "division 0" to { fauReader(nothing, divisions = listOf(1, 0)) },
    )) {
        println("reader of $name\t${runCatching { open() }.exceptionOrNull()?.message}")
    }
}

private fun spoken(model: File) {
    val json = File(model.path.removeSuffix(".tflite") + ".json")
    val info = FauModelInfo.read(json.readText(), json.name)
    val reliable = info.auLabels.filter { it !in info.lowReliability }
    println("named\t${reliable.take(4).joinToString { info.auNames.getValue(it) }}")
    fun result(vararg strongest: Float): FauResult {
        val values = reliable.zip(strongest.asIterable()).toMap() + info.lowReliability.keys.associateWith { 5f }
        return FauResult(info, info.auLabels.associateWith { values[it] ?: 0f }, FloatArray(0))
    }
    println("strongest of four\t${FauSpoken.strongest(result(1.4f, 3.6f, 0.5f, 2f))}")
    println("strongest of one\t${FauSpoken.strongest(result(0.49f, 0.5f))}")
    val above = result(3f, 1f, 0.5f).aboveNeutral(result(1f, 2f))
    println("above neutral\t${reliable.take(3).map(above.intensity::getValue)} ${above.interval}")
    println("strongest of none\t${FauSpoken.strongest(result())}")
    val reader = FauSpoken()
    val said = listOf(
        reader.next(null, "Loading.", 0), reader.next(null, "Loading.", 900), reader.next(result(3f), "Status.", 1000),
        reader.next(result(3f), "Status.", 5000), reader.next(result(4f), "Status.", 9999),
        reader.next(null, "No face.", 9999), reader.next(result(4f), "Status.", 10100), reader.next(null, "No face.", 10200),
        reader.next(result(4f), "Status.", 14999), reader.next(result(4.1f), "Status.", 20000), reader.next(result(4.2f), "Status.", 30000),
        reader.next(result(2f), "Status.", 35000), reader.next(result(2f), "Status.", 40000), reader.next(result(2f), "Other.", 45000),
        reader.next(result(1f), "Other.", 50000), reader.next(null, "Other.", 50000), reader.next(result(1f), "Other.", 55000),
    )
    println("said\t${said.joinToString(" | ") { it?.substringAfterLast(' ') ?: "-" }}")
}
