import Accelerate
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
        if format.matrix == nil, layout.channels[0][2] == 4 {
            try readPacked(layout, try Plane(buffer, nil))
            return
        }
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

    /// Where in a pixel of four bytes B, G, R and what is left of them, alpha, are.
    private static func places(_ layout: PixelLayout) -> [Int] {
        let colors = [2, 1, 0].map { layout.channels[$0][1] }
        // the four places are 0, 1, 2 and 3: 6 together
        return colors + [6 - colors.reduce(0, +)]
    }

    /// Read four bytes a pixel by vImage, which only moves bytes.
    private mutating func readPacked(_ layout: PixelLayout, _ plane: Plane) throws {
        let map = Picture.places(layout).map { UInt8($0) }
        let size = self.size
        let status = bytes.withUnsafeMutableBytes { own -> vImage_Error in
            var source = size.vImage(plane.base, rowBytes: plane.stride)
            var picture = size.vImage(own.baseAddress, rowBytes: 4 * size.width)
            return Picture.permute(&source, &picture, map, alpha: 3)
        }
        guard status == kvImageNoError else { throw RestorectError.backend("vImage cannot read a frame: \(status)") }
    }

    /// Write four bytes a pixel by vImage, alpha 255.
    private func writePacked(_ layout: PixelLayout, _ plane: Plane) throws {
        let places = Picture.places(layout)
        let map = (0..<4).map { byte in UInt8(places.firstIndex(of: byte) ?? 3) }
        let status = bytes.withUnsafeBytes { own -> vImage_Error in
            var picture = size.vImage(UnsafeMutableRawPointer(mutating: own.baseAddress), rowBytes: 4 * size.width)
            var target = size.vImage(plane.base, rowBytes: plane.stride)
            return Picture.permute(&picture, &target, map, alpha: places[3])
        }
        guard status == kvImageNoError else { throw RestorectError.backend("vImage cannot write a frame: \(status)") }
    }

    /// Reorder the bytes of pixels and set the one of alpha.
    private static func permute(
        _ source: inout vImage_Buffer, _ target: inout vImage_Buffer, _ map: [UInt8], alpha: Int
    ) -> vImage_Error {
        let flags = vImage_Flags(kvImageNoFlags)
        let status = vImagePermuteChannels_ARGB8888(&source, &target, map, flags)
        guard status == kvImageNoError else { return status }
        var same = target  // the same memory: one variable cannot be passed twice
        return vImageOverwriteChannelsWithScalar_ARGB8888(255, &target, &same, UInt8(0b1000 >> alpha), flags)
    }

    private func writeRGB(_ layout: PixelLayout, _ buffer: CVPixelBuffer) throws {
        let plane = try Plane(buffer, nil)
        let step = layout.channels[0][2]
        if step == 4 {
            try writePacked(layout, plane)
            return
        }
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

    /// Red, green and blue of a pixel together, each in [0, 1].
    func brightness(_ row: Int, _ column: Int) -> Double {
        let (r, g, b) = pixel(row, column)
        return Double(r + g + b) / 255
    }

    /// Multiply the levels, rounding half to even; alpha stays.
    mutating func multiply(by gain: Double) {
        // a table: there are 256 products, whatever the size of the picture
        let levels = (0...255).map { UInt8(min(max((Double($0) * gain).rounded(.toNearestOrEven), 0), 255)) }
        for at in bytes.indices where at % 4 != 3 {
            bytes[at] = levels[Int(bytes[at])]
        }
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

extension Size {
    /// Memory of an image of these sides, four bytes a pixel.
    fileprivate func vImage(_ data: UnsafeMutableRawPointer?, rowBytes: Int) -> vImage_Buffer {
        vImage_Buffer(
            data: data, height: vImagePixelCount(height), width: vImagePixelCount(width), rowBytes: rowBytes
        )
    }
}
