package dev.fau

import android.Manifest
import android.content.Context
import android.graphics.Bitmap
import android.graphics.Canvas
import android.graphics.Color
import android.graphics.Matrix
import android.graphics.Paint
import android.os.Bundle
import android.view.View
import android.widget.FrameLayout
import androidx.activity.ComponentActivity
import androidx.activity.result.contract.ActivityResultContracts
import androidx.camera.core.CameraSelector
import androidx.camera.core.ImageAnalysis
import androidx.camera.core.ImageProxy
import androidx.camera.core.Preview
import androidx.camera.lifecycle.ProcessCameraProvider
import androidx.camera.view.PreviewView
import androidx.core.content.ContextCompat
import java.util.concurrent.Executors

/** The front camera's preview under one bar per AU and a line with the accelerator. */
class FauSampleActivity : ComponentActivity() {
    // One thread creates, uses and closes the models, which are not thread-safe.
    private val worker = Executors.newSingleThreadExecutor()
    private var reader: FauReader? = null
    private lateinit var preview: PreviewView
    private lateinit var bars: AuBarsView

    override fun onCreate(savedInstanceState: Bundle?) {
        super.onCreate(savedInstanceState)
        preview = PreviewView(this)
        bars = AuBarsView(this)
        setContentView(FrameLayout(this).apply { addView(preview); addView(bars) })
        registerForActivityResult(ActivityResultContracts.RequestPermission()) { granted ->
            if (granted) start() else bars.show(null, "No camera: permission refused")
        }.launch(Manifest.permission.CAMERA)
    }

    private fun start() {
        worker.execute {
            attempt { reader = FauReader(this, fauEstimator(this)) }
        }
        val provider = ProcessCameraProvider.getInstance(this)
        provider.addListener({ bind(provider.get()) }, ContextCompat.getMainExecutor(this))
    }

    private fun bind(camera: ProcessCameraProvider) {
        val shown = Preview.Builder().build()
        shown.setSurfaceProvider(preview.surfaceProvider)
        val frames = ImageAnalysis.Builder()
            .setBackpressureStrategy(ImageAnalysis.STRATEGY_KEEP_ONLY_LATEST)
            .setOutputImageFormat(ImageAnalysis.OUTPUT_IMAGE_FORMAT_RGBA_8888)
            .build()
        frames.setAnalyzer(worker) { frame -> attempt { read(frame) } }
        camera.unbindAll()
        camera.bindToLifecycle(this, CameraSelector.DEFAULT_FRONT_CAMERA, shown, frames)
    }

    private fun read(frame: ImageProxy) = frame.use {
        val open = reader ?: return@use
        val sensor = frame.toBitmap()
        val turn = Matrix().apply { postRotate(frame.imageInfo.rotationDegrees.toFloat()) }
        val upright = Bitmap.createBitmap(sensor, 0, 0, sensor.width, sensor.height, turn, true)
        val face = open.read(upright).firstOrNull()
        val on = open.estimator.fallback ?: "on the ${open.estimator.accelerator}"
        bars.show(face?.result, if (face == null) "No face, $on" else on)
    }

    private fun attempt(work: () -> Unit) = try {
        work()
    } catch (error: Exception) { // FauException, or LiteRT's own if the device fails
        bars.show(null, error.message ?: "$error")
    }

    override fun onDestroy() {
        worker.execute {
            reader?.close()
            reader?.estimator?.close()
            reader = null
        }
        worker.shutdown()
        super.onDestroy()
    }
}

/** One bar per AU, 0 to 5, gray if its reliability is low, with its interval; and a line of text. */
class AuBarsView(context: Context) : View(context) {
    private val paint = Paint().apply { textSize = 32f }
    private var result: FauResult? = null
    private var text = "Starting"

    /** Shows a result, or none; may be called from any thread. */
    fun show(result: FauResult?, text: String) {
        post {
            this.result = result
            this.text = text
            invalidate()
        }
    }

    override fun onDraw(canvas: Canvas) {
        var y = 60f
        val scale = (width - 280f) / 5f
        val intervals = result?.interval.orEmpty()
        for ((label, value) in result?.intensity.orEmpty()) {
            paint.color = if (label in result?.info?.lowReliability.orEmpty()) Color.GRAY else Color.GREEN
            canvas.drawRect(140f, y - 26f, 140f + value * scale, y, paint)
            paint.color = Color.WHITE
            intervals[label]?.let { interval ->
                canvas.drawRect(140f + interval.start * scale, y - 15f, 140f + interval.endInclusive * scale, y - 11f, paint)
            }
            canvas.drawText(label, 20f, y, paint)
            canvas.drawText("%.1f".format(value), width - 120f, y, paint)
            y += 44f
        }
        paint.color = Color.WHITE
        canvas.drawText(text, 20f, y, paint)
    }
}
