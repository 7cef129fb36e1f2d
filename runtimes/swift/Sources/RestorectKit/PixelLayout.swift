import CoreVideo

/// How Core Video lays out pixels: those rows of `spec/frames/formats.json` that it has a code for.
struct PixelLayout {
    /// The table's name.
    let name: String
    /// Core Video's codes of limited and full range; the same for RGB.
    let codes: (limited: OSType, full: OSType)
    /// R, G and B, or Y, Cb and Cr: plane, byte of the first sample in a row, bytes from a sample to the next.
    let channels: [[Int]]
    /// Rows and columns that share a chroma sample; nil for RGB.
    let block: [Int]?
    /// Of samples in words of two bytes, from a word to its 8 most significant bits; 0 for samples of a byte.
    let shift: Int

    static let all: [PixelLayout] = [
        PixelLayout(
            name: "bgra", codes: (kCVPixelFormatType_32BGRA, kCVPixelFormatType_32BGRA),
            channels: [[0, 2, 4], [0, 1, 4], [0, 0, 4]], block: nil, shift: 0
        ),
        PixelLayout(
            name: "rgba", codes: (kCVPixelFormatType_32RGBA, kCVPixelFormatType_32RGBA),
            channels: [[0, 0, 4], [0, 1, 4], [0, 2, 4]], block: nil, shift: 0
        ),
        PixelLayout(
            name: "argb", codes: (kCVPixelFormatType_32ARGB, kCVPixelFormatType_32ARGB),
            channels: [[0, 1, 4], [0, 2, 4], [0, 3, 4]], block: nil, shift: 0
        ),
        PixelLayout(
            name: "rgb", codes: (kCVPixelFormatType_24RGB, kCVPixelFormatType_24RGB),
            channels: [[0, 0, 3], [0, 1, 3], [0, 2, 3]], block: nil, shift: 0
        ),
        PixelLayout(
            name: "bgr", codes: (kCVPixelFormatType_24BGR, kCVPixelFormatType_24BGR),
            channels: [[0, 2, 3], [0, 1, 3], [0, 0, 3]], block: nil, shift: 0
        ),
        PixelLayout(
            name: "nv12",
            codes: (
                kCVPixelFormatType_420YpCbCr8BiPlanarVideoRange, kCVPixelFormatType_420YpCbCr8BiPlanarFullRange
            ),
            channels: [[0, 0, 1], [1, 0, 2], [1, 1, 2]], block: [2, 2], shift: 0
        ),
        PixelLayout(
            name: "i420",
            codes: (kCVPixelFormatType_420YpCbCr8Planar, kCVPixelFormatType_420YpCbCr8PlanarFullRange),
            channels: [[0, 0, 1], [1, 0, 1], [2, 0, 1]], block: [2, 2], shift: 0
        ),
        PixelLayout(
            name: "uyvy", codes: (kCVPixelFormatType_422YpCbCr8, kCVPixelFormatType_422YpCbCr8),
            channels: [[0, 1, 2], [0, 0, 4], [0, 2, 4]], block: [1, 2], shift: 0
        ),
        PixelLayout(
            name: "yuyv", codes: (kCVPixelFormatType_422YpCbCr8_yuvs, kCVPixelFormatType_422YpCbCr8FullRange),
            channels: [[0, 0, 2], [0, 1, 4], [0, 3, 4]], block: [1, 2], shift: 0
        ),
        PixelLayout(
            name: "p010",
            codes: (
                kCVPixelFormatType_420YpCbCr10BiPlanarVideoRange,
                kCVPixelFormatType_420YpCbCr10BiPlanarFullRange
            ),
            channels: [[0, 0, 2], [1, 0, 4], [1, 2, 4]], block: [2, 2], shift: 8
        ),
    ]

    /// That of a code, and whether its range is limited (of RGB too, where it means nothing).
    static func of(_ code: OSType) -> (layout: PixelLayout, limited: Bool)? {
        guard let found = all.first(where: { $0.codes.limited == code || $0.codes.full == code }) else {
            return nil
        }
        return (found, found.codes.limited == code)
    }

    /// Memory of each channel's plane, while the buffer is locked.
    func planes(of buffer: CVPixelBuffer) throws -> [Plane] {
        let planar = CVPixelBufferIsPlanar(buffer)
        return try channels.map { try Plane(buffer, planar ? $0[0] : nil) }
    }

    /// The byte at which a sample begins, in its plane.
    func place(_ channel: Int, _ row: Int, _ column: Int, _ plane: Plane) -> Int {
        let block = channel > 0 ? self.block ?? [1, 1] : [1, 1]
        let start = channels[channel][1] + column / block[1] * channels[channel][2]
        return row / block[0] * plane.stride + start
    }

    /// A sample, rounded to 8 bits.
    func read(_ plane: Plane, _ at: Int) -> Int {
        if shift == 0 {
            return Int(plane.base[at])
        }
        let word = Int(plane.base[at]) + 256 * Int(plane.base[at + 1])
        // the brightest levels of 10 bits round up to 256
        return min((word + (1 << (shift - 1))) >> shift, 255)
    }

    func write(_ level: UInt8, _ plane: Plane, _ at: Int) {
        if shift == 0 {
            plane.base[at] = level
            return
        }
        let word = Int(level) << shift
        plane.base[at] = UInt8(word & 255)
        plane.base[at + 1] = UInt8(word >> 8)
    }
}
