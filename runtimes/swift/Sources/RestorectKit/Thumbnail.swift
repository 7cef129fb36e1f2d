/// What the prior looks at: planes of side × side values in [0, 1], red, green and blue, then, where the prior takes
/// it, the standard deviation of each.
struct Thumbnail {
    let values: [Float]
    let side: Int

    /// How many planes there are.
    var channels: Int { values.count / (side * side) }

    /// The planes of means, which come first.
    var means: ArraySlice<Float> { values.prefix(3 * side * side) }
}

/// The thumbnail of a padded picture; the same as `restorect_edge/inference/thumbnail.py`.
///
/// Means of blocks of `prior.pool` pixels, and with `prior.deviation` the population standard deviation inside each
/// block, both resampled exactly by area.
func thumbnail(of picture: Picture, padded: Size, prior: PriorSpec) -> Thumbnail {
    let pool = prior.pool
    let rows = padded.height / pool
    let columns = padded.width / pool
    let plane = rows * columns
    var sums = [Int](repeating: 0, count: 3 * plane)
    var squares = [Int](repeating: 0, count: prior.deviation ? 3 * plane : 0)
    for row in 0..<(rows * pool) {
        let from = reflected(row, length: picture.size.height)
        for column in 0..<(columns * pool) {
            let (r, g, b) = picture.pixel(from, reflected(column, length: picture.size.width))
            let cell = row / pool * columns + column / pool
            sums[cell] += r
            sums[plane + cell] += g
            sums[2 * plane + cell] += b
            if prior.deviation {
                squares[cell] += r * r
                squares[plane + cell] += g * g
                squares[2 * plane + cell] += b * b
            }
        }
    }
    let count = pool * pool
    let unit = 1 / Float(count * 255)
    // the variance in integers: of bright flat areas only rounding would be left
    let deviations = zip(sums, squares).map { Float(count * $1 - $0 * $0).squareRoot() * unit }
    let down = areaWeights(cells: rows, size: prior.thumbnail)
    let across = areaWeights(cells: columns, size: prior.thumbnail)
    let cells = sums.map { Float($0) * unit } + deviations
    return Thumbnail(values: resampled(cells, rows: rows, columns: columns, down, across), side: prior.thumbnail)
}

/// A share of each input cell that an output cell covers.
typealias Share = (cell: Int, weight: Float)

/// The input cells of each output cell with their weights, which sum to 1.
func areaWeights(cells: Int, size: Int) -> [[Share]] {
    let ratio = Double(cells) / Double(size)
    return (0..<size).map { index -> [Share] in
        let low = Double(index) * ratio
        let high = Double(index + 1) * ratio
        // a cell more on each side than rounding can be wrong by; those without overlap are left out
        let first = max(0, Int(low) - 1)
        let last = min(cells - 1, Int(high) + 1)
        return (first...last).compactMap { cell -> Share? in
            let overlap = min(Double(cell + 1), high) - max(Double(cell), low)
            return overlap > 0 ? (cell: cell, weight: Float(overlap / ratio)) : nil
        }
    }
}

private func resampled(
    _ cells: [Float], rows: Int, columns: Int, _ down: [[Share]], _ across: [[Share]]
) -> [Float] {
    let plane = rows * columns
    var made: [Float] = []
    for channel in 0..<(cells.count / plane) {
        for shares in down {
            let line = (0..<columns).map { column in
                shares.reduce(Float(0)) { $0 + $1.weight * cells[channel * plane + $1.cell * columns + column] }
            }
            for shares in across {
                made.append(shares.reduce(Float(0)) { $0 + $1.weight * line[$1.cell] })
            }
        }
    }
    return made
}
