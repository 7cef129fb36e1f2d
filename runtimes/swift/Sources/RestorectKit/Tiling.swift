/// One axis of a window: what is read, and which part of the result is kept.
struct Span: Equatable {
    let start: Int
    let stop: Int
    let keepFrom: Int
    let keepTo: Int
}

/// A rectangle to restore, in pixels of the padded image.
struct Window {
    let rows: Span
    let columns: Span
}

/// Cover a padded image with windows of one size; the same plan as `restorect_edge/inference/tiling.py`.
func plan(padded: Size, window: Size, halo: Int) throws -> [Window] {
    let columns = try spans(length: padded.width, window: window.width, halo: halo)
    return try spans(length: padded.height, window: window.height, halo: halo).flatMap { rows in
        columns.map { Window(rows: rows, columns: $0) }
    }
}

func spans(length: Int, window: Int, halo: Int) throws -> [Span] {
    if window >= length {
        return [Span(start: 0, stop: window, keepFrom: 0, keepTo: length)]
    }
    guard window > 2 * halo else {
        throw RestorectError.usage(
            "a window of \(window) pixels keeps nothing: this network needs \(halo) pixels of context on each "
                + "side, so windows must be larger than \(2 * halo)"
        )
    }
    var found: [Span] = []
    var kept = 0
    while kept < length {
        // the last is moved back, so that all have one size
        let start = min(max(kept - halo, 0), length - window)
        let stop = start + window
        let keepTo = stop == length ? length : stop - halo
        found.append(Span(start: start, stop: stop, keepFrom: kept, keepTo: keepTo))
        kept = keepTo
    }
    return found
}

/// Index `at` of an axis of `length` pixels continued by reflection about its ends.
func reflected(_ at: Int, length: Int) -> Int {
    if length == 1 {
        return 0
    }
    let period = 2 * (length - 1)
    let index = at % period
    return index < length ? index : period - index
}
