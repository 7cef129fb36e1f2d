package org.restorect.core

/** What the channels of a layout are. */
internal enum class Color { RGB, YUV, GRAY }

/** Rows of a plane: [bytes] for each [across] pixels of a row, a row for each [down] rows of pixels. */
internal data class PlaneShape(val bytes: Int, val across: Int = 1, val down: Int = 1)

/** Where the samples of a channel are within the rows of its plane, in bytes. */
internal data class Channel(val plane: Int, val offset: Int, val step: Int)

/** How pixels lie in a buffer; the same table as `spec/frames/formats.json`. */
internal class Layout(
    val color: Color,
    val planes: List<PlaneShape>,
    /** R, G and B; Y, Cb and Cr; or gray alone. */
    val channels: List<Channel>,
    /** Rows that share a chroma sample. */
    val down: Int = 1,
    /** Columns that share a chroma sample. */
    val across: Int = 1,
    /** From a little-endian word of two bytes to its 8 most significant bits; 0 for samples of one byte. */
    val shift: Int = 0
)

/** One byte a channel, in the order of the name. */
private fun packed(order: String): Layout {
    val channels = "rgb".map { Channel(0, order.indexOf(it), order.length) }
    return Layout(Color.RGB, listOf(PlaneShape(order.length)), channels)
}

/** A plane of Y and one of pairs, Cb being the [u]-th of a pair. */
private fun semiPlanar(u: Int, down: Int, across: Int, size: Int = 1, shift: Int = 0) = Layout(
    Color.YUV,
    listOf(PlaneShape(size), PlaneShape(2 * size, across, down)),
    listOf(Channel(0, 0, size), Channel(1, u * size, 2 * size), Channel(1, (1 - u) * size, 2 * size)),
    down, across, shift
)

/** Three planes, that of Cb being the [u]-th. */
private fun planar(u: Int, down: Int, across: Int, size: Int = 1, shift: Int = 0) = Layout(
    Color.YUV,
    listOf(PlaneShape(size), PlaneShape(size, across, down), PlaneShape(size, across, down)),
    listOf(Channel(0, 0, size), Channel(u, 0, size), Channel(3 - u, 0, size)),
    down, across, shift
)

/** 4:2:2 in one plane, in the order of the name. */
private fun interleaved(order: String) = Layout(
    Color.YUV,
    listOf(PlaneShape(4, 2)),
    listOf(Channel(0, order.indexOf('y'), 2), Channel(0, order.indexOf('u'), 4), Channel(0, order.indexOf('v'), 4)),
    1, 2
)

internal val LAYOUTS: Map<String, Layout> = linkedMapOf(
    "rgb" to packed("rgb"),
    "bgr" to packed("bgr"),
    "bgra" to packed("bgra"),
    "nv12" to semiPlanar(0, 2, 2),
    "yuyv" to interleaved("yuyv"),
    "rgba" to packed("rgba"),
    "argb" to packed("argb"),
    "abgr" to packed("abgr"),
    "rgbx" to packed("rgbx"),
    "bgrx" to packed("bgrx"),
    "xrgb" to packed("xrgb"),
    "xbgr" to packed("xbgr"),
    "gray8" to Layout(Color.GRAY, listOf(PlaneShape(1)), listOf(Channel(0, 0, 1))),
    "nv21" to semiPlanar(1, 2, 2),
    "nv16" to semiPlanar(0, 1, 2),
    "nv61" to semiPlanar(1, 1, 2),
    "nv24" to semiPlanar(0, 1, 1),
    "i420" to planar(1, 2, 2),
    "yv12" to planar(2, 2, 2),
    "i422" to planar(1, 1, 2),
    "i444" to planar(1, 1, 1),
    "uyvy" to interleaved("uyvy"),
    "yvyu" to interleaved("yvyu"),
    "vyuy" to interleaved("vyuy"),
    "p010" to semiPlanar(0, 2, 2, 2, 8),
    "i420p10" to planar(1, 2, 2, 2, 2)
)

internal val ALIASES: Map<String, String> = mapOf(
    "yuy2" to "yuyv",
    "gray" to "gray8",
    "grey" to "gray8",
    "yuv420p" to "i420",
    "yuv422p" to "i422",
    "yuv444p" to "i444",
    "p010le" to "p010",
    "yuv420p10le" to "i420p10"
)
