package org.restorect.core

import java.nio.ByteBuffer

/** Where a plane lies in a buffer: byte of its first row, and bytes from a row to the next. */
data class PlanePlace(val offset: Int, val stride: Int)

/** Bytes to whose multiples kernels round the size of a buffer. */
private const val PAGE = 4096

/**
 * What a buffer of bytes holds; `spec/frames` says which layouts there are.
 *
 * @param stride bytes from a row of the first plane to the next, from which those of the others follow; 0 for rows
 *     without padding
 * @param sliceHeight rows that the first plane has room for, as of decoders that pad 1080 rows to 1088; 0 for [height]
 * @param planes each plane, where they follow from neither [stride] nor [sliceHeight]
 * @param matrix `bt601`, `bt709`, `bt2020` or `smpte240m`; means nothing for RGB
 * @param range `full` or `limited`; means nothing for RGB and gray
 * @throws UsageException unknown names, no pixels, odd sides where chroma needs even ones, too short a stride
 */
class FrameFormat(
    layout: String,
    val width: Int,
    val height: Int,
    val stride: Int = 0,
    val sliceHeight: Int = 0,
    val planes: List<PlanePlace> = emptyList(),
    val matrix: String = "bt601",
    val range: String = "limited"
) {
    /** Name of the layout, never an alias. */
    val layout: String = ALIASES[layout] ?: layout
    internal val facts: Layout

    init {
        // without the nearest name: NV12 for NV21 would swap red and blue
        known("frame layout", this.layout, LAYOUTS.keys)
        known("color matrix", matrix, YCbCr.MATRICES)
        known("range", range, YCbCr.RANGES)
        facts = LAYOUTS.getValue(this.layout)
        checkSides(this.layout, width, height, facts.across, facts.down)
        if (sliceHeight != 0 && sliceHeight < height) {
            throw UsageException(
                "slice_height (sliceHeight) is the rows that the buffer has room for, at least the $height of the " +
                    "frame, got $sliceHeight; 0 for rows without padding"
            )
        }
        checkPlanes()
    }

    private fun checkPlanes() {
        if (planes.isNotEmpty() && (planes.size != facts.planes.size || stride != 0 || sliceHeight != 0)) {
            throw UsageException(
                "planes are offset and stride of each of the ${facts.planes.size} planes of $layout, without stride " +
                    "and slice_height (sliceHeight); got ${planes.size}"
            )
        }
        places.forEachIndexed { at, place ->
            val needed = rowBytes(at)
            if (place.stride < needed) {
                throw UsageException(
                    "a row of $width $layout pixels has $needed bytes, got a stride of ${place.stride}; the stride " +
                        "is at least that, or 0 for rows without padding"
                )
            }
            if (place.offset < 0) {
                throw UsageException("a plane starts at byte 0 of the buffer or later, got ${place.offset}")
            }
        }
    }

    private fun rowBytes(plane: Int) = facts.planes[plane].bytes * width / facts.planes[plane].across

    /** Where each plane lies: as given, or one after the other. */
    internal val places: List<PlanePlace>
        get() = if (planes.isNotEmpty()) planes else packed(if (sliceHeight != 0) sliceHeight else height)

    /** Planes one after the other, the first with room for so many rows. */
    private fun packed(rows: Int): List<PlanePlace> {
        val first = facts.planes[0]
        val stride = if (stride != 0) stride else rowBytes(0)
        var offset = 0
        return facts.planes.map { shape ->
            // the same pixels fit into a row of each plane
            val own = up(stride.toLong() * shape.bytes * first.across, shape.across.toLong() * first.bytes).toInt()
            PlanePlace(offset, own).also { offset += own * up(rows.toLong(), shape.down.toLong()).toInt() }
        }
    }

    /** Bytes that a buffer has at least: padding after the last row may be missing. */
    val size: Long
        get() = places.indices.map { at ->
            places[at].offset + places[at].stride.toLong() * (height / facts.planes[at].down - 1) + rowBytes(at)
        }.reduce { a, b -> maxOf(a, b) }

    private fun fullSize(rows: Int): Long {
        val last = packed(rows).last()
        return last.offset + last.stride * up(rows.toLong(), facts.planes.last().down.toLong())
    }

    /**
     * The rows that a larger buffer of [bytes] would have room for, were they padded; else 0.
     *
     * A buffer rounded up to whole pages has none, nor has a layout of one plane, where padding comes last.
     */
    private fun slicesOf(bytes: Long): Long {
        if (planes.isNotEmpty() || sliceHeight != 0 || facts.planes.size == 1) return 0
        val spare = bytes - fullSize(height)
        val step = fullSize(height + facts.down) - fullSize(height)
        if (spare <= 0 || spare % step != 0L || (spare < PAGE && bytes % PAGE == 0L)) return 0
        return height + spare / step * facts.down
    }

    /** Refuse a buffer of [bytes] bytes that cannot be such a frame's, or that may be one of two. */
    internal fun check(bytes: Long) {
        val what = "a $width×$height $layout frame with a stride of ${places[0].stride} has"
        if (bytes < size) {
            throw UsageException("$what $size bytes, got $bytes: the buffer is cut off, or its format is another")
        }
        val rows = slicesOf(bytes)
        if (rows > 0) {
            throw UsageException(
                "$what ${fullSize(height)} bytes, got $bytes, which is the size with $rows rows: give " +
                    "sliceHeight=$rows if rows are padded to that, or sliceHeight=$height if they are not"
            )
        }
    }
}

