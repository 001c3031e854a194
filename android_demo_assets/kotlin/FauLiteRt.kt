package dev.fau

import com.google.ai.edge.litert.Accelerator
import com.google.ai.edge.litert.CompiledModel
import com.google.ai.edge.litert.LiteRtException
import java.io.File
import java.util.Locale
import kotlin.math.abs
import kotlin.math.cos
import kotlin.math.max
import kotlin.math.sin

/**
 * Returns what [open] makes on the GPU alone or, if that fails, on the CPU with the reason.
 *
 * With `Options(GPU, CPU)` LiteRT would silently run on the CPU what the GPU doesn't support. A GPU
 * has failed, too, if its outputs on a pattern differ from the CPU's by more than a share of an output's
 * largest number, or of 1 if that is less: [FLOAT32_TOLERANCE] or [float16Tolerance].
 *
 * @param name of the model, for messages.
 * @param useGpu false uses the CPU without trying the GPU.
 * @param float16Tolerance what rounding may change if the GPU is allowed 16-bit floats.
 * @param whyNot why the GPU isn't tried; null if nobody asked for it.
 * @param onCpu opens another model in place of this one on the CPU; gets why it isn't the GPU.
 * @param firstRun returns the outputs on a [pattern]; this also allocates memory.
 * @param open compiles a model; gets LiteRT's options, the accelerator, and why it isn't the GPU.
 */
internal fun <T : AutoCloseable> gpuOrCpu(
    name: String,
    useGpu: Boolean,
    precision: CompiledModel.GpuOptions.Precision,
    float16Tolerance: Double,
    whyNot: String? = null,
    onCpu: ((String?) -> T)? = null,
    firstRun: (T) -> List<FloatArray>,
    open: (CompiledModel.Options, Accelerator, String?) -> T,
): T {
    var reason = whyNot
    if (useGpu) {
        try {
            val options = CompiledModel.Options(Accelerator.GPU)
            options.gpuOptions = CompiledModel.GpuOptions(precision = precision)
            return closedUnlessPassed(open(options, Accelerator.GPU, null)) { onGpu ->
                val found = firstRun(onGpu)
                val expected = open(CompiledModel.Options(Accelerator.CPU), Accelerator.CPU, null).use(firstRun)
                val exact = precision == CompiledModel.GpuOptions.Precision.FP32
                requireSame(expected, found, if (exact) FLOAT32_TOLERANCE else float16Tolerance)
            }
        } catch (error: FauException) {
            reason = "This device's GPU computes $name wrongly: ${error.message}"
        } catch (error: Throwable) {
            if (!isReportable(error)) throw error
            reason = "This device's GPU can't run $name: ${error.message ?: error}"
        }
    }
    if (onCpu != null) return onCpu(reason)
    try {
        return closedUnlessPassed(open(CompiledModel.Options(Accelerator.CPU), Accelerator.CPU, reason)) { firstRun(it) }
    } catch (error: LiteRtException) {
        throw FauException(
            "$name: LiteRT must be able to load the model on the CPU.",
            error.message,
            "Keep .tflite uncompressed (noCompress), and use litert 2.3 or newer.",
            error,
        )
    } catch (error: LinkageError) {
        throw FauException(
            "$name: the app must contain LiteRT's native library for this phone.",
            error.message ?: error,
            "Add the litert dependency, and keep the phone's ABI in the build.",
            error,
        )
    }
}

/** Returns whether an app can go on after an error, and say what it was. */
internal fun isReportable(error: Throwable) =
    error is Exception || error is LinkageError || error is OutOfMemoryError

private const val FLOAT32_TOLERANCE = 1e-3

/** Returns numbers from 0 to [largest] that vary slowly, as those of a picture do. */
internal fun pattern(size: Int, largest: Float) =
    FloatArray(size) { (largest * (0.5 + 0.5 * sin(it / 97.0) * cos(it / 1013.0))).toFloat() }

