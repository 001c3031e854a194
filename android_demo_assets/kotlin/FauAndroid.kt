package dev.fau

import android.content.Context
import android.content.res.AssetManager
import android.graphics.Bitmap
import com.google.ai.edge.litert.CompiledModel
import com.google.ai.edge.litert.CompiledModel.GpuOptions.Precision
import java.io.IOException

/** Returns the pixels of a bitmap, which must be ARGB_8888. */
fun Bitmap.toFauImage(): FauImage {
    if (isRecycled || config != Bitmap.Config.ARGB_8888) {
        throw FauException(
            "A bitmap must be ARGB_8888 and not recycled.",
            "$config${if (isRecycled) ", recycled" else ""}",
            "Copy it: bitmap.copy(Bitmap.Config.ARGB_8888, false).",
        )
    }
    val argb = IntArray(width * height)
    getPixels(argb, 0, width, 0, 0, width, height)
    return FauImage(argb, width, height)
}

/** Returns the faces of a bitmap (ARGB_8888, upright), left to right; empty if none was found. */
fun FauReader.read(bitmap: Bitmap): List<FauFace> = read(bitmap.toFauImage())

/** Returns the faces of the next frame of a video; see [FauReader.next]. */
fun FauReader.next(bitmap: Bitmap): List<FauFace> = next(bitmap.toFauImage())

/** Returns the bytes of an asset. */
fun AssetManager.fauBytes(name: String): ByteArray = try {
    open(name).use { it.readBytes() }
} catch (error: IOException) {
    throw FauException("$name must be in the app's assets.", error.message, "Copy it to app/src/main/assets/.", error)
}

/** Returns which models and which landmarker are in the app's assets. */
fun fauMetadata(context: Context): FauMetadata =
    FauMetadata.read(String(context.assets.fauBytes(FauMetadata.FILE)))

/**
 * Returns a reader of the face landmarker and the models in the app's assets.
 *
 * Each network runs on the GPU alone or, if that fails, on the CPU; then `fallbacks` say why. On the
 * CPU the AU model is the one for it. Which files these are, `fau_metadata.json` says.
 *
 * @param precision of the GPU's arithmetic; see [FauEstimator.create].
 * @param numFaces most faces of a picture: of [FauReader.read] the largest, of [FauReader.next] those found first, until one is lost.
 * @param divisions parts of a picture that [FauReader.read] searches; see [FauLandmarker].
 */
fun fauReader(
    context: Context,
    useGpu: Boolean = true,
    precision: Precision = Precision.FP32,
    numFaces: Int = 1,
    divisions: List<Int> = listOf(1),
): FauReader {
    FauLandmarker.requireOneOrMore(numFaces, divisions) // before there is something to close
    val listed = fauMetadata(context)
    val bundle = context.assets.fauBytes(listed.landmarker)
    val files = FauBundle.extract(bundle, listed.landmarkerSha256, context.noBackupFilesDir)
    val (detector, landmarks) = FauLiteRtNetwork.open(files, useGpu, precision)
    val landmarker = FauLandmarker(detector, landmarks, numFaces, divisions)
    try {
        val estimator = fauEstimator(context, listed, useGpu, precision)
        return FauReader(landmarker, estimator, listOfNotNull(estimator.fallback, detector.fallback, landmarks.fallback))
    } catch (error: Throwable) {
        landmarker.close()
        throw error
    }
}

/** Returns an estimator: of the model for the GPU or, if that fails, of the one for the CPU. */
fun fauEstimator(
    context: Context,
    listed: FauMetadata = fauMetadata(context),
    useGpu: Boolean = true,
    precision: Precision = Precision.FP32,
): FauEstimator {
    val forGpu = listed.forGpu
    if (!useGpu || forGpu == null) return fauEstimator(context, listed.forCpu, useGpu, precision)
    if (listed.forCpu == forGpu) return fauEstimator(context, forGpu, true, precision)
    return fauEstimator(context, forGpu, true, precision) { reason ->
        fauEstimator(context, listed.forCpu, false, precision, reason)
    }
}

/**
 * Returns an estimator of the model [tflite] in the app's assets, with its JSON file beside it.
 *
 * @param fallback why it is the CPU, if that is known already.
 * @param onCpu returns another model's estimator in place of this one on the CPU; gets why it isn't the GPU.
 */
fun fauEstimator(
    context: Context,
    tflite: String,
    useGpu: Boolean = true,
    precision: Precision = Precision.FP32,
    fallback: String? = null,
    onCpu: ((String?) -> FauEstimator)? = null,
): FauEstimator {
    val json = tflite.removeSuffix(".tflite") + ".json"
    val info = FauModelInfo.read(String(context.assets.fauBytes(json)), json)
    info.checkFile(context.assets.fauBytes(tflite))
    return FauEstimator.create(info, useGpu, precision, fallback, onCpu) { CompiledModel.create(context.assets, tflite, it) }
}
