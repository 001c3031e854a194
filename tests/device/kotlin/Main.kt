/*
 * Runs android_demo_assets/kotlin on the JVM for tests/device/test_kotlin.py.
 *
 *     golden GOLDEN MODEL OUT cpu|FP16|FP32 [SHIFT]   arrays of each case into OUT, as golden/ has them
 *     glue   GOLDEN MODEL OUT                         the same through Bitmap, assets and FauReader
 *     guards MODEL OUT                                one line for each bad input: name, tab, exception
 */
package dev.fau

import android.content.Context
import android.content.res.AssetManager
import android.graphics.Bitmap
import com.google.ai.edge.litert.CompiledModel.GpuOptions.Precision
import com.google.mediapipe.tasks.components.containers.NormalizedLandmark
import com.google.mediapipe.tasks.vision.facelandmarker.FaceLandmarker
import java.io.File
import java.nio.ByteBuffer
import java.nio.ByteOrder
import javax.imageio.ImageIO

fun main(arguments: Array<String>) {
    when (arguments[0]) {
        "golden" -> golden(arguments.drop(1))
        "glue" -> glue(arguments.drop(1))
        "guards" -> guards(File(arguments[1]), File(arguments[2]))
        else -> error("first argument: golden, glue or guards. Received: ${arguments[0]}")
    }
}

private class Case(private val folder: File, private val entry: Map<*, *>) {
    val name = entry["name"] as String

    fun picture(): FauImage {
        val image = ImageIO.read(File(folder, entry["picture"] as String))
        val argb = IntArray(image.width * image.height)
        image.getRGB(0, 0, image.width, image.height, argb, 0, image.width)
        return FauImage(argb, image.width, image.height)
    }

    fun doubles(array: String) = bytes(array).asDoubleBuffer().let { DoubleArray(it.remaining()).also(it::get) }

    fun floats(array: String) = bytes(array).asFloatBuffer().let { FloatArray(it.remaining()).also(it::get) }

    private fun bytes(array: String): ByteBuffer {
        val file = ((entry["arrays"] as Map<*, *>)[array] as Map<*, *>)["file"] as String
        return ByteBuffer.wrap(File(folder, file).readBytes()).order(ByteOrder.LITTLE_ENDIAN)
    }
}

private fun cases(folder: File): List<Case> {
    val index = FauJson.read(File(folder, "index.json").readText(), "index.json") as Map<*, *>
    return (index["cases"] as List<*>).map { Case(folder, it as Map<*, *>) }
}

private class Output(private val folder: File, private val case: String) {
    fun doubles(name: String, values: DoubleArray) = write(name, 8 * values.size) { it.asDoubleBuffer().put(values) }

    fun floats(name: String, values: FloatArray) = write(name, 4 * values.size) { it.asFloatBuffer().put(values) }

    fun matrix(m: Affine) = doubles("matrix", doubleArrayOf(m.a, m.b, m.c, m.d, m.e, m.f))

    fun result(result: FauResult) {
        floats("intensity", result.info.auLabels.map { result.intensity.getValue(it) }.toFloatArray())
        val ends = result.interval?.let { known -> result.info.auLabels.map { known.getValue(it) } }.orEmpty()
        floats("interval", ends.flatMap { listOf(it.start, it.endInclusive) }.toFloatArray())
        // Channel by channel and back, so that a center's heatmap is tested as well.
        val maps = result.info.centers.map(result::heatmap)
        floats("heatmaps", FloatArray(result.heatmaps.size) { maps[it % maps.size][it / maps.size] })
    }

    private fun write(name: String, size: Int, put: (ByteBuffer) -> Unit) {
        val bytes = ByteBuffer.allocate(size).order(ByteOrder.LITTLE_ENDIAN).also(put)
        File(folder, "$case.$name.bin").writeBytes(bytes.array())
    }
}

private fun announce(estimator: FauEstimator) {
    println("accelerator\t${estimator.accelerator}")
    println("fallback\t${estimator.fallback ?: ""}")
}

private fun golden(arguments: List<String>) {
    val shift = arguments.getOrNull(4)?.toDouble() ?: 0.0
    val precision = Precision.entries.find { it.name == arguments[3] } ?: Precision.DEFAULT
    FauEstimator.fromFile(File(arguments[1]), useGpu = arguments[3] != "cpu", precision).use { estimator ->
        announce(estimator)
        val size = estimator.info.imageSize
        for (case in cases(File(arguments[0]))) {
            val out = Output(File(arguments[2]), case.name)
            val matrix = FauPreprocess.cropMatrix(case.doubles("landmarks"), size)
            out.matrix(matrix)
            out.floats("crop", FauPreprocess.crop(case.picture(), matrix.copy(c = matrix.c + shift), size))
            out.result(estimator.estimate(case.floats("input")))
        }
    }
}

private fun glue(arguments: List<String>) {
    val model = File(arguments[1])
    val context = Context(AssetManager(model.parent))
    fauEstimator(context, model.name, useGpu = false).use { estimator ->
        FauReader(context, estimator).use { reader ->
            for (case in cases(File(arguments[0]))) {
                val picture = case.picture()
                FaceLandmarker.found = listOf(mesh(case.doubles("landmarks"), picture))
                val face = reader.read(bitmap(picture)).single()
                val out = Output(File(arguments[2]), case.name)
                out.doubles("landmarks", face.landmarks)
                out.matrix(face.matrix)
                out.floats("crop", FauPreprocess.crop(picture, face.matrix, estimator.info.imageSize))
                out.result(face.result)
            }
        }
    }
}

/** A mesh in fractions of the picture, with the landmarks where MediaPipe has them. */
private fun mesh(landmarks: DoubleArray, picture: FauImage): List<NormalizedLandmark> {
    val where = FauPreprocess.IBUG_FROM_MEDIAPIPE.withIndex().associate { (i, point) -> point to i }
    return List(FauPreprocess.MESH_POINTS) { point ->
        val i = where[point] ?: return@List NormalizedLandmark(Float.NaN, Float.NaN)
        NormalizedLandmark(
            (landmarks[2 * i] / picture.width).toFloat(), (landmarks[2 * i + 1] / picture.height).toFloat(),
        )
    }
}

private fun bitmap(picture: FauImage, config: Bitmap.Config = Bitmap.Config.ARGB_8888) =
    Bitmap(picture.width, picture.height, config, picture.argb)