private fun requireSame(expected: List<FloatArray>, found: List<FloatArray>, tolerance: Double) {
    val apart = expected.zip(found).maxOf { (numbers, others) ->
        val scale = max(1f, numbers.maxOf { abs(it) }).toDouble()
        numbers.indices.maxOf { abs(numbers[it] - others[it]) / scale }
    }
    if (!(apart <= tolerance)) {
        throw FauException(
            "Its outputs on a test pattern must be the CPU's within $tolerance of the largest number.",
            "%.3g".format(Locale.ROOT, apart),
            "Nothing has to be done: the CPU computes instead.",
        )
    }
}

private fun <T : AutoCloseable> closedUnlessPassed(opened: T, check: (T) -> Unit): T = try {
    opened.also(check)
} catch (error: Throwable) {
    opened.close()
    throw error
}

/**
 * A network of the face landmarker on LiteRT. Not thread-safe.
 *
 * @property accelerator what it runs on.
 * @property fallback why it isn't the GPU; null if it is, or if the GPU wasn't requested.
 */
class FauLiteRtNetwork private constructor(
    private val name: String,
    private val model: CompiledModel,
    private val sizes: List<Int>,
    val accelerator: Accelerator,
    val fallback: String?,
) : FauNetwork {
    private val inputs = model.createInputBuffers()
    private val outputs = model.createOutputBuffers()
    private var closed = false

    override fun run(input: FloatArray): List<FloatArray> {
        if (closed) throw FauException("$name must be open.", "a closed network", "Open the landmarker again.")
        inputs.single().writeFloat(input)
        model.run(inputs, outputs)
        val values = outputs.map { it.readFloat() }
        if (values.map { it.size }.take(sizes.size) != sizes) {
            throw FauException(
                "$name must have outputs of $sizes numbers.", values.map { it.size },
                "Copy face_landmarker.task again from android_demo_assets/.",
            )
        }
        val bad = values.sumOf { output -> output.count { !it.isFinite() } }
        if (bad > 0) {
            throw FauException("$name must give finite numbers.", "$bad that are not", "Run it on the CPU (useGpu = false).")
        }
        return values
    }

    override fun close() {
        if (closed) return
        closed = true
        (inputs + outputs).forEach { it.close() }
        model.close()
    }

    companion object {
        /** A few px of what a network sees, as points are the largest numbers. Measured: 0.0065. */
        private const val FLOAT16_TOLERANCE = 0.02

        /** Numbers of the detector's input, and of its outputs. */
        private const val DETECTOR_INPUT = FauDetector.SIDE * FauDetector.SIDE * 3
        private val DETECTOR_OUTPUTS = listOf(FauDetector.ANCHORS * 16, FauDetector.ANCHORS)

        /** Numbers of the landmark network's input, and of its first outputs. */
        private const val LANDMARKS_INPUT = FauLandmarker.SIDE * FauLandmarker.SIDE * 3
        private val LANDMARKS_OUTPUTS = listOf(FauPreprocess.MESH_POINTS * 3, 1)

        /** Returns detector and landmark network of [files], from [FauBundle.extract]. */
        fun open(
            files: FauBundle.Files,
            useGpu: Boolean = true,
            precision: CompiledModel.GpuOptions.Precision = CompiledModel.GpuOptions.Precision.FP32,
        ): Pair<FauLiteRtNetwork, FauLiteRtNetwork> {
            val detector = open(files.detector, DETECTOR_INPUT, DETECTOR_OUTPUTS, useGpu, precision)
            try {
                return Pair(detector, open(files.landmarks, LANDMARKS_INPUT, LANDMARKS_OUTPUTS, useGpu, precision))
            } catch (error: Throwable) {
                detector.close()
                throw error
            }
        }

        private fun open(
            file: File,
            input: Int,
            outputs: List<Int>,
            useGpu: Boolean,
            precision: CompiledModel.GpuOptions.Precision,
        ) = gpuOrCpu(
            file.name, useGpu, precision, FLOAT16_TOLERANCE, firstRun = { it.run(pattern(input, 1f)) },
        ) { options, accelerator, fallback ->
            val model = CompiledModel.create(file.path, options)
            try {
                FauLiteRtNetwork(file.name, model, outputs, accelerator, fallback)
            } catch (error: Throwable) {
                model.close()
                throw error
            }
        }
    }
}
