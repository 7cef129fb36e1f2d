import CryptoKit
import Foundation

/// An artifact folder whose manifest was read and whose files are those of the manifest.
public struct Artifact {
    public let folder: URL
    public let manifest: Manifest

    /// Read and check a folder that `restorect_edge.export --target coreml` made.
    ///
    /// Hashing reads every file, so call it off the main thread.
    public init(folder: URL) throws {
        let source = folder.appendingPathComponent("manifest.json")
        guard let data = try? Data(contentsOf: source) else {
            throw RestorectError.incompatible("'\(source.path)' cannot be read: the folder is no artifact")
        }
        self.folder = folder
        manifest = try Artifact.parse(data, source: source.path)
        for (name, expected) in manifest.files {
            try Artifact.check(folder.appendingPathComponent(name), name: name, sha256: expected)
        }
    }

    static func parse(_ data: Data, source: String) throws -> Manifest {
        struct Version: Codable {
            let schema_version: Int
        }
        guard let version = try? JSONDecoder().decode(Version.self, from: data) else {
            throw RestorectError.incompatible("'\(source)' is not a manifest; export again")
        }
        guard version.schema_version <= Manifest.newestSchema else {
            throw RestorectError.incompatible(
                "'\(source)' has schema version \(version.schema_version), this package reads up to "
                    + "\(Manifest.newestSchema): upgrade it, or export again with its restorect_edge"
            )
        }
        let manifest: Manifest
        do {
            manifest = try JSONDecoder().decode(Manifest.self, from: data)
        } catch {
            throw RestorectError.incompatible("'\(source)' is damaged: \(error); export again")
        }
        guard manifest.target == "coreml" else {
            throw RestorectError.incompatible(
                "'\(source)' is for \(manifest.target); export again with --target coreml"
            )
        }
        return manifest
    }

    static func check(_ file: URL, name: String, sha256 expected: String) throws {
        guard !name.hasPrefix("/"), !name.split(separator: "/").contains("..") else {
            throw RestorectError.incompatible("the manifest names '\(name)', which is outside the artifact")
        }
        guard let handle = try? FileHandle(forReadingFrom: file) else {
            throw RestorectError.incompatible("'\(file.path)' is missing; copy or export the artifact again")
        }
        defer { try? handle.close() }
        var digest = SHA256()
        while let block = try handle.read(upToCount: 1 << 20), !block.isEmpty {
            digest.update(data: block)
        }
        let actual = digest.finalize().map { String(format: "%02x", $0) }.joined()
        guard actual == expected else {
            throw RestorectError.incompatible(
                "'\(file.path)' was changed after the export: sha256 \(actual), the manifest says \(expected)"
            )
        }
    }
}
