package org.restorect.app

import android.content.res.AssetManager
import java.io.File

/** Copy a folder of the app's assets to [to], once an installation: LiteRT and the hashes need files. */
fun AssetManager.copyFolder(from: String, to: File) {
    val names = list(from).orEmpty()
    if (names.isEmpty()) {
        open(from).use { source -> to.outputStream().use { source.copyTo(it) } }
        return
    }
    to.mkdirs()
    names.forEach { copyFolder("$from/$it", File(to, it)) }
}
