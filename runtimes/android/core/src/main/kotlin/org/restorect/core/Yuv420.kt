package org.restorect.core

import java.nio.ByteBuffer

/**
 * A plane of Android's `Image` or CameraX's `ImageProxy`.
 *
 * @param rowStride bytes from a row to the next
 * @param pixelStride bytes from a sample to the next: 2 where Cb and Cr are interleaved, else 1
 */
class YuvPlane(val data: ByteBuffer, val rowStride: Int, val pixelStride: Int)

/**
 * Convert a `YUV_420_888` image to RGB, to the byte as every runtime of the project does.
 *
 * The format leaves open whether chroma is planar or interleaved, and in which order: strides say so. The last row of
 * a plane may end with its last sample, before the row stride does.
 *
 * @param planes Y, Cb and Cr, as `getPlanes` returns them
 * @param matrix `bt601`, as cameras of Android give unless their `DataSpace` says otherwise, or another of [FrameFormat]
 * @param range `full`, as cameras of Android give, or `limited`, as decoders of video mostly do
 * @throws UsageException another number of planes, unknown names, odd sides, or a plane that is cut off
 */
fun yuv420ToRgb(
    width: Int, height: Int, planes: List<YuvPlane>, matrix: String = "bt601", range: String = "full"
): Picture {
    if (planes.size != 3) throw UsageException("a YUV_420_888 image has 3 planes, got ${planes.size}")
    known("color matrix", matrix, YCbCr.MATRICES)
    known("range", range, YCbCr.RANGES)
    checkSides("YUV_420_888", width, height, 2, 2)
    val channels = planes.mapIndexed { at, plane ->
        val part = if (at == 0) 1 else 2
        samples(plane, "Y Cb Cr".split(" ")[at], width / part, height / part)
    }
    return Picture(Size(height, width)).also { fromYuv(channels, 2, 2, YCbCr.of(matrix, range), it) }
}

private fun samples(plane: YuvPlane, name: String, columns: Int, rows: Int): Samples {
    val row = (columns - 1L) * plane.pixelStride + 1
    if (plane.pixelStride < 1 || plane.rowStride < row) {
        throw UsageException(
            "a row of $columns samples of $name with a pixel stride of ${plane.pixelStride} has $row bytes, got a row " +
                "stride of ${plane.rowStride}; give both as the plane has them"
        )
    }
    val bytes = plane.data.slice()
    val needed = (rows - 1L) * plane.rowStride + row
    if (bytes.remaining() < needed) {
        throw UsageException(
            "plane $name has at least $needed bytes, got ${bytes.remaining()}: it was cut off, or read by another " +
                "caller; rewind it"
        )
    }
    return Samples(bytes, 0, plane.pixelStride, plane.rowStride)
}
