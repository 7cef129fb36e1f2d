import Foundation
import XCTest

@testable import RestorectKit

/// The corpus that every reader of manifests passes, `spec/README.md`.
final class CorpusTests: XCTestCase {
    private struct Index: Decodable {
        let manifests: [Document]
        let folders: [Folder]
    }

    private struct Document: Decodable {
        let file: String
        let kind: String
        let reason: String
        let padded_to: Int?
    }

    private struct Folder: Decodable {
        let name: String
        let change: String
        let path: String
        let kind: String
    }

    private let corpus = Golden.runtimes.deletingLastPathComponent().appendingPathComponent("spec/manifests")
    private let files = FileManager.default
    private let kinds = [
        "' is not a manifest: ": "not a manifest",
        "' has schema version ": "newer",
        "' is damaged: ": "damaged",
        "' is missing": "missing",
        "' was changed after the export": "changed",
        "' is a link to outside the artifact": "outside",
    ]

    private func index() throws -> Index {
        try JSONDecoder().decode(Index.self, from: Data(contentsOf: corpus.appendingPathComponent("index.json")))
    }

    private func kind(_ work: () throws -> Void) throws -> String {
        do {
            try work()
            return "valid"
        } catch let error as RestorectError {
            let said = error.localizedDescription
            return kinds.first { said.contains($0.key) }?.value ?? said
        }
    }

    func testEveryManifestIsTakenOrRefusedAsItMustBe() throws {
        let documents = try index().manifests
        XCTAssertGreaterThan(documents.count, 100)
        for row in documents {
            var data = try Data(contentsOf: corpus.appendingPathComponent(row.file))
            data.append(Data(repeating: 0x20, count: max(0, (row.padded_to ?? 0) - data.count)))
            let found = try kind { _ = try ManifestReader.read(data, source: row.file) }
            XCTAssertEqual(found, row.kind, "\(row.file): \(row.reason)")
        }
    }

    func testEveryFolderIsTakenOrRefusedAsItMustBe() throws {
        for row in try index().folders {
            let scratch = files.temporaryDirectory.appendingPathComponent(UUID().uuidString)
            defer { try? files.removeItem(at: scratch) }
            let artifact = scratch.appendingPathComponent("artifact")
            try files.createDirectory(at: scratch, withIntermediateDirectories: true)
            try files.copyItem(at: corpus.appendingPathComponent("artifact"), to: artifact)
            // This package takes Core ML's artifacts alone.
            let manifest = try String(contentsOf: corpus.appendingPathComponent("valid/file-names.json"), encoding: .utf8)
            try manifest.replacingOccurrences(of: "\"onnx\"", with: "\"coreml\"").write(
                to: artifact.appendingPathComponent("manifest.json"), atomically: true, encoding: .utf8
            )
            try change(row.change, artifact.appendingPathComponent(row.path), scratch)
            let found = try kind { _ = try Artifact(folder: artifact) }
            XCTAssertEqual(found, row.kind, row.name)
        }
    }

    func testAPriorThatTakesDeviationsIsRead() throws {
        let file = corpus.appendingPathComponent("valid/deviation.json")
        let manifest = try String(contentsOf: file, encoding: .utf8)
        let data = Data(manifest.replacingOccurrences(of: "\"onnx\"", with: "\"coreml\"").utf8)
        XCTAssertEqual(try Artifact.parse(data, source: file.path).prior?.deviation, true)
    }

    private func change(_ how: String, _ path: URL, _ elsewhere: URL) throws {
        switch how {
        case "none": break
        case "add", "edit": try Data("x".utf8).write(to: path)
        case "empty": try Data().write(to: path)
        case "remove": try files.removeItem(at: path)
        case "folder":
            try files.removeItem(at: path)
            try files.createDirectory(at: path, withIntermediateDirectories: false)
        case "link nowhere":
            try files.removeItem(at: path)
            try files.createSymbolicLink(atPath: path.path, withDestinationPath: "gone")
        case "link out": try link(path, to: elsewhere.appendingPathComponent("moved"))
        case "link inside": try link(path, to: path.deletingLastPathComponent().appendingPathComponent("moved"))
        default: XCTFail("unknown change \(how)")
        }
    }

    private func link(_ path: URL, to other: URL) throws {
        try files.moveItem(at: path, to: other)
        try files.createSymbolicLink(at: path, withDestinationURL: other)
    }
}
