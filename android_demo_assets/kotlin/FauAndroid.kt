package dev.fau

import android.content.Context
import android.content.res.AssetManager
import android.graphics.Bitmap
import com.google.ai.edge.litert.CompiledModel
import com.google.mediapipe.framework.image.BitmapImageBuilder
import com.google.mediapipe.tasks.core.BaseOptions
import com.google.mediapipe.tasks.vision.core.RunningMode
import com.google.mediapipe.tasks.vision.facelandmarker.FaceLandmarker
import com.google.mediapipe.tasks.vision.facelandmarker.FaceLandmarker.FaceLandmarkerOptions
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

/** Returns the bytes of an asset. */
fun AssetManager.fauBytes(name: String): ByteArray = try {
    open(name).use { it.readBytes() }
} catch (error: IOException) {
    throw FauException("$name must be in the app's assets.", error.message, "Copy it to app/src/main/assets/.", error)
}

/** Returns an estimator of the model [tflite] in the app's assets, with its JSON file beside it. */
fun fauEstimator(
    context: Context,
    tflite: String = "fau_small_float16.tflite",
    useGpu: Boolean = true,
    precision: CompiledModel.GpuOptions.Precision = CompiledModel.GpuOptions.Precision.FP32,
): FauEstimator {
    val json = tflite.removeSuffix(".tflite") + ".json"
    val info = FauModelInfo.read(String(context.assets.fauBytes(json)), json)
    info.checkFile(context.assets.fauBytes(tflite))
    return FauEstimator.create(info, useGpu, precision) { CompiledModel.create(context.assets, tflite, it) }
}

/**
 * One face of a picture.
 *
 * @property landmarks x and y of 68 iBUG points, px of the picture.
 * @property matrix picture px -> crop px; its inverse carries heatmaps back.
 */
class FauFace(val landmarks: DoubleArray, val matrix: Affine, val result: FauResult)

/**
 * Finds faces with MediaPipe's Face Landmarker and estimates their AUs. Not thread-safe.
 *
 * The thresholds are those of `fau_tf/face/mediapipe_landmarks.py`. Unlike the Python demo, it
 * doesn't search parts of the picture and gives no quality score.
 */
class FauReader(context: Context, val estimator: FauEstimator, numFaces: Int = 1) : AutoCloseable {
    private val landmarker: FaceLandmarker

    init {
        context.assets.fauBytes(BUNDLE) // MediaPipe's own message gives no advice
        val options = FaceLandmarkerOptions.builder()
            .setBaseOptions(BaseOptions.builder().setModelAssetPath(BUNDLE).build())
            .setRunningMode(RunningMode.IMAGE)
            .setNumFaces(numFaces)
            .setMinFaceDetectionConfidence(0.6f)
            .setMinFacePresenceConfidence(0.8f)
            .build()
        landmarker = FaceLandmarker.createFromOptions(context, options)
    }

    /** Returns the faces of a bitmap (ARGB_8888, upright); empty if none was found. */
    fun read(bitmap: Bitmap): List<FauFace> {
        val image = bitmap.toFauImage()
        val size = estimator.info.imageSize
        val found = landmarker.detect(BitmapImageBuilder(bitmap).build()).faceLandmarks()
        return found.map { face ->
            // MediaPipe's 0 is the center of the first pixel, so nothing is subtracted.
            val mesh = DoubleArray(2 * face.size) {
                val point = face[it / 2]
                if (it % 2 == 0) point.x().toDouble() * bitmap.width else point.y().toDouble() * bitmap.height
            }
            val landmarks = FauPreprocess.ibug68(mesh)
            val matrix = FauPreprocess.cropMatrix(landmarks, size)
            FauFace(landmarks, matrix, estimator.estimate(FauPreprocess.crop(image, matrix, size)))
        }
    }

    override fun close() = landmarker.close()

    private companion object {
        const val BUNDLE = "face_landmarker.task"
    }
}
