package dev.fau

import com.google.ai.edge.litert.Accelerator
import com.google.ai.edge.litert.CompiledModel
import com.google.ai.edge.litert.LiteRtException
import java.io.File

/**
 * Returns what [open] makes on the GPU alone or, if that fails, on the CPU with the reason.
 *
 * With `Options(GPU, CPU)` LiteRT would silently run on the CPU what the GPU doesn't support.
 *
 * @param name of the model, for messages.
 * @param useGpu false uses the CPU without trying the GPU.
 * @param whyNot why the GPU isn't tried; null if nobody asked for it.
 * @param open compiles and tries a model; gets LiteRT's options, the accelerator, and why it isn't the GPU.
 */
internal fun <T> gpuOrCpu(
    name: String,
    useGpu: Boolean,
    precision: CompiledModel.GpuOptions.Precision,
    whyNot: String? = null,
    open: (CompiledModel.Options, Accelerator, String?) -> T,
): T {
    var reason = whyNot
    if (useGpu) {
        val options = CompiledModel.Options(Accelerator.GPU)
        options.gpuOptions = CompiledModel.GpuOptions(precision = precision)
        try {
            return open(options, Accelerator.GPU, null)
        } catch (error: LiteRtException) {
            reason = "This device's GPU can't run $name: ${error.message}"
        } catch (error: FauException) {
            reason = "This device's GPU computes $name wrongly: ${error.message}"
        }
    }
    try {
        return open(CompiledModel.Options(Accelerator.CPU), Accelerator.CPU, reason)
    } catch (error: LiteRtException) {
        throw FauException(
            "$name: LiteRT must be able to load the model on the CPU.",
            error.message,
            "Keep .tflite uncompressed (noCompress), and use litert 2.3 or newer.",
            error,
        )
    }
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
            } catch (error: Exception) {
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
        ) = gpuOrCpu(file.name, useGpu, precision) { options, accelerator, fallback ->
            val model = CompiledModel.create(file.path, options)
            var network: FauLiteRtNetwork? = null
            try {
                network = FauLiteRtNetwork(file.name, model, outputs, accelerator, fallback)
                network.run(FloatArray(input)) // allocates memory, and shows a GPU that fails
                network
            } catch (error: Exception) {
                network?.close() ?: model.close()
                throw error
            }
        }
    }
}
