package dev.fau

import android.Manifest
import android.content.Context
import android.content.pm.PackageManager
import android.graphics.Bitmap
import android.graphics.Canvas
import android.graphics.Matrix
import android.graphics.Paint
import android.hardware.display.DisplayManager
import android.os.Bundle
import android.os.SystemClock
import android.util.TypedValue
import android.view.View
import android.widget.Button
import android.widget.FrameLayout
import android.widget.ImageView
import android.widget.LinearLayout
import android.widget.Toast
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
import androidx.core.graphics.Insets
import androidx.core.view.ViewCompat
import androidx.core.view.WindowInsetsCompat
import java.util.concurrent.Executors

/**
 * A camera's preview under one bar per AU and a line with the accelerator, or with what is wrong.
 *
 * Buttons: the other camera; a frozen picture with its bars; the face now as neutral, so that bars start there.
 */
class FauSampleActivity : ComponentActivity() {
    // One thread creates, uses and closes the models, which are not thread-safe.
    private val worker = Executors.newSingleThreadExecutor()
    @Volatile private var reader: FauReader? = null
    private var degrees = 0 // of the last frame; the worker's
    @Volatile private var latest: Reading? = null
    @Volatile private var neutral: FauResult? = null
    @Volatile private var frozen = false
    private var camera: ProcessCameraProvider? = null
    private var switches = 0 // of the camera
    private var shown: Preview? = null
    private var frames: ImageAnalysis? = null
    private lateinit var preview: PreviewView
    private lateinit var bars: AuBarsView
    private lateinit var still: ImageView // over the preview
    private lateinit var buttons: View
    private val freezeButton by lazy { button(FREEZE) { freeze(!frozen) } }
    private val neutralButton by lazy { button(NEUTRAL) { turnNeutral() } }

    /** The first face of a frame, or none, and what is said below its bars. */
    private class Reading(val result: FauResult?, val text: String)

    // Without another activity after each turn of the phone, and also after half a turn.
    private val turns = object : DisplayManager.DisplayListener {
        override fun onDisplayAdded(displayId: Int) = Unit

        override fun onDisplayRemoved(displayId: Int) = Unit

        override fun onDisplayChanged(displayId: Int) {
            val rotation = preview.display?.rotation ?: return
            shown?.targetRotation = rotation
            frames?.targetRotation = rotation
        }
    }

    override fun onCreate(savedInstanceState: Bundle?) {
        super.onCreate(savedInstanceState)
        enableEdgeToEdge()
        preview = PreviewView(this).apply { scaleType = PreviewView.ScaleType.FIT_START } // above the bars
        bars = AuBarsView(this)
        still = ImageView(this).apply { scaleType = ImageView.ScaleType.FIT_START }
        buttons = buttons()
        setContentView(FrameLayout(this).apply { listOf(preview, still, bars, buttons).forEach { addView(it) } })
        val permission = registerForActivityResult(ActivityResultContracts.RequestPermission()) { granted ->
            if (granted) start() else bars.show(null, REFUSED)
        }
        bars.setOnClickListener { if (reader == null) permission.launch(Manifest.permission.CAMERA) }
        getSystemService(DisplayManager::class.java).registerDisplayListener(turns, null)
        val known = ContextCompat.checkSelfPermission(this, Manifest.permission.CAMERA)
        if (known == PackageManager.PERMISSION_GRANTED) start() else bars.show(null, WHY_CAMERA)
    }

    private fun start() {
        bars.show(null, "Loading the models.")
        worker.execute { attempt { if (reader == null) reader = fauReader(this) } }
        val provider = ProcessCameraProvider.getInstance(this)
        provider.addListener({ attempt { bind(provider.get()) } }, ContextCompat.getMainExecutor(this))
    }

    /** Returns a row of buttons at the top. */
    private fun buttons(): View {
        val row = LinearLayout(this)
        row.visibility = View.GONE // until there is a camera
        listOf(button("Camera") { switch() }, freezeButton, neutralButton).forEach { row.addView(it) }
        ViewCompat.setOnApplyWindowInsetsListener(row) { view, all ->
            covered(all).let { view.setPadding(it.left, it.top, it.right, 0) }
            all
        }
        return row
    }

    private fun button(title: String, pressed: () -> Unit) = Button(this).apply {
        text = title
        setOnClickListener { pressed() }
    }

    private fun switch() {
        switches++
        freeze(false)
        subtract(null)
        latest = null
        attempt { camera?.let { bind(it) } }
        worker.execute { // after a frame of the other camera that is being read
            latest = null
            reader?.restart()
        }
    }

    private fun freeze(on: Boolean) {
        frozen = on
        freezeButton.text = if (on) "Go on" else FREEZE
        still.setImageBitmap(if (on) preview.bitmap else null)
    }

    private fun turnNeutral() {
        val face = latest?.result
        when {
            neutral != null -> subtract(null)
            face != null -> subtract(face)
            else -> return Toast.makeText(this, NO_FACE, Toast.LENGTH_SHORT).show()
        }
        worker.execute { show() } // no frame does while the picture is frozen
    }

