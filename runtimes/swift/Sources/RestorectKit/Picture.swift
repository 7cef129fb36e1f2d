import CoreVideo
import Foundation

/// Pixels as B, G, R, A bytes, rows without padding; alpha is 255.
struct Picture {
    let size: Size
    var bytes: [UInt8]

    init(size: Size) {
        self.size = size
        bytes = [UInt8](repeating: 255, count: 4 * size.height * size.width)
    }

    /// Read a camera's buffer: BGRA, 420v or 420f, rows padded or not.
    init(_ buffer: CVPixelBuffer) throws {
        self.init(size: Size(height: CVPixelBufferGetHeight(buffer), width: CVPixelBufferGetWidth(buffer)))
        guard size.height > 0, size.width > 0 else {
            throw RestorectError.usage("the frame is empty: both sides are at least 1 pixel")
        }
        let format = try FrameFormat(of: buffer)
        try locked(buffer, .readOnly) {
            if let matrix = format.matrix {
                try readPlanes(of: buffer, matrix)
            } else {
                try readBGRA(of: buffer)
            }
        }
    }

    private mutating func readBGRA(of buffer: CVPixelBuffer) throws {
        let plane = try Plane(buffer, nil)
        for row in 0..<size.height {
            for column in 0..<size.width {
                let from = row * plane.stride + 4 * column
                let to = 4 * (row * size.width + column)
                bytes[to] = plane.base[from]
                bytes[to + 1] = plane.base[from + 1]
                bytes[to + 2] = plane.base[from + 2]
            }
        }
    }

    private mutating func readPlanes(of buffer: CVPixelBuffer, _ matrix: YCbCr) throws {
        let luma = try Plane(buffer, 0)
        let chroma = try Plane(buffer, 1)
        for row in 0..<size.height {
            for column in 0..<size.width {
                let pair = row / 2 * chroma.stride + column / 2 * 2
                let (r, g, b) = matrix.rgb(
                    y: Int(luma.base[row * luma.stride + column]),
                    cb: Int(chroma.base[pair]),
                    cr: Int(chroma.base[pair + 1])
                )
                let to = 4 * (row * size.width + column)
                bytes[to] = b
                bytes[to + 1] = g
                bytes[to + 2] = r
            }
        }
    }

    /// Make a buffer of `format`, as Core ML, Metal and encoders take it.
    func buffer(_ format: FrameFormat) throws -> CVPixelBuffer {
        let made = try emptyBuffer(size, format.code)
        try locked(made, []) {
            if let matrix = format.matrix {
                try writePlanes(of: made, matrix)
            } else {
                try writeBGRA(of: made)
            }
        }
        if let name = format.matrixName {
            CVBufferSetAttachment(made, kCVImageBufferYCbCrMatrixKey, name, .shouldPropagate)
        }
        return made
    }

    private func writeBGRA(of buffer: CVPixelBuffer) throws {
        let plane = try Plane(buffer, nil)
        for row in 0..<size.height {
            for at in 0..<(4 * size.width) {
                plane.base[row * plane.stride + at] = bytes[4 * row * size.width + at]
            }
        }
    }

    private func writePlanes(of buffer: CVPixelBuffer, _ matrix: YCbCr) throws {
        let luma = try Plane(buffer, 0)
        let chroma = try Plane(buffer, 1)
        for row in stride(from: 0, to: size.height, by: 2) {
            for column in stride(from: 0, to: size.width, by: 2) {
                var sum = (r: 0, g: 0, b: 0)
                for (down, across) in [(0, 0), (0, 1), (1, 0), (1, 1)] {
                    let (r, g, b) = pixel(row + down, column + across)
                    luma.base[(row + down) * luma.stride + column + across] = matrix.luma(r: r, g: g, b: b)
                    sum = (sum.r + r, sum.g + g, sum.b + b)
                }
                let (cb, cr) = matrix.chroma(r: sum.r, g: sum.g, b: sum.b)
                chroma.base[row / 2 * chroma.stride + column] = cb
                chroma.base[row / 2 * chroma.stride + column + 1] = cr
            }
        }
    }

    /// Red, green and blue.
    func pixel(_ row: Int, _ column: Int) -> (r: Int, g: Int, b: Int) {
        let at = 4 * (row * size.width + column)
        return (Int(bytes[at + 2]), Int(bytes[at + 1]), Int(bytes[at]))
    }

    /// The window of the picture continued by reflection at the bottom and right.
    func window(_ window: Window) -> Picture {
        let rows = window.rows
        let columns = window.columns
        var made = Picture(size: Size(height: rows.stop - rows.start, width: columns.stop - columns.start))
        let across = (columns.start..<columns.stop).map { 4 * reflected($0, length: size.width) }
        var to = 0
        for row in rows.start..<rows.stop {
            let from = 4 * size.width * reflected(row, length: size.height)
            for column in across {
                made.bytes[to] = bytes[from + column]
                made.bytes[to + 1] = bytes[from + column + 1]
                made.bytes[to + 2] = bytes[from + column + 2]
                to += 4
            }
        }
        return made
    }

    /// Copy the part of a restored window that is kept; `scale` is output side over input side.
    mutating func keep(_ window: Window, of restored: Picture, scale: Int) {
        guard window.rows.keepFrom * scale < size.height, window.columns.keepFrom * scale < size.width else {
            return
        }
        let rows = (window.rows.keepFrom * scale)..<min(window.rows.keepTo * scale, size.height)
        let columns = (window.columns.keepFrom * scale)..<min(window.columns.keepTo * scale, size.width)
        for row in rows {
            let from = 4 * (row - window.rows.start * scale) * restored.size.width
            for column in columns {
                let source = from + 4 * (column - window.columns.start * scale)
                let to = 4 * (row * size.width + column)
                for channel in 0..<3 {
                    bytes[to + channel] = restored.bytes[source + channel]
                }
            }
        }
    }
}
