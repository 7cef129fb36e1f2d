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

    /// Read it off a buffer; without attachments that say otherwise, Y'CbCr is what `matrixOf` takes it for.
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
        let matrix = CVBufferCopyAttachment(buffer, kCVImageBufferYCbCrMatrixKey, nil) as? String
        let primaries = CVBufferCopyAttachment(buffer, kCVImageBufferColorPrimariesKey, nil) as? String
        let name = try FrameFormat.matrixOf(
            coefficients: matrix.map { Int(CVYCbCrMatrixGetIntegerCodePointForString($0 as CFString)) } ?? 2,
            primaries: primaries.map { Int(CVColorPrimariesGetIntegerCodePointForString($0 as CFString)) } ?? 2,
            rows: height
        )
        let (full, ranged, label) = FrameFormat.known[name]!
        self.init(code: code, layout: layout, matrix: limited ? ranged : full, matrixName: label)
    }

    /// By name: of full range, of limited range, and what Core Video calls it.
    private static let known: [String: (YCbCr, YCbCr, CFString)] = [
        "bt601": (.bt601Full, .bt601Limited, kCVImageBufferYCbCrMatrix_ITU_R_601_4),
        "bt709": (.bt709Full, .bt709Limited, kCVImageBufferYCbCrMatrix_ITU_R_709_2),
        "bt2020": (.bt2020Full, .bt2020Limited, kCVImageBufferYCbCrMatrix_ITU_R_2020),
        "smpte240m": (.smpte240mFull, .smpte240mLimited, kCVImageBufferYCbCrMatrix_SMPTE_240M_1995),
    ]

    /// Which matrix a frame has by what its stream says, in codes of ITU-T H.273, 2 where it says nothing;
    /// `spec/frames` has the rule.
    static func matrixOf(coefficients: Int, primaries: Int, rows: Int) throws -> String {
        switch coefficients {
        case 1: return "bt709"
        case 4, 5, 6: return "bt601"
        case 7: return "smpte240m"
        case 9: return "bt2020"
        case 0, 2, 3: return primaries == 9 ? "bt2020" : rows >= 720 ? "bt709" : "bt601"
        default:
            throw RestorectError.usage(
                "matrix \(coefficients) is not taken; the frame must be BT.601, BT.709, BT.2020 or SMPTE 240M"
            )
        }
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
