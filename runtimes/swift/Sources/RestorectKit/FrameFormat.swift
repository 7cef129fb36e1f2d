import CoreVideo

/// What a pixel buffer holds.
struct FrameFormat {
    /// Core Video's four-character code.
    let code: OSType
    /// How Y'CbCr is meant; nil for BGRA.
    let matrix: YCbCr?
    /// Core Video's name of it.
    let matrixName: CFString?

    static let bgra = FrameFormat(code: kCVPixelFormatType_32BGRA, matrix: nil, matrixName: nil)

    /// Read it off a buffer; without an attachment that says otherwise, Y'CbCr is BT.601.
    init(of buffer: CVPixelBuffer) throws {
        let code = CVPixelBufferGetPixelFormatType(buffer)
        switch code {
        case kCVPixelFormatType_32BGRA:
            self = .bgra
        case kCVPixelFormatType_420YpCbCr8BiPlanarVideoRange:
            self = try FrameFormat(buffer, code, limited: true)
        case kCVPixelFormatType_420YpCbCr8BiPlanarFullRange:
            self = try FrameFormat(buffer, code, limited: false)
        default:
            throw RestorectError.usage("pixel format \(code) is not taken; ask the camera for BGRA, 420v or 420f")
        }
    }

    private init(_ buffer: CVPixelBuffer, _ code: OSType, limited: Bool) throws {
        let height = CVPixelBufferGetHeight(buffer)
        let width = CVPixelBufferGetWidth(buffer)
        guard height % 2 == 0, width % 2 == 0 else {
            throw RestorectError.usage("a 4:2:0 frame has even sides, got \(width)×\(height); crop it")
        }
        let attached = CVBufferCopyAttachment(buffer, kCVImageBufferYCbCrMatrixKey, nil) as? String
        let name = attached ?? (kCVImageBufferYCbCrMatrix_ITU_R_601_4 as String)
        if name == kCVImageBufferYCbCrMatrix_ITU_R_601_4 as String {
            self.init(code: code, matrix: limited ? .bt601Limited : .bt601Full, matrixName: name as CFString)
        } else if name == kCVImageBufferYCbCrMatrix_ITU_R_709_2 as String {
            self.init(code: code, matrix: limited ? .bt709Limited : .bt709Full, matrixName: name as CFString)
        } else {
            throw RestorectError.usage("matrix '\(name)' is not taken; the frame must be BT.601 or BT.709")
        }
    }

    private init(code: OSType, matrix: YCbCr?, matrixName: CFString?) {
        self.code = code
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
        guard let address else {
            throw RestorectError.usage("the frame has no memory that the CPU can read")
        }
        base = address.assumingMemoryBound(to: UInt8.self)
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
    let options: [CFString: Any] = [kCVPixelBufferIOSurfacePropertiesKey: [CFString: Any]()]
    var made: CVPixelBuffer?
    let status = CVPixelBufferCreate(
        kCFAllocatorDefault, size.width, size.height, code, options as CFDictionary, &made
    )
    guard status == kCVReturnSuccess, let made else {
        throw RestorectError.backend("Core Video cannot make a \(size.width)×\(size.height) buffer: \(status)")
    }
    return made
}