    private fun subtract(face: FauResult?) {
        neutral = face
        neutralButton.text = if (face == null) NEUTRAL else "Neutral off"
    }

    private fun bind(camera: ProcessCameraProvider) {
        this.camera = camera
        val facing = listOf(CameraSelector.DEFAULT_FRONT_CAMERA, CameraSelector.DEFAULT_BACK_CAMERA).filter(camera::hasCamera)
        if (facing.isEmpty()) {
            throw FauException("This app needs a camera.", "a device without one", "Connect a camera, then open the app again.")
        }
        val chosen = facing[switches % facing.size]
        val shown = Preview.Builder().build().also { this.shown = it }
        shown.setSurfaceProvider(preview.surfaceProvider)
        val frames = ImageAnalysis.Builder()
            .setBackpressureStrategy(ImageAnalysis.STRATEGY_KEEP_ONLY_LATEST)
            .setOutputImageFormat(ImageAnalysis.OUTPUT_IMAGE_FORMAT_RGBA_8888)
            .build().also { this.frames = it }
        frames.setAnalyzer(worker) { frame -> attempt { read(frame) } }
        camera.unbindAll()
        camera.bindToLifecycle(this, chosen, shown, frames)
        preview.keepScreenOn = true
        buttons.visibility = View.VISIBLE
    }

    private fun read(frame: ImageProxy) = frame.use {
        val open = reader?.takeUnless { frozen } ?: return@use
        if (frame.imageInfo.rotationDegrees != degrees) open.restart() // faces have moved within the picture
        degrees = frame.imageInfo.rotationDegrees
        val sensor = frame.toBitmap()
        val turn = Matrix().apply { postRotate(degrees.toFloat()) }
        val upright = Bitmap.createBitmap(sensor, 0, 0, sensor.width, sensor.height, turn, true)
        val faces = open.next(upright)
        latest = Reading(faces.firstOrNull()?.result, FauBars.status(faces, open))
        show()
    }

    /** Shows the latest frame's bars; the worker's, so that an older baseline doesn't come last. */
    private fun show() {
        val reading = latest ?: return
        val baseline = neutral
        if (baseline == null) {
            bars.show(reading.result, reading.text)
        } else {
            bars.show(reading.result?.aboveNeutral(baseline), "${reading.text} Above your neutral face.")
        }
    }

    private fun attempt(work: () -> Unit) = try {
        work()
    } catch (error: Throwable) { // FauException, or LiteRT's and CameraX's own if the device fails
        if (!isReportable(error)) throw error
        bars.show(null, FauBars.sentence(error))
    }

    override fun onDestroy() {
        getSystemService(DisplayManager::class.java).unregisterDisplayListener(turns)
        worker.execute {
            attempt { reader?.close() }
            reader = null
        }
        worker.shutdown()
        super.onDestroy()
    }

    private companion object {
        const val FREEZE = "Freeze"
        const val NEUTRAL = "Neutral"
        const val NO_FACE = "No face to take as neutral."
        const val WHY_CAMERA = "This app shows how your face moves, and needs the camera for it. Pictures stay on this " +
            "phone. Tap to allow the camera."
        const val REFUSED = "No camera: the permission was refused. Tap to be asked again, or allow it in the phone's " +
            "settings, under this app's permissions."
    }
}

/** Returns the px at each side that bars and cameras of the phone cover. */
private fun covered(all: WindowInsetsCompat): Insets =
    all.getInsets(WindowInsetsCompat.Type.systemBars() or WindowInsetsCompat.Type.displayCutout())

/** Draws the shapes of [FauBars], clear of the phone's own bars. */
class AuBarsView(context: Context) : View(context) {
    private val paint = Paint(Paint.ANTI_ALIAS_FLAG)
    private var insets = FauInsets()
    private var result: FauResult? = null
    private var text = "Starting."
    private val spoken = FauSpoken()

    init {
        accessibilityLiveRegion = ACCESSIBILITY_LIVE_REGION_POLITE
        ViewCompat.setOnApplyWindowInsetsListener(this) { _, all ->
            insets = covered(all).let {
                FauInsets(it.left.toFloat(), it.top.toFloat(), it.right.toFloat(), it.bottom.toFloat())
            }
            invalidate()
            all
        }
    }

    /** Shows a result, or none, and a text; may be called from any thread. */
    fun show(result: FauResult?, text: String) {
        post {
            this.result = result
            this.text = text
            spoken.next(result, text, SystemClock.uptimeMillis())?.let { contentDescription = it }
            invalidate()
        }
    }

    override fun onDraw(canvas: Canvas) {
        val metrics = resources.displayMetrics
        val letters = TypedValue.applyDimension(TypedValue.COMPLEX_UNIT_SP, FauBars.LETTERS_SP, metrics)
        val layout = FauBars(width.toFloat(), height.toFloat(), metrics.density, letters, insets, ::measured)
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
