package org.restorect.core

/**
 * What the prior looks at: planes of side × side values in [0, 1], red, green and blue, then, where the prior takes
 * it, the standard deviation of each.
 */
internal class Thumbnail(val values: FloatArray, val side: Int) {
    /** How many planes there are. */
    val channels: Int get() = values.size / (side * side)

    /** How many values the planes of means have, which come first. */
    val means: Int get() = 3 * side * side
}

/**
 * The thumbnail of a padded picture; the same as `restorect_edge/inference/thumbnail.py`.
 *
 * Means of blocks of [PriorSpec.pool] pixels, and with [PriorSpec.deviation] the population standard deviation inside
 * each block, both resampled exactly by area.
 */
internal fun thumbnail(picture: Picture, padded: Size, prior: PriorSpec): Thumbnail {
    val grid = Size(padded.height / prior.pool, padded.width / prior.pool)
    val down = areaWeights(grid.height, prior.thumbnail)
    val across = areaWeights(grid.width, prior.thumbnail)
    val planes = moments(picture, grid, prior).map { resampled(it, grid.width, down, across) }
    val made = FloatArray(planes.size * prior.thumbnail * prior.thumbnail)
    planes.forEachIndexed { at, plane -> plane.copyInto(made, at * plane.size) }
    return Thumbnail(made, prior.thumbnail)
}

/** The mean of each block by channel, then the deviations where they are wanted. */
private fun moments(picture: Picture, grid: Size, prior: PriorSpec): List<FloatArray> {
    val cells = grid.height * grid.width
    val sums = IntArray(3 * cells)
    val squares = IntArray(3 * cells)
    val columns = IntArray(grid.width * prior.pool) { 3 * reflected(it, picture.size.width) }
    for (row in 0 until grid.height * prior.pool) {
        val from = 3 * picture.size.width * reflected(row, picture.size.height)
        for (column in columns.indices) {
            val cell = row / prior.pool * grid.width + column / prior.pool
            for (channel in 0..2) {
                val level = picture.level(from + columns[column] + channel)
                sums[channel * cells + cell] += level
                squares[channel * cells + cell] += level * level
            }
        }
    }
    val count = prior.pool.toLong() * prior.pool
    val unit = 1f / (count * 255)
    val means = planesOf(cells) { sums[it] * unit }
    if (!prior.deviation) return means
    // the variance in integers: of bright flat areas only rounding would be left
    return means + planesOf(cells) {
        // squares are below 256²·255² < 2³²: they fit without a sign
        val variance = count * (squares[it].toLong() and 0xFFFFFFFFL) - sums[it].toLong() * sums[it]
        Math.sqrt(variance.toDouble()).toFloat() * unit
    }
}

private fun planesOf(cells: Int, value: (Int) -> Float): List<FloatArray> =
    (0..2).map { channel -> FloatArray(cells) { value(channel * cells + it) } }

/** Input cells from [first] on that an output cell covers, and the share of each; shares sum to 1. */
internal class Cover(val first: Int, val shares: FloatArray)

internal fun areaWeights(cells: Int, side: Int): List<Cover> {
    val step = cells.toDouble() / side
    return (0 until side).map { index ->
        val from = index * step
        val to = (index + 1) * step
        val first = from.toInt()
        val covered = (first until cells).takeWhile { it < to }
        Cover(first, FloatArray(covered.size) { at ->
            val cell = covered[at].toDouble()
            ((minOf(cell + 1, to) - maxOf(cell, from)) / step).toFloat()
        })
    }
}

private fun resampled(cells: FloatArray, wide: Int, down: List<Cover>, across: List<Cover>): FloatArray {
    val made = FloatArray(down.size * across.size)
    val line = FloatArray(wide)
    down.forEachIndexed { row, rows ->
        for (column in 0 until wide) {
            line[column] = weighted(rows) { cells[it * wide + column] }
        }
        across.forEachIndexed { column, columns ->
            made[row * across.size + column] = weighted(columns) { line[it] }
        }
    }
    return made
}

private inline fun weighted(cover: Cover, value: (Int) -> Float): Float {
    var sum = 0f
    for (at in cover.shares.indices) sum += cover.shares[at] * value(cover.first + at)
    return sum
}
