import CoreVideo
import XCTest

@testable import RestorectKit

final class UnitTests: XCTestCase {
    func testSpansTouchTheBorderAndKeepEveryPixelOnce() throws {
        let found = try spans(length: 232, window: 192, halo: 72)
        XCTAssertEqual(found.first, Span(start: 0, stop: 192, keepFrom: 0, keepTo: 120))
        XCTAssertEqual(found.last, Span(start: 40, stop: 232, keepFrom: 120, keepTo: 232))
        XCTAssertThrowsError(try spans(length: 232, window: 144, halo: 72))
    }

    func testReflectionRepeatsNoEdge() {
        XCTAssertEqual((0..<7).map { reflected($0, length: 3) }, [0, 1, 2, 1, 0, 1, 2])
        XCTAssertEqual(reflected(5, length: 1), 0)
    }

    func testAreaWeightsSumToOne() {
        for shares in areaWeights(cells: 17, size: 64) + areaWeights(cells: 300, size: 64) {
            XCTAssertEqual(shares.reduce(0) { $0 + $1.weight }, 1, accuracy: 1e-4)
        }
    }

    func testThePriorRunsEveryFewFramesAndItsLatentIsSmoothed() throws {
        let track = try LatentTrack(priorEvery: 2, smooth: 0.5)
        var level: Float = 0.10
        var values: [Float] = []
        for _ in 0..<4 {
            let z = try track.step(thumbnail: { return flat(level) }, prior: { _ in [10 * level] })
            values.append(z[0])
            level += 0.01
        }
        XCTAssertEqual(track.priors, 2)
        XCTAssertEqual(track.cuts, 0)
        for (got, wanted) in zip(values, [1.0, 1.0, 1.1, 1.15] as [Float]) {
            XCTAssertEqual(got, wanted, accuracy: 1e-5)
        }
    }

    func testACutIsNotSmoothed() throws {
        let track = try LatentTrack(priorEvery: 1, smooth: 0.9)
        _ = try track.step(thumbnail: { return flat(0.1) }, prior: { _ in [1] })
        let z = try track.step(thumbnail: { return flat(0.9) }, prior: { _ in [5] })
        XCTAssertEqual(z, [5])
        XCTAssertEqual(track.cuts, 1)
        XCTAssertThrowsError(try LatentTrack(priorEvery: 0, smooth: 0))
        XCTAssertThrowsError(try LatentTrack(priorEvery: 1, smooth: 1))
    }

    private func flat(_ level: Float) -> Thumbnail {
        Thumbnail(values: [level, level, level], side: 1)
    }

    func testGreyGoesThereAndBack() throws {
        var picture = Picture(size: Size(height: 4, width: 6))
        for at in picture.bytes.indices where at % 4 != 3 { picture.bytes[at] = 77 }
        let original = try picture.buffer(.bgra)
        XCTAssertEqual(rgb(try Picture(original)), [UInt8](repeating: 77, count: 72))
    }

    func testUnknownFormatsAndOddSidesAreErrors() throws {
        let grey = try emptyBuffer(Size(height: 4, width: 4), kCVPixelFormatType_OneComponent8)
        XCTAssertThrowsError(try Picture(grey))
    }

    func testAnEditedOrNewerArtifactIsRefused() throws {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent(UUID().uuidString)
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        XCTAssertThrowsError(try Artifact(folder: folder))
        let manifest = folder.appendingPathComponent("manifest.json")
        try Data(#"{"schema_version": 99}"#.utf8).write(to: manifest)
        XCTAssertThrowsError(try Artifact(folder: folder)) { error in
            XCTAssertTrue(error.localizedDescription.contains("schema version 99"))
        }
        let file = folder.appendingPathComponent("model")
        try Data([1, 2, 3]).write(to: file)
        XCTAssertThrowsError(try Artifact.check(file, name: "model", sha256: "00"))
        XCTAssertThrowsError(try Artifact.check(file, name: "../model", sha256: "00"))
    }
}
