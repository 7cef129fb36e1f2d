import Foundation
import XCTest

@testable import RestorectKit

/// The rules around the network give what `spec/vectors` says.
final class VectorTests: XCTestCase {
    private struct Vectors<Case: Decodable>: Decodable {
        let tolerance: Double
        let cases: [Case]
    }

    private struct Recipe: Decodable {
        let height: Int
        let width: Int
        let low: [Int]
        let high: [Int]
        let seed: UInt32
        let ramp: [Int]
    }

    private struct ThumbnailCase: Decodable {
        let name: String
        let picture: Recipe
        let padded: [Int]
        let pool: Int
        let side: Int
        let sum: Int
        let offset: Int
    }

    private struct LatentCase: Decodable {
        let name: String
        let prior_every: Int
        let smooth: Float
        let frames: [LatentFrame]
    }

    private struct LatentFrame: Decodable {
        let reset: Bool
        let levels: [Float]
        let prior: [Float]
        let z: [Float]
        let priors: Int
        let cuts: Int
    }

    private struct TileCase: Decodable {
        let name: String
        let padded: [Int]
        let halo: Int
        let window: [Int]
        let rows: [[Int]]?
        let columns: [[Int]]?
    }

    private struct BrightnessCase: Decodable {
        let name: String
        let smooth: Double
        let frames: [BrightnessFrame]
    }

    private struct BrightnessFrame: Decodable {
        let picture: Recipe
        let light: Double
        let moved: [Double]?
        let gain: Double
    }

    private struct MatrixCase: Decodable {
        let coefficients: Int
        let primaries: Int
        let rows: Int
        let matrix: String?
    }

    private let folder = Golden.runtimes.deletingLastPathComponent().appendingPathComponent("spec/vectors")

    private func read<Case: Decodable>(_ name: String, of: Case.Type) throws -> Vectors<Case> {
        let data = try Data(contentsOf: folder.appendingPathComponent(name))
        return try JSONDecoder().decode(Vectors<Case>.self, from: data)
    }

    /// The picture of a recipe, and the sum of its levels.
    private func picture(_ of: Recipe) -> (Picture, Int) {
        var made = Picture(size: Size(height: of.height, width: of.width))
        var state = of.seed
        var sum = 0
        for row in 0..<of.height {
            for column in 0..<of.width {
                let slope = of.ramp[0] * row / of.height + of.ramp[1] * column / of.width
                for channel in 0..<3 {
                    state = state &* 1_664_525 &+ 1_013_904_223
                    let noise = Int(state >> 24) * (of.high[channel] - of.low[channel] + 1) >> 8
                    let level = min(255, of.low[channel] + noise + slope)
                    made.bytes[4 * (row * of.width + column) + 2 - channel] = UInt8(level)
                    sum += level
                }
            }
        }
        return (made, sum)
    }

    func testThumbnails() throws {
        let vectors = try read("thumbnail.json", of: ThumbnailCase.self)
        let raw = try Data(contentsOf: folder.appendingPathComponent("thumbnail.bin"))
        var values = [Float](repeating: 0, count: raw.count / 4)
        _ = values.withUnsafeMutableBytes { raw.copyBytes(to: $0) }
        for row in vectors.cases {
            let (made, sum) = picture(row.picture)
            XCTAssertEqual(sum, row.sum, row.name)
            for deviation in [false, true] {
                let prior = PriorSpec(thumbnail: row.side, pool: row.pool, deviation: deviation)
                let found = thumbnail(
                    of: made, padded: Size(height: row.padded[0], width: row.padded[1]), prior: prior
                )
                XCTAssertEqual(found.channels, deviation ? 6 : 3, row.name)
                for (at, value) in found.values.enumerated() {
                    XCTAssertEqual(
                        Double(value), Double(values[row.offset + at]), accuracy: vectors.tolerance, row.name
                    )
                }
            }
        }
    }

    func testTheBrightnessOfAVideo() throws {
        let vectors = try read("brightness.json", of: BrightnessCase.self)
        for row in vectors.cases {
            let track = BrightnessTrack(smooth: row.smooth)
            for frame in row.frames {
                let (made, _) = picture(frame.picture)
                let gain = track.step(size: made.size) { row, column in
                    var level = made.brightness(row, column) * frame.light
                    if let part = frame.moved, (Int(part[0])..<Int(part[1])).contains(row),
                        (Int(part[2])..<Int(part[3])).contains(column)
                    {
                        level *= part[4]
                    }
                    return level
                }
                XCTAssertEqual(gain, frame.gain, accuracy: vectors.tolerance, row.name)
            }
        }
    }

    func testTheLatentOfAVideo() throws {
        let vectors = try read("latent.json", of: LatentCase.self)
        for row in vectors.cases {
            let track = try LatentTrack(priorEvery: row.prior_every, smooth: row.smooth)
            for frame in row.frames {
                if frame.reset { track.reset() }
                let made = Thumbnail(values: frame.levels, side: 1)
                let z = try track.step(thumbnail: { return made }, prior: { _ in frame.prior })
                XCTAssertEqual(z.count, frame.z.count, row.name)
                for (got, wanted) in zip(z, frame.z) {
                    XCTAssertEqual(Double(got), Double(wanted), accuracy: vectors.tolerance, row.name)
                }
                XCTAssertEqual(track.priors, frame.priors, row.name)
                XCTAssertEqual(track.cuts, frame.cuts, row.name)
            }
        }
    }

    func testTheWindowsOfAnImage() throws {
        for row in try read("tiles.json", of: TileCase.self).cases {
            let padded = Size(height: row.padded[0], width: row.padded[1])
            let window = Size(height: row.window[0], width: row.window[1])
            guard let rows = row.rows, let columns = row.columns else {
                XCTAssertThrowsError(try plan(padded: padded, window: window, halo: row.halo), row.name)
                continue
            }
            let found = try plan(padded: padded, window: window, halo: row.halo)
            let values = { (span: Span) in [span.start, span.stop, span.keepFrom, span.keepTo] }
            XCTAssertEqual(found.map { values($0.rows) }, rows.flatMap { each in columns.map { _ in each } }, row.name)
            XCTAssertEqual(found.map { values($0.columns) }, rows.flatMap { _ in columns }, row.name)
        }
    }

    func testTheMatrixOfAFrame() throws {
        let file = folder.deletingLastPathComponent().appendingPathComponent("frames/matrices.json")
        let rows = try JSONDecoder().decode([String: [MatrixCase]].self, from: casesAlone(file))
        for row in rows["cases"] ?? [] {
            let found = try? FrameFormat.matrixOf(
                coefficients: row.coefficients, primaries: row.primaries, rows: row.rows
            )
            XCTAssertEqual(found, row.matrix)
        }
    }

    /// The `cases` of a file, without its other keys.
    private func casesAlone(_ file: URL) throws -> Data {
        let whole = try JSONSerialization.jsonObject(with: Data(contentsOf: file)) as? [String: Any]
        return try JSONSerialization.data(withJSONObject: ["cases": whole?["cases"] ?? []])
    }
}
