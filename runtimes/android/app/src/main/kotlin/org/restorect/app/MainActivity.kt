package org.restorect.app

import android.Manifest
import android.graphics.Bitmap
import android.os.Bundle
import android.os.SystemClock
import android.widget.FrameLayout
import android.widget.ImageView
import android.widget.TextView
import androidx.activity.ComponentActivity
import androidx.activity.result.contract.ActivityResultContracts
import androidx.camera.core.CameraSelector
import androidx.camera.core.ImageAnalysis
import androidx.camera.core.ImageProxy
import androidx.camera.lifecycle.ProcessCameraProvider
import java.io.File
import java.util.concurrent.Executors
import org.restorect.core.Artifact
import org.restorect.core.Picture
import org.restorect.core.RestorectException
import org.restorect.core.Restorer
import org.restorect.core.VideoRestorer
import org.restorect.core.YuvPlane
import org.restorect.core.yuv420ToRgb

/** The live camera, restored frame by frame; frames that come while one is restored are dropped. */
class MainActivity : ComponentActivity() {
    private val frames = Executors.newSingleThreadExecutor()
    private lateinit var picture: ImageView
    private lateinit var message: TextView
    private var video: VideoRestorer? = null

    private val askForCamera = registerForActivityResult(ActivityResultContracts.RequestPermission()) { granted ->
        if (granted) start() else message.text = "The camera was refused; allow it in the settings."
    }

    override fun onCreate(savedInstanceState: Bundle?) {
        super.onCreate(savedInstanceState)
        picture = ImageView(this)
        message = TextView(this)
        val screen = FrameLayout(this)
        screen.addView(picture)
        screen.addView(message)
        setContentView(screen)
        askForCamera.launch(Manifest.permission.CAMERA)
    }

    override fun onDestroy() {
        super.onDestroy()
        frames.shutdown()
    }

    private fun start() {
        frames.execute { reported { video = load() } }
        val provider = ProcessCameraProvider.getInstance(this)
        provider.addListener(Runnable { connect(provider.get()) }, mainExecutor)
    }

    /** Read and check the artifact in the app's assets, off the main thread. */
    private fun load(): VideoRestorer {
        val folder = File(filesDir, ARTIFACT)
        folder.deleteRecursively() // an update of the app may bring another artifact
        assets.copyFolder(ARTIFACT, folder)
        val artifact = Artifact.open(folder.toPath(), setOf("litert"))
        return VideoRestorer(Restorer(artifact.manifest, LiteRtNetwork(artifact)), priorEvery = 8, smooth = 0.5f)
    }

    private fun connect(provider: ProcessCameraProvider) {
        val analysis = ImageAnalysis.Builder()
            .setBackpressureStrategy(ImageAnalysis.STRATEGY_KEEP_ONLY_LATEST)
            .setOutputImageFormat(ImageAnalysis.OUTPUT_IMAGE_FORMAT_YUV_420_888)
            .build()
        analysis.setAnalyzer(frames, ImageAnalysis.Analyzer { image ->
            try {
                reported { restore(image) }
            } finally {
                image.close()
            }
        })
        provider.bindToLifecycle(this, CameraSelector.DEFAULT_BACK_CAMERA, analysis)
    }

    private fun restore(image: ImageProxy) {
        val video = video ?: return
        val started = SystemClock.elapsedRealtimeNanos()
        val planes = image.planes.map { YuvPlane(it.buffer, it.rowStride, it.pixelStride) }
        val restored = video.restore(yuv420ToRgb(image.width, image.height, planes))
        val milliseconds = (SystemClock.elapsedRealtimeNanos() - started) / 1e6
        val turned = image.imageInfo.rotationDegrees
        runOnUiThread { show(restored, turned, "%.1f ms".format(milliseconds)) }
    }

    private fun show(restored: Picture, turned: Int, text: String) {
        val (height, width) = restored.size
        picture.setImageBitmap(Bitmap.createBitmap(restored.argb(), width, height, Bitmap.Config.ARGB_8888))
        picture.rotation = turned.toFloat()
        message.text = text
    }

    /** Run what may fail, and show why it did. */
    private fun reported(work: () -> Unit) {
        try {
            work()
        } catch (error: RestorectException) {
            runOnUiThread { message.text = error.message }
        }
    }

    private companion object {
        /** Folder of the assets with an artifact of `--target litert --form split`. */
        const val ARTIFACT = "artifact"
    }
}
