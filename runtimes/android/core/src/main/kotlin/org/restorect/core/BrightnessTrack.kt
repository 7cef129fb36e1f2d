package org.restorect.core

/** Blocks along each side of a picture, whose brightness is compared from frame to frame. */
private const val BLOCKS = 8
/** How far, as a share, half of the blocks may change apart from each other in a scene that stands still. */
private const val STILL = 0.016
/** Frames that a scene must have stood still for: one may resemble the one before by chance. */
private const val STREAK = 3
/** Change apart from the others from which a block shows something that moves, as a share. */
private const val MOVED = 0.1
/** Change of brightness from which it is the scene's own, as a share. */
private const val LARGEST = 0.2
/** Level that a block counts with at least, so that ratios of black ones say little. */
private const val DARKEST = 0.1 / 255

/**
 * The gain that holds the brightness of a scene that stands still; the same rule as
 * `restorect_edge/inference/video/brightness.py`.
 *
 * @param smooth share of the expectation kept from the frame before, from 0 (the gain is 1) to below 1
 */
internal class BrightnessTrack(private val smooth: Double) {
    private var expected: DoubleArray? = null
    private var still = 0

    /**
     * The gain of the next restored frame.
     *
     * @param planes three planes of [stride] values a row and [plane] values each, in [0, 1]
     * @param size of the picture in them, without what was padded
     */
    fun step(planes: FloatArray, plane: Int, stride: Int, size: Size): Double {
        if (smooth == 0.0) return 1.0
        val levels = blocks(planes, plane, stride, size)
        val known = expected?.takeIf { it.size == levels.size }
        val gain = known?.let { gain(it, levels) }
        if (known == null || gain == null) {
            expected = levels
            still = 0
            return 1.0
        }
        expected = DoubleArray(levels.size) { smooth * known[it] + (1 - smooth) * levels[it] }
        still++
        return if (still >= STREAK) gain else 1.0
    }

    /** Forget the scene. */
    fun reset() {
        expected = null
        still = 0
    }
}

/** What makes blocks as bright as expected; null where the scene does not stand still. */
private fun gain(expected: DoubleArray, levels: DoubleArray): Double? {
    val ratios = DoubleArray(levels.size) { levels[it] / expected[it] }
    val common = median(ratios)
    val apart = DoubleArray(levels.size) { Math.abs(ratios[it] / common - 1) }
    if (median(apart) > STILL) return null
    var wanted = 0.0
    var found = 0.0
    for (at in levels.indices) {
        if (apart[at] > MOVED) continue
        wanted += expected[at]
        found += levels[at]
    }
    return (wanted / found).takeIf { Math.abs(it - 1) < LARGEST }
}

/** Mean levels of 8×8 blocks or fewer; rows and columns that are over are left out. */
private fun blocks(planes: FloatArray, plane: Int, stride: Int, size: Size): DoubleArray {
    val (rows, columns) = Pair(minOf(BLOCKS, size.height), minOf(BLOCKS, size.width))
    val (tall, wide) = Pair(size.height / rows, size.width / columns)
    val levels = DoubleArray(rows * columns)
    for (channel in 0..2) {
        for (row in 0 until rows * tall) {
            val from = channel * plane + row * stride
            for (column in 0 until columns * wide) {
                levels[row / tall * columns + column / wide] += planes[from + column].toDouble()
            }
        }
    }
    val count = 3 * tall * wide
    return DoubleArray(levels.size) { maxOf(levels[it] / count, DARKEST) }
}

private fun median(values: DoubleArray): Double {
    val sorted = values.sortedArray()
    return (sorted[(sorted.size - 1) / 2] + sorted[sorted.size / 2]) / 2
}
