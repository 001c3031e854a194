package dev.fau

import com.google.ai.edge.litert.Accelerator
import com.google.ai.edge.litert.CompiledModel
import com.google.ai.edge.litert.LiteRtException
import com.google.ai.edge.litert.TensorBuffer
import java.io.File
import java.io.IOException

/** Intensities of the face's own left and right, 0 to 5: the picture's right and left, if it isn't mirrored. */
data class FauSides(val left: Float, val right: Float)

/**
 * The AU intensities and heatmaps of one crop.
 *
 * @property intensity AU label, e.g. `AU06` -> FACS intensity, 0 to 5.
 * @property heatmaps h x w x K, row by row, channels last, 0 to 5, over the crop.
 * @property neutral what was subtracted by [aboveNeutral]; null if nothing was.
 */
class FauResult(
    val info: FauModelInfo,
    val intensity: Map<String, Float>,
    val heatmaps: FloatArray,
    val neutral: FauResult? = null,
) {
    /** AU label -> prediction interval; null if the model has none, and of [aboveNeutral]. See [FauIntervals]. */
    val interval: Map<String, ClosedFloatingPointRange<Float>>?
        get() = info.intervals?.takeIf { neutral == null }?.let { known ->
            intensity.mapValues { (label, value) -> known.around(label, value) }
        }

    /**
     * Returns this result with its intensities minus those of a neutral face of the same person, within 0 to 5.
     *
     * A neutral face may have intensities above 0: low brows, deep folds, lip corners that point down.
     * Heatmaps and sides stay as they are.
     */
    fun aboveNeutral(neutral: FauResult): FauResult {
        val above = intensity.mapValues { (label, value) -> (value - neutral.intensity.getValue(label)).coerceIn(0f, 5f) }
        return FauResult(info, above, heatmaps, neutral)
    }

    /**
     * AU label -> intensities of the face's own sides, the maxima of their heatmaps.
     *
     * Only AUs with exactly one center on each side: their intensity is the mean of both.
     */
    val sides: Map<String, FauSides> by lazy {
        // AU centers are named by the side of the picture.
        info.sideChannels.mapValues { (_, channels) -> FauSides(left = peak(channels.right), right = peak(channels.left)) }
    }

    private fun peak(channel: Int): Float =
        (channel until heatmaps.size step info.centers.size).maxOf { heatmaps[it] }

    /**
     * Returns the h x w heatmap of an AU center, row by row.
     *
     * @param center one of `info.centers`; `AU12_left` is on the picture's left, the face's right.
     */
    fun heatmap(center: String): FloatArray {
        val channel = info.centers.indexOf(center)
        if (channel < 0) throw FauException("An AU center must be one of ${info.centers}.", center, "Check its side.")
        return FloatArray(info.heatmapSize * info.heatmapSize) { heatmaps[it * info.centers.size + channel] }
    }
}

/**
 * Estimates AU intensities in aligned crops with LiteRT. Not thread-safe; close it after use.
 *
 * It tries the GPU alone, then the CPU, with the reason in [fallback].
 *
 * @property info content of the JSON file beside the model.
 * @property accelerator what the model runs on.
 * @property fallback why it isn't the GPU; null if it is, or if the GPU wasn't requested.
 */
