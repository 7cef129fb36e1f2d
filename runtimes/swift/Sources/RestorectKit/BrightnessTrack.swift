/// The gain that holds the brightness of a scene that stands still; the same rule as
/// `restorect_edge/inference/video/brightness.py`.
final class BrightnessTrack {
    /// Blocks along each side of a picture, whose brightness is compared from frame to frame.
    static let blocks = 8
    /// How far, as a share, half of the blocks may change apart from each other in a scene that stands still.
    static let still = 0.016
    /// Frames that a scene must have stood still for: one may resemble the one before by chance.
    static let streak = 3
    /// Change apart from the others from which a block shows something that moves, as a share.
    static let moved = 0.1
    /// Change of brightness from which it is the scene's own, as a share.
    static let largest = 0.2
    /// Level that a block counts with at least, so that ratios of black ones say little.
    static let darkest = 0.1 / 255

    private let smooth: Double
    private var expected: [Double]?
    private var standing = 0

    /// - Parameter smooth: share of the expectation kept from the frame before, from 0 (the gain is 1) to below 1.
    init(smooth: Double) {
        self.smooth = smooth
    }

    /// The gain of the next restored frame.
    ///
    /// - Parameters:
    ///   - size: sides of the picture.
    ///   - level: sum of red, green and blue of a pixel, by row and column, each in [0, 1].
    func step(size: Size, level: (Int, Int) -> Double) -> Double {
        if smooth == 0 {
            return 1
        }
        let seen = means(size, level)
        guard let expected, expected.count == seen.count, let gain = Self.gain(expected, seen) else {
            self.expected = seen
            standing = 0
            return 1
        }
        self.expected = zip(expected, seen).map { smooth * $0 + (1 - smooth) * $1 }
        standing += 1
        return standing >= Self.streak ? gain : 1
    }

    /// Forget the scene.
    func reset() {
        expected = nil
        standing = 0
    }

    /// What makes blocks as bright as expected; nil where the scene does not stand still.
    private static func gain(_ expected: [Double], _ seen: [Double]) -> Double? {
        let ratios = zip(expected, seen).map { $1 / $0 }
        let common = median(ratios)
        let apart = ratios.map { abs($0 / common - 1) }
        guard median(apart) <= still else { return nil }
        let quiet = apart.indices.filter { apart[$0] <= moved }
        let wanted = quiet.reduce(0) { $0 + expected[$1] }
        let found = quiet.reduce(0) { $0 + seen[$1] }
        let gain = wanted / found
        return abs(gain - 1) < largest ? gain : nil
    }

    /// Mean levels of 8×8 blocks or fewer; rows and columns that are over are left out.
    private func means(_ size: Size, _ level: (Int, Int) -> Double) -> [Double] {
        let rows = min(Self.blocks, size.height)
        let columns = min(Self.blocks, size.width)
        let tall = size.height / rows
        let wide = size.width / columns
        var sums = [Double](repeating: 0, count: rows * columns)
        for row in 0..<(rows * tall) {
            for column in 0..<(columns * wide) {
                sums[row / tall * columns + column / wide] += level(row, column)
            }
        }
        return sums.map { max($0 / Double(3 * tall * wide), Self.darkest) }
    }

    private static func median(_ values: [Double]) -> Double {
        let sorted = values.sorted()
        return (sorted[(sorted.count - 1) / 2] + sorted[sorted.count / 2]) / 2
    }
}
