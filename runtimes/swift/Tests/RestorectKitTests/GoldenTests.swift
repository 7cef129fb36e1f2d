import CoreVideo
import XCTest

@testable import RestorectKit

final class GoldenTests: XCTestCase {
    func testFramesAreConvertedToTheByte() throws {
        var compared = 0
        for vector in try Golden.read().vectors {
            guard let buffer = try vector.buffer() else { continue }
            XCTAssertEqual(rgb(try Picture(buffer)), try Golden.bytes(vector.rgb), vector.name)
            compared += 1
        }
        XCTAssertGreaterThan(compared, 8)
    }

    func testTheGPUConvertsToTheSameBytes() throws {
        guard let gpu = try MetalConverter() else { throw XCTSkip("this machine has no GPU for Metal") }
        var compared = 0
        for vector in try Golden.read().vectors {
            guard let buffer = try vector.buffer() else { continue }
            let format = try FrameFormat(of: buffer)
            guard MetalConverter.takes(format) else { continue }
            let picture = try Picture(gpu.bgra(buffer, format))
            XCTAssertEqual(rgb(picture), try Golden.bytes(vector.rgb), vector.name)
            let byGPU = try Picture(gpu.frame(picture.buffer(.bgra), format))
            let byCPU = try Picture(picture.buffer(format))
            XCTAssertEqual(byGPU.bytes, byCPU.bytes, vector.name)
            compared += 1
        }
        XCTAssertGreaterThan(compared, 4)
    }

    func testWholeArtifact() async throws {
        try await restoreAll(Golden.whole, forms: ["whole"])
    }

    func testSplitArtifactAndTiles() async throws {
        try await restoreAll(Golden.split, forms: ["split", "tiled"])
    }

    func testThePriorGivesTheLatent() async throws {
        let runtime = try await Runtime.load(try Golden.artifact(Golden.split), computeUnits: .cpuOnly)
        let spec = try XCTUnwrap(runtime.manifest.prior)
        let golden = try Golden.read()
        for vector in golden.vectors where vector.z != nil {
            guard let buffer = try vector.buffer() else { continue }
            let picture = try Picture(buffer)
            let made = thumbnail(of: picture, padded: runtime.manifest.spec.padded(picture.size), prior: spec)
            let z = try runtime.prior(made)
            // the package computes in float16, of which the vectors' tolerance for z knows nothing
            for (got, wanted) in zip(z, vector.z ?? []) {
                XCTAssertEqual(got, wanted, accuracy: 0.02, vector.name)
            }
        }
    }

    private func restoreAll(_ name: String, forms: Set<String>) async throws {
        let runtime = try await Runtime.load(try Golden.artifact(name), computeUnits: .cpuOnly)
        let golden = try Golden.read()
        var compared = 0
        for vector in golden.vectors where forms.contains(vector.form) {
            guard let buffer = try vector.buffer(), let entry = vector.output else { continue }
            runtime.freeTile = vector.tile ?? 1024
            let picture = try Picture(try runtime.restore(bgra(buffer)))
            let expected = try Golden.bytes(entry)
            let beyond = zip(rgb(picture), expected).filter {
                abs(Int($0) - Int($1)) > golden.tolerance.fp16.levels
            }
            let share = Double(beyond.count) / Double(expected.count)
            XCTAssertEqual(rgb(picture).count, expected.count, vector.name)
            XCTAssertLessThanOrEqual(share, golden.tolerance.fp16.share_beyond, vector.name)
            compared += 1
        }
        XCTAssertGreaterThan(compared, 3)
    }

    /// The same frame as BGRA, whose restored frame loses nothing to chroma.
    private func bgra(_ buffer: CVPixelBuffer) throws -> CVPixelBuffer {
        try Picture(buffer).buffer(.bgra)
    }
}
