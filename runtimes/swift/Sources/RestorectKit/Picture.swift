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

    /// Read a camera's buffer, of any of `PixelLayout.all`, rows padded or not.
    init(_ buffer: CVPixelBuffer) throws {
        self.init(size: Size(height: CVPixelBufferGetHeight(buffer), width: CVPixelBufferGetWidth(buffer)))
        guard size.height > 0, size.width > 0 else {
            throw RestorectError.usage("the frame is empty: both sides are at least 1 pixel")
        }
        let format = try FrameFormat(of: buffer)
        try locked(buffer, .readOnly) {
            try read(format, buffer)
        }
    }

    private mutating func read(_ format: FrameFormat, _ buffer: CVPixelBuffer) throws {
        let layout = format.layout
        let planes = try layout.planes(of: buffer)
        for row in 0..<size.height {
            for column in 0..<size.width {
                let levels = (0..<3).map { layout.read(planes[$0], layout.place($0, row, column, planes[$0])) }
                let to = 4 * (row * size.width + column)
                if let matrix = format.matrix {
                    let (r, g, b) = matrix.rgb(y: levels[0], cb: levels[1], cr: levels[2])
                    (bytes[to], bytes[to + 1], bytes[to + 2]) = (b, g, r)
                } else {
                    for channel in 0..<3 { bytes[to + 2 - channel] = UInt8(levels[channel]) }
                }
            }
        }
    }

    /// Make a buffer of `format`, as Core ML, Metal and encoders take it.
    func buffer(_ format: FrameFormat) throws -> CVPixelBuffer {
        let made = try emptyBuffer(size, format.code)
        try locked(made, []) {
            if let matrix = format.matrix, let block = format.layout.block {
                try writeYCbCr(format.layout, matrix, block, made)
            } else {
                try writeRGB(format.layout, made)
            }
        }
        if let name = format.matrixName {
            CVBufferSetAttachment(made, kCVImageBufferYCbCrMatrixKey, name, .shouldPropagate)
        }
        return made
    }

    private func writeRGB(_ layout: PixelLayout, _ buffer: CVPixelBuffer) throws {
        let plane = try Plane(buffer, nil)
        let step = layout.channels[0][2]
        for row in 0..<size.height {
            for column in 0..<size.width {
                let from = 4 * (row * size.width + column)
                let to = row * plane.stride + step * column
                for at in 0..<step { plane.base[to + at] = 255 }
                for channel in 0..<3 { plane.base[to + layout.channels[channel][1]] = bytes[from + 2 - channel] }
            }
        }
    }

    private func writeYCbCr(
        _ layout: PixelLayout, _ matrix: YCbCr, _ block: [Int], _ buffer: CVPixelBuffer
    ) throws {
        let planes = try layout.planes(of: buffer)
        for row in stride(from: 0, to: size.height, by: block[0]) {
            for column in stride(from: 0, to: size.width, by: block[1]) {
                var sum = (r: 0, g: 0, b: 0)
                for at in 0..<(block[0] * block[1]) {
                    let (y, x) = (row + at / block[1], column + at % block[1])
                    let (r, g, b) = pixel(y, x)
                    layout.write(matrix.luma(r: r, g: g, b: b), planes[0], layout.place(0, y, x, planes[0]))
                    sum = (sum.r + r, sum.g + g, sum.b + b)
                }
                let (cb, cr) = matrix.chroma(r: sum.r, g: sum.g, b: sum.b, pixels: block[0] * block[1])
                layout.write(cb, planes[1], layout.place(1, row, column, planes[1]))
                layout.write(cr, planes[2], layout.place(2, row, column, planes[2]))
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
