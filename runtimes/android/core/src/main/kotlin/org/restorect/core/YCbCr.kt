package org.restorect.core

private const val BT2020 = 9
private const val HD = 720

/**
 * Which matrix a frame has by what its stream says; `spec/frames` has the rule.
 *
 * Of a `MediaFormat`, `COLOR_STANDARD_BT709` is 1, `_BT601_PAL` 5, `_BT601_NTSC` 6 and `_BT2020` 9 for both codes.
 *
 * @param coefficients code of ITU-T H.273, 2 where the stream says nothing
 * @param primaries likewise
 * @param rows of the frame, before it is turned
 * @throws UsageException a matrix that cannot be converted
 */
fun matrixOf(coefficients: Int, primaries: Int, rows: Int): String = when (coefficients) {
    1 -> "bt709"
    4, 5, 6 -> "bt601"
    7 -> "smpte240m"
    BT2020 -> "bt2020"
    0, 2, 3 -> if (primaries == BT2020) "bt2020" else if (rows >= HD) "bt709" else "bt601"
    else -> throw UsageException(
        "the frame's color matrix is $coefficients of ITU-T H.273, none of BT.601, BT.709, BT.2020 and SMPTE 240M; " +
            "convert it first"
    )
}

/** Y'CbCr → RGB in integers, the same as `restorect_edge/media/ycbcr.py`. */
internal class YCbCr private constructor(
    private val black: Int,
    /** Y in R, G and B; Cr in R; Cb in G; Cr in G; Cb in B. */
    val coefficients: IntArray
) {
    private val light = products(coefficients[0], black, 1 shl (SHIFT - 1))
    private val redV = products(coefficients[1], 128)
    private val greenU = products(coefficients[2], 128)
    private val greenV = products(coefficients[3], 128)
    private val blueU = products(coefficients[4], 128)

    /** Products of a coefficient by level. */
    private fun products(weight: Int, zero: Int, extra: Int = 0) = IntArray(256) { (it - zero) * weight + extra }

    /** Write red, green and blue of a pixel at [at]; `shr` rounds down. */
    fun write(y: Int, cb: Int, cr: Int, to: ByteArray, at: Int) {
        val bright = light[y]
        to[at] = clamped((bright + redV[cr]) shr SHIFT)
        to[at + 1] = clamped((bright + greenU[cb] + greenV[cr]) shr SHIFT)
        to[at + 2] = clamped((bright + blueU[cb]) shr SHIFT)
    }

    private fun clamped(value: Int): Byte = (if (value < 0) 0 else if (value > 255) 255 else value).toByte()

    companion object {
        /** Fractional bits of the coefficients. */
        const val SHIFT = 20
        // ⌊2²⁰·c + ½⌋ of the exact coefficients, which restorect_edge/media/ycbcr.py derives
        private val FULL = linkedMapOf(
            "bt601" to intArrayOf(1048576, 1470104, -360853, -748826, 1858077),
            "bt709" to intArrayOf(1048576, 1651297, -196424, -490864, 1945738),
            "bt2020" to intArrayOf(1048576, 1546230, -172546, -599107, 1972791),
            "smpte240m" to intArrayOf(1048576, 1652556, -237630, -499774, 1914700)
        )
        private val LIMITED = linkedMapOf(
            "bt601" to intArrayOf(1220945, 1673555, -410793, -852458, 2115221),
            "bt709" to intArrayOf(1220945, 1879825, -223607, -558796, 2215014),
            "bt2020" to intArrayOf(1220945, 1760217, -196426, -682019, 2245811),
            "smpte240m" to intArrayOf(1220945, 1881258, -270517, -568940, 2179681)
        )
        val MATRICES: Set<String> = FULL.keys
        val RANGES = setOf("full", "limited")
        private val made = HashMap<String, YCbCr>()

        /** That of a matrix and a range, both known. */
        @Synchronized
        fun of(matrix: String, range: String): YCbCr = made.getOrPut("$matrix $range") {
            val limited = range == "limited"
            YCbCr(if (limited) 16 else 0, (if (limited) LIMITED else FULL).getValue(matrix))
        }
    }
}
