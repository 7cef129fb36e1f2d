/// What the prior looks at: 3 × side × side, RGB in [0, 1]; the same as `restorect_edge/inference/tiling.py`.
///
/// Means of blocks of `pool` pixels of the padded picture, then exact area resampling.
func thumbnail(of picture: Picture, padded: Size, prior: PriorSpec) -> [Float] {
    let pool = prior.pool
    let rows = padded.height / pool
    let columns = padded.width / pool
    var cells = [Float](repeating: 0, count: 3 * rows * columns)
    for row in 0..<(rows * pool) {
        let from = reflected(row, length: picture.size.height)
        for column in 0..<(columns * pool) {
            let (r, g, b) = picture.pixel(from, reflected(column, length: picture.size.width))
            let cell = row / pool * columns + column / pool
            cells[cell] += Float(r)
            cells[rows * columns + cell] += Float(g)
            cells[2 * rows * columns + cell] += Float(b)
        }
    }
    let unit = 1 / Float(pool * pool * 255)
    let down = areaWeights(cells: rows, size: prior.thumbnail)
    let across = areaWeights(cells: columns, size: prior.thumbnail)
    return resampled(cells.map { $0 * unit }, columns: columns, down, across)
}

/// A share of each input cell that an output cell covers.
typealias Share = (cell: Int, weight: Float)

/// The input cells of each output cell with their weights, which sum to 1.
func areaWeights(cells: Int, size: Int) -> [[Share]] {
    let ratio = Float(Double(cells) / Double(size))
    return (0..<size).map { index -> [Share] in
        let low = Float(index) * ratio
        let high = Float(index + 1) * ratio
        let first = max(0, Int(low) - 1)
        let last = min(cells - 1, Int(high) + 1)
        return (first...last).compactMap { cell -> Share? in
            let overlap = min(Float(cell + 1), high) - max(Float(cell), low)
            return overlap > 0 ? (cell: cell, weight: overlap / ratio) : nil
        }
    }
}

private func resampled(_ cells: [Float], columns: Int, _ down: [[Share]], _ across: [[Share]]) -> [Float] {
    let plane = cells.count / 3
    var made: [Float] = []
    for channel in 0..<3 {
        for rows in down {
            let line = (0..<columns).map { column in
                rows.reduce(Float(0)) { $0 + $1.weight * cells[channel * plane + $1.cell * columns + column] }
            }
            for shares in across {
                made.append(shares.reduce(Float(0)) { $0 + $1.weight * line[$1.cell] })
            }
        }
    }
    return made
}