class FauEstimator private constructor(
    val info: FauModelInfo,
    private val model: CompiledModel,
    val accelerator: Accelerator,
    val fallback: String?,
) : AutoCloseable {
    private val input: TensorBuffer = model.createInputBuffer(INPUT, SIGNATURE)
    private val outputs: Map<String, TensorBuffer> =
        listOf(INTENSITY, HEATMAPS).associateWith { model.createOutputBuffer(it, SIGNATURE) }
    private var closed = false

    /**
     * Returns intensities and heatmaps of [crop]: S x S x 3, RGB, 0 to 255, from [FauPreprocess.crop].
     *
     * @throws FauException if the crop breaks that rule, or an output isn't finite.
     * @throws LiteRtException if the device fails.
     */
    fun estimate(crop: FloatArray): FauResult {
        val wanted = info.imageSize * info.imageSize * 3
        if (closed) throw FauException("An estimator must be open.", "a closed one", "Create another one.")
        if (crop.size != wanted || crop.any { !(it in 0f..255f) }) { // NaN too
            throw FauException(
                "${info.name}: a crop must be $wanted numbers from 0 to 255.",
                "${crop.size} numbers from ${crop.minOrNull()} to ${crop.maxOrNull()}",
                "Cut it with FauPreprocess.crop and info.imageSize.",
            )
        }
        input.writeFloat(crop)
        model.run(mapOf(INPUT to input), outputs, SIGNATURE)
        val intensity = read(INTENSITY, info.auLabels.size)
        val heatmaps = read(HEATMAPS, info.heatmapSize * info.heatmapSize * info.centers.size)
        return FauResult(info, info.auLabels.zip(intensity.asIterable()).toMap(), heatmaps)
    }

    private fun read(name: String, size: Int): FloatArray {
        val values = outputs.getValue(name).readFloat()
        if (values.size != size) {
            throw FauException(
                "${info.name}: $name must have the $size numbers that the JSON file describes.",
                values.size,
                "Copy the .tflite and the .json again, both from one export.",
            )
        }
        val bad = values.count { !it.isFinite() }
        if (bad > 0) {
            throw FauException(
                "${info.name}: $name must be finite.",
                "$bad of $size numbers are not",
                "Run it on the CPU (useGpu = false) and compare with golden/ on this phone.",
            )
        }
        return values
    }

    override fun close() {
        if (closed) return
        closed = true
        input.close()
        outputs.values.forEach { it.close() }
        model.close()
    }

    companion object {
        private const val SIGNATURE = "serving_default"
        private const val INPUT = "image"
        private const val INTENSITY = "intensity"
        private const val HEATMAPS = "heatmaps"

        /** Near-ties among the network's neighbors may flip, which moves single cells of heatmaps. Measured: 0.05. */
        private const val FLOAT16_TOLERANCE = 0.1

        /** Returns an estimator of a .tflite file with its JSON file beside it. */
        fun fromFile(
            tflite: File,
            useGpu: Boolean = true,
            precision: CompiledModel.GpuOptions.Precision = CompiledModel.GpuOptions.Precision.FP32,
        ): FauEstimator {
            val json = File(tflite.path.removeSuffix(".tflite") + ".json")
            val info = FauModelInfo.read(String(bytes(json)), json.name)
            info.checkFile(bytes(tflite))
            return create(info, useGpu, precision) { CompiledModel.create(tflite.path, it) }
        }

        private fun bytes(file: File): ByteArray = try {
            file.readBytes()
        } catch (error: IOException) {
            throw FauException("$file: must be readable.", error.message, "Copy .tflite and .json, both.", error)
        }

        /**
         * Returns an estimator.
         *
         * @param useGpu false uses the CPU without trying the GPU.
         * @param precision of the GPU's arithmetic: FP32 gives the CPU's numbers; FP16 may be faster
         *   and changes an intensity by up to 0.1 on 95 % of faces.
         * @param fallback why it is the CPU, if that is known already.
         * @param onCpu returns another model's estimator in place of this one on the CPU; gets why it isn't the GPU.
         * @param compile loads the model that [info] describes, with the options given.
         */
        fun create(
            info: FauModelInfo,
            useGpu: Boolean,
            precision: CompiledModel.GpuOptions.Precision,
            fallback: String? = null,
            onCpu: ((String?) -> FauEstimator)? = null,
            compile: (CompiledModel.Options) -> CompiledModel,
        ): FauEstimator {
            val lacking = "${info.name} runs on ${info.accelerators}, not on the GPU."
            val whyNot = fallback ?: lacking.takeIf { useGpu && "gpu" !in info.accelerators }
            return gpuOrCpu(
                info.name, useGpu && whyNot == null, precision, FLOAT16_TOLERANCE, whyNot, onCpu, ::firstRun,
            ) { options, accelerator, reason ->
                val model = compile(options)
                try {
                    FauEstimator(info, model, accelerator, reason)
                } catch (error: Throwable) {
                    model.close()
                    throw error
                }
            }
        }

        private fun firstRun(estimator: FauEstimator): List<FloatArray> {
            val size = estimator.info.imageSize
            val result = estimator.estimate(pattern(size * size * 3, 255f))
            return listOf(result.intensity.values.toFloatArray(), result.heatmaps)
        }
    }
}
