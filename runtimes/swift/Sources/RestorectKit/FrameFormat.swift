import CoreVideo

/// What a pixel buffer holds.
struct FrameFormat {
    /// Core Video's four-character code.
    let code: OSType
    let layout: PixelLayout
    /// How Y'CbCr is meant; nil for RGB.
    let matrix: YCbCr?
    /// Core Video's name of it.
    let matrixName: CFString?

    static let bgra = FrameFormat(
        code: kCVPixelFormatType_32BGRA, layout: PixelLayout.all[0], matrix: nil, matrixName: nil
    )

    /// Read it off a buffer; without an attachment that says otherwise, Y'CbCr is BT.601.
    init(of buffer: CVPixelBuffer) throws {
        let code = CVPixelBufferGetPixelFormatType(buffer)
        guard let (layout, limited) = PixelLayout.of(code) else {
            let known = PixelLayout.all.map(\.name).joined(separator: ", ")
            throw RestorectError.usage("pixel format \(code) is not taken; ask the camera for one of \(known)")
        }
        guard let block = layout.block else {
            self.init(code: code, layout: layout, matrix: nil, matrixName: nil)
            return
        }
        let height = CVPixelBufferGetHeight(buffer)
        let width = CVPixelBufferGetWidth(buffer)
        guard height % block[0] == 0, width % block[1] == 0 else {
            throw RestorectError.usage(
                "a \(layout.name) frame has even sides, since pixels share chroma samples, got "
                    + "\(width)×\(height); crop it"
            )
        }
        let attached = CVBufferCopyAttachment(buffer, kCVImageBufferYCbCrMatrixKey, nil) as? String
        let name = attached ?? (kCVImageBufferYCbCrMatrix_ITU_R_601_4 as String)
        guard let matrix = FrameFormat.matrix(name, limited: limited) else {
            throw RestorectError.usage(
                "matrix '\(name)' is not taken; the frame must be BT.601, BT.709, BT.2020 or SMPTE 240M"
            )
        }
        self.init(code: code, layout: layout, matrix: matrix, matrixName: name as CFString)
    }

    private static func matrix(_ name: String, limited: Bool) -> YCbCr? {
        if name == kCVImageBufferYCbCrMatrix_ITU_R_601_4 as String {
            return limited ? .bt601Limited : .bt601Full
        } else if name == kCVImageBufferYCbCrMatrix_ITU_R_709_2 as String {
            return limited ? .bt709Limited : .bt709Full
        } else if name == kCVImageBufferYCbCrMatrix_ITU_R_2020 as String {
            return limited ? .bt2020Limited : .bt2020Full
        } else if name == kCVImageBufferYCbCrMatrix_SMPTE_240M_1995 as String {
            return limited ? .smpte240mLimited : .smpte240mFull
        }
        return nil
    }

    private init(code: OSType, layout: PixelLayout, matrix: YCbCr?, matrixName: CFString?) {
        self.code = code
        self.layout = layout
        self.matrix = matrix
        self.matrixName = matrixName
    }
}

/// Memory of a plane, while its buffer is locked.
struct Plane {
    let base: UnsafeMutablePointer<UInt8>
    /// Bytes from a row to the next.
    let stride: Int

    init(_ buffer: CVPixelBuffer, _ index: Int?) throws {
        let address: UnsafeMutableRawPointer?
        if let index {
            address = CVPixelBufferGetBaseAddressOfPlane(buffer, index)
            stride = CVPixelBufferGetBytesPerRowOfPlane(buffer, index)
        } else {
            address = CVPixelBufferGetBaseAddress(buffer)
            stride = CVPixelBufferGetBytesPerRow(buffer)
        }
        guard let memory = address else {
            throw RestorectError.usage("the frame has no memory that the CPU can read")
        }
        base = memory.assumingMemoryBound(to: UInt8.self)
    }
}

func locked(_ buffer: CVPixelBuffer, _ flags: CVPixelBufferLockFlags, _ work: () throws -> Void) throws {
    let status = CVPixelBufferLockBaseAddress(buffer, flags)
    guard status == kCVReturnSuccess else {
        throw RestorectError.usage("Core Video cannot lock the frame: status \(status)")
    }
    defer { CVPixelBufferUnlockBaseAddress(buffer, flags) }
    try work()
}

func emptyBuffer(_ size: Size, _ code: OSType) throws -> CVPixelBuffer {
    let options: [CFString: Any] = [
        kCVPixelBufferIOSurfacePropertiesKey: [CFString: Any](), kCVPixelBufferMetalCompatibilityKey: true,
    ]
    var made: CVPixelBuffer?
    let status = CVPixelBufferCreate(
        kCFAllocatorDefault, size.width, size.height, code, options as CFDictionary, &made
    )
    guard status == kCVReturnSuccess, let buffer = made else {
        throw RestorectError.backend("Core Video cannot make a \(size.width)×\(size.height) buffer: \(status)")
    }
    return buffer
}
