import CoreVideo
import Foundation
import XCTest

@testable import RestorectKit

/// The vectors of `runtimes/golden`, read where they lie in the repository.
struct Golden: Decodable {
    let tolerance: Tolerances
    let vectors: [Vector]

    struct Tolerances: Decodable {
        let fp16: Tolerance
        let z: Float
    }

    struct Tolerance: Decodable {
        let levels: Int
        let share_beyond: Double
    }

    struct Vector: Decodable {
        let name: String
        let form: String
        let frame: Frame
        let tile: Int?
        let input: Entry
        let rgb: Entry
        let output: Entry?
        let z: [Float]?
    }

    struct Frame: Decodable {
        let layout: String
        let width: Int
        let height: Int
        let stride: Int
        let matrix: String?
        let range: String?
    }

    struct Entry: Decodable {
        let file: String
        let sha256: String
    }

    static let runtimes = URL(fileURLWithPath: #filePath)
        .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent()
    static let folder = runtimes.appendingPathComponent("golden")

    static func read() throws -> Golden {
        let data = try Data(contentsOf: folder.appendingPathComponent("golden.json"))
        return try JSONDecoder().decode(Golden.self, from: data)
    }

    /// A file's bytes, once its hash is right.
    static func bytes(_ entry: Entry) throws -> [UInt8] {
        let file = folder.appendingPathComponent(entry.file)
        try Artifact.check(file, name: entry.file, sha256: entry.sha256)
        return [UInt8](try Data(contentsOf: file))
    }

    /// An artifact that the README's commands made, or a skipped test.
    static func artifact(_ name: String) throws -> URL {
        let folder = runtimes.appendingPathComponent("swift/artifacts").appendingPathComponent(name)
        guard FileManager.default.fileExists(atPath: folder.path) else {
            throw XCTSkip("'\(folder.path)' is not there; make it as runtimes/swift/README.md says")
        }
        return folder
    }

    static let whole = "lowlight-small-coreml-fp16-48x64_64x96_120x232"
    static let split = "lowlight-small-coreml-fp16-split-dynamic"
}

extension Golden.Vector {
    /// The frame as a camera gives it; nil for layouts that iPhones do not have.
    func buffer() throws -> CVPixelBuffer? {
        let bytes = try Golden.bytes(input)
        let size = Size(height: frame.height, width: frame.width)
        switch frame.layout {
        case "bgra":
            let made = try emptyBuffer(size, kCVPixelFormatType_32BGRA)
            try locked(made, []) {
                copy(bytes, 0, rows: frame.height, count: 4 * frame.width, to: try Plane(made, nil))
            }
            return made
        case "nv12":
            let limited = frame.range == "limited"
            let code = limited
                ? kCVPixelFormatType_420YpCbCr8BiPlanarVideoRange
                : kCVPixelFormatType_420YpCbCr8BiPlanarFullRange
            let made = try emptyBuffer(size, code)
            let name = frame.matrix == "bt709"
                ? kCVImageBufferYCbCrMatrix_ITU_R_709_2 : kCVImageBufferYCbCrMatrix_ITU_R_601_4
            CVBufferSetAttachment(made, kCVImageBufferYCbCrMatrixKey, name, .shouldPropagate)
            try locked(made, []) {
                let chroma = frame.height * frame.stride
                copy(bytes, 0, rows: frame.height, count: frame.width, to: try Plane(made, 0))
                copy(bytes, chroma, rows: frame.height / 2, count: frame.width, to: try Plane(made, 1))
            }
            return made
        default:
            return nil
        }
    }

    private func copy(_ bytes: [UInt8], _ from: Int, rows: Int, count: Int, to plane: Plane) {
        for row in 0..<rows {
            for at in 0..<count {
                plane.base[row * plane.stride + at] = bytes[from + row * frame.stride + at]
            }
        }
    }
}

/// Red, green and blue of a picture, as the vectors have them.
func rgb(_ picture: Picture) -> [UInt8] {
    var made: [UInt8] = []
    for at in stride(from: 0, to: picture.bytes.count, by: 4) {
        made += [picture.bytes[at + 2], picture.bytes[at + 1], picture.bytes[at]]
    }
    return made
}
