package dev.fau

import android.Manifest
import android.content.Context
import android.graphics.Bitmap
import android.graphics.Canvas
import android.graphics.Matrix
import android.graphics.Paint
import android.os.Bundle
import android.view.View
import android.widget.FrameLayout
import androidx.activity.ComponentActivity
import androidx.activity.enableEdgeToEdge
import androidx.activity.result.contract.ActivityResultContracts
import androidx.camera.core.CameraSelector
import androidx.camera.core.ImageAnalysis
import androidx.camera.core.ImageProxy
import androidx.camera.core.Preview
import androidx.camera.lifecycle.ProcessCameraProvider
import androidx.camera.view.PreviewView
import androidx.core.content.ContextCompat
import androidx.core.view.ViewCompat
import androidx.core.view.WindowInsetsCompat
import java.util.concurrent.Executors

/** A camera's preview under one bar per AU and a line with the accelerator, or with what is wrong. */
class FauSampleActivity : ComponentActivity() {
    // One thread creates, uses and closes the models, which are not thread-safe.
    private val worker = Executors.newSingleThreadExecutor()
    private var reader: FauReader? = null
    private lateinit var preview: PreviewView
    private lateinit var bars: AuBarsView

    override fun onCreate(savedInstanceState: Bundle?) {
        super.onCreate(savedInstanceState)
        enableEdgeToEdge()
        preview = PreviewView(this).apply { scaleType = PreviewView.ScaleType.FIT_START } // above the bars
        bars = AuBarsView(this)
        setContentView(FrameLayout(this).apply { addView(preview); addView(bars) })
        val permission = registerForActivityResult(ActivityResultContracts.RequestPermission()) { granted ->
            if (granted) start() else bars.show(null, REFUSED)
        }
        bars.setOnClickListener { if (reader == null) permission.launch(Manifest.permission.CAMERA) }
        permission.launch(Manifest.permission.CAMERA)
    }

    private fun start() {
        bars.show(null, "Loading the models.")
        worker.execute { attempt { if (reader == null) reader = fauReader(this) } }
        val provider = ProcessCameraProvider.getInstance(this)
        provider.addListener({ attempt { bind(provider.get()) } }, ContextCompat.getMainExecutor(this))
    }

    private fun bind(camera: ProcessCameraProvider) {
        val facing = listOf(CameraSelector.DEFAULT_FRONT_CAMERA, CameraSelector.DEFAULT_BACK_CAMERA)
        val chosen = facing.firstOrNull(camera::hasCamera)
            ?: throw FauException("This app needs a camera.", "a device without one", "Connect a camera, then open the app again.")
        val shown = Preview.Builder().build()
        shown.setSurfaceProvider(preview.surfaceProvider)
        val frames = ImageAnalysis.Builder()
            .setBackpressureStrategy(ImageAnalysis.STRATEGY_KEEP_ONLY_LATEST)
            .setOutputImageFormat(ImageAnalysis.OUTPUT_IMAGE_FORMAT_RGBA_8888)
            .build()
        frames.setAnalyzer(worker) { frame -> attempt { read(frame) } }
        camera.unbindAll()
        camera.bindToLifecycle(this, chosen, shown, frames)
    }

    private fun read(frame: ImageProxy) = frame.use {
        val open = reader ?: return@use
        val sensor = frame.toBitmap()
        val turn = Matrix().apply { postRotate(frame.imageInfo.rotationDegrees.toFloat()) }
        val upright = Bitmap.createBitmap(sensor, 0, 0, sensor.width, sensor.height, turn, true)
        val faces = open.next(upright)
        bars.show(faces.firstOrNull()?.result, FauBars.status(faces, open))
    }

    private fun attempt(work: () -> Unit) = try {
        work()
    } catch (error: Exception) { // FauException, or LiteRT's and CameraX's own if the device fails
        bars.show(null, error.message ?: "$error. Close the app and open it again.")
    }

    override fun onDestroy() {
        worker.execute {
            reader?.close()
            reader = null
        }
        worker.shutdown()
        super.onDestroy()
    }

    private companion object {
        const val REFUSED = "No camera: the permission was refused. Tap to be asked again, or allow it in the phone's " +
            "settings, under this app's permissions."
    }
}

/** Draws the shapes of [FauBars], clear of the phone's own bars. */
class AuBarsView(context: Context) : View(context) {
    private val paint = Paint(Paint.ANTI_ALIAS_FLAG)
    private var insets = FauInsets()
    private var result: FauResult? = null
    private var text = "Starting."

    init {
        ViewCompat.setOnApplyWindowInsetsListener(this) { _, all ->
            val covered = all.getInsets(WindowInsetsCompat.Type.systemBars() or WindowInsetsCompat.Type.displayCutout())
            insets = FauInsets(
                covered.left.toFloat(), covered.top.toFloat(), covered.right.toFloat(), covered.bottom.toFloat(),
            )
            invalidate()
            all
        }
    }

    /** Shows a result, or none, and a text; may be called from any thread. */
    fun show(result: FauResult?, text: String) {
        post {
            this.result = result
            this.text = text
            contentDescription = text
            invalidate()
        }
    }

    override fun onDraw(canvas: Canvas) {
        val layout = FauBars(width.toFloat(), height.toFloat(), resources.displayMetrics.density, insets, ::measured)
        for (shape in layout.shapes(result, text)) {
            paint.color = shape.color
            when (shape) {
                is FauBox ->
                    canvas.drawRoundRect(shape.left, shape.top, shape.right, shape.bottom, shape.radius, shape.radius, paint)
                is FauText -> {
                    paint.textSize = shape.size
                    canvas.drawText(shape.text, shape.x, shape.y, paint)
                }
            }
        }
    }

    private fun measured(text: String, size: Float): Float {
        paint.textSize = size
        return paint.measureText(text)
    }
}
