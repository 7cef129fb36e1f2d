package org.restorect.core

/** Pixels as R, G, B bytes, rows without padding. */
class Picture(val size: Size, val rgb: ByteArray = ByteArray(3 * size.height * size.width)) {
    init {
        if (rgb.size != 3 * size.height * size.width) {
            throw UsageException("a ${size.width}×${size.height} picture has ${3 * size.area} bytes of RGB, got ${rgb.size}")
        }
    }

    /** The level, 0 to 255, of a byte of [rgb]. */
    internal fun level(at: Int): Int = rgb[at].toInt() and 255

    /** The pixels as `Bitmap.setPixels` takes them: 0xAARRGGBB, opaque. */
    fun argb(): IntArray = IntArray(size.height * size.width) {
        (255 shl 24) or (level(3 * it) shl 16) or (level(3 * it + 1) shl 8) or level(3 * it + 2)
    }

    companion object {
        /** Pixels of `Bitmap.getPixels`; alpha is ignored. */
        fun ofArgb(pixels: IntArray, size: Size): Picture {
            val made = Picture(size)
            for (at in 0 until size.height * size.width) {
                for (channel in 0..2) made.rgb[3 * at + channel] = (pixels[at] shr (16 - 8 * channel)).toByte()
            }
            return made
        }
    }
}

/** A level in [0, 1]: multiplied, as elsewhere, since a division may round the last bit otherwise. */
private const val UNIT = 1f / 255

/** Planes of RGB / 255 of a window of the picture, which is continued by reflection at the bottom and right. */
internal fun planes(picture: Picture, window: Window): FloatArray {
    val (height, width) = window.size
    val plane = height * width
    val made = FloatArray(3 * plane)
    val columns = IntArray(width) { 3 * reflected(window.columns.start + it, picture.size.width) }
    for (row in 0 until height) {
        val from = 3 * picture.size.width * reflected(window.rows.start + row, picture.size.height)
        for (column in 0 until width) {
            val at = from + columns[column]
            val to = row * width + column
            made[to] = picture.level(at) * UNIT
            made[plane + to] = picture.level(at + 1) * UNIT
            made[2 * plane + to] = picture.level(at + 2) * UNIT
        }
    }
    return made
}

/** R, G, B bytes of a window of the picture, which is continued by reflection at the bottom and right. */
internal fun levels(picture: Picture, window: Window): ByteArray {
    val (height, width) = window.size
    val made = ByteArray(3 * height * width)
    val columns = IntArray(width) { 3 * reflected(window.columns.start + it, picture.size.width) }
    for (row in 0 until height) {
        val from = 3 * picture.size.width * reflected(window.rows.start + row, picture.size.height)
        for (column in 0 until width) {
            picture.rgb.copyInto(made, 3 * (row * width + column), from + columns[column], from + columns[column] + 3)
        }
    }
    return made
}

/** R, G, B bytes as planes of RGB / 255. */
internal fun planesOf(levels: ByteArray): FloatArray {
    val plane = levels.size / 3
    return FloatArray(levels.size) { (levels[3 * (it % plane) + it / plane].toInt() and 255) * UNIT }
}

/**
 * Copy the part of a restored window that is kept, in levels rounded half to even.
 *
 * @param restored planes of RGB, 3 × [Window.size] × [scale]²
 * @param scale output side over input side
 * @param gain factor of the levels
 * @throws BackendException values that are no numbers
 */
internal fun keep(restored: FloatArray, window: Window, scale: Int, gain: Float, to: Picture) {
    val wide = window.size.width * scale
    val plane = window.size.height * scale * wide
    val (top, left) = Pair(window.rows.keepFrom * scale, window.columns.keepFrom * scale)
    for (row in top until minOf(window.rows.keepTo * scale, to.size.height)) {
        val from = (row - window.rows.start * scale) * wide - window.columns.start * scale
        for (column in left until minOf(window.columns.keepTo * scale, to.size.width)) {
            for (channel in 0..2) {
                val value = restored[channel * plane + from + column] * gain
                if (value.isNaN()) throw BackendException("the network gave values that are not numbers (NaN) for this image")
                to.rgb[3 * (row * to.size.width + column) + channel] = rounded(value).toByte()
            }
        }
    }
}

private fun rounded(value: Float): Int = Math.rint(minOf(maxOf(value, 0f), 1f) * 255.0).toInt()
