package org.restorect.core

/** One axis of a window: what is read, and which part of the result is kept. */
internal data class Span(val start: Int, val stop: Int, val keepFrom: Int, val keepTo: Int)

/** A rectangle to restore, in pixels of the padded image. */
internal class Window(val rows: Span, val columns: Span) {
    val size get() = Size(rows.stop - rows.start, columns.stop - columns.start)
}

/** Windows along an axis that are considered. */
private const val MOST_WINDOWS = 256

/** Cover a padded image with windows of one size; the same plan as `restorect_edge/inference/tiling.py`. */
internal fun plan(padded: Size, window: Size, halo: Int): List<Window> {
    val columns = spans(padded.width, window.width, halo)
    return spans(padded.height, window.height, halo).flatMap { rows -> columns.map { Window(rows, it) } }
}

internal fun spans(length: Int, window: Int, halo: Int): List<Span> {
    if (window >= length) return listOf(Span(0, window, 0, length))
    if (window <= 2 * halo) {
        throw UsageException(
            "a window of $window pixels keeps nothing: this network needs $halo pixels of context on each side, " +
                "so windows must be larger than ${2 * halo}"
        )
    }
    val found = ArrayList<Span>()
    var kept = 0
    while (kept < length) {
        // the last is moved back, so that all have one size
        val start = minOf(maxOf(kept - halo, 0), length - window)
        val stop = start + window
        val keepTo = if (stop == length) length else stop - halo
        found += Span(start, stop, kept, keepTo)
        kept = keepTo
    }
    return found
}

/** The window of at most [limit] pixels that covers a padded image with the least work. */
internal fun bestWindow(padded: Size, limit: Long, halo: Int, multiple: Int): Size {
    val rows = sides(padded.height, halo, multiple)
    val columns = sides(padded.width, halo, multiple)
    val choices = rows.indices.flatMap { down ->
        columns.indices.map { across -> Pair((down + 1) * (across + 1), Size(rows[down], columns[across])) }
    }
    val within = choices.filter { (_, window) -> window.area <= limit }
    // not minBy, whose name and result changed between versions of Kotlin
    if (within.isEmpty()) return choices.map { it.second }.reduce { a, b -> if (b.area < a.area) b else a }
    return within.reduce { a, b -> if (b.first * b.second.area < a.first * a.second.area) b else a }.second
}

/** Sides, by number of windows along an axis less one, that make them equally large. */
private fun sides(length: Int, halo: Int, multiple: Int): List<Int> {
    val found = arrayListOf(length)
    for (count in 2 until MOST_WINDOWS) {
        val read = length + 2 * halo * (count - 1)
        val side = (read + count * multiple - 1) / (count * multiple) * multiple
        // more than half of such a window would be context, computed again by its neighbors
        if (side < 4 * halo) break
        found += side
    }
    return found
}

/** Index [at] of an axis of [length] pixels continued by reflection about its ends. */
internal fun reflected(at: Int, length: Int): Int {
    if (length == 1) return 0
    val period = 2 * (length - 1)
    val index = at % period
    return if (index < length) index else period - index
}