/**
 * Convert a frame to RGB, to the byte as every runtime of the project does.
 *
 * @param data the bytes from its position to its limit; what lies behind the frame's size is ignored
 * @throws UsageException a buffer that is too short, or one with as many bytes as padded rows would give it, where
 *     nothing says whether there are any
 */
fun toRgb(data: ByteBuffer, format: FrameFormat): Picture {
    val bytes = data.slice()
    format.check(bytes.remaining().toLong())
    val channels = format.facts.channels.map {
        val place = format.places[it.plane]
        Samples(bytes, place.offset + it.offset, it.step, place.stride, format.facts.shift)
    }
    val picture = Picture(Size(format.height, format.width))
    if (format.facts.color == Color.YUV) {
        fromYuv(channels, format.facts.down, format.facts.across, YCbCr.of(format.matrix, format.range), picture)
    } else {
        fromRgb(channels, picture)
    }
    return picture
}

/** Samples of one channel: where the first lies, and bytes from one to the next and from row to row. */
internal class Samples(
    private val data: ByteBuffer, private val offset: Int, private val step: Int, private val stride: Int,
    private val shift: Int = 0
) {
    /** A sample, rounded to 8 bits. */
    fun level(row: Int, column: Int): Int {
        val at = offset + row * stride + column * step
        val low = data.get(at).toInt() and 255
        if (shift == 0) return low
        val word = low or ((data.get(at + 1).toInt() and 255) shl 8)
        // the brightest levels of 10 bits round up to 256
        return minOf((word + (1 shl (shift - 1))) shr shift, 255)
    }
}

internal fun fromYuv(channels: List<Samples>, down: Int, across: Int, matrix: YCbCr, to: Picture) {
    val (luma, blue, red) = channels
    for (row in 0 until to.size.height) {
        for (block in 0 until to.size.width / across) {
            val cb = blue.level(row / down, block)
            val cr = red.level(row / down, block)
            for (column in block * across until (block + 1) * across) {
                matrix.write(luma.level(row, column), cb, cr, to.rgb, 3 * (row * to.size.width + column))
            }
        }
    }
}

/** Copy channels; a single one is gray. */
private fun fromRgb(channels: List<Samples>, to: Picture) {
    for (at in 0 until to.size.height * to.size.width) {
        for (channel in 0..2) {
            val samples = if (channels.size == 1) channels[0] else channels[channel]
            to.rgb[3 * at + channel] = samples.level(at / to.size.width, at % to.size.width).toByte()
        }
    }
}

internal fun checkSides(layout: String, width: Int, height: Int, across: Int, down: Int) {
    if (width < 1 || height < 1) {
        throw UsageException("the frame is empty: $width×$height pixels; both sides are at least 1")
    }
    for ((side, odd) in listOf("height" to (height % down != 0), "width" to (width % across != 0))) {
        if (odd) {
            throw UsageException(
                "every $layout frame has an even $side, since 2 pixels share a chroma sample, got $width×$height; crop it"
            )
        }
    }
}

internal fun known(kind: String, got: String, names: Set<String>) {
    if (got !in names) throw UsageException("unknown $kind '$got'; known: ${names.joinToString(", ")}")
}

private fun up(value: Long, by: Long): Long = (value + by - 1) / by
