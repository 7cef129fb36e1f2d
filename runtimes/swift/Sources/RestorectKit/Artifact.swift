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
        guard let real = Artifact.realPath(source), let handle = FileHandle(forReadingAtPath: real),
            let data = try? handle.read(upToCount: StrictJSON.largest + 1)
        else {
            throw RestorectError.incompatible("'\(source.path)' cannot be read: the folder is no artifact")
        }
        defer { try? handle.close() }
        try Artifact.checkInside(source, of: folder)
        self.folder = folder
        manifest = try Artifact.parse(data, source: source.path)
        for (name, expected) in manifest.files {
            let file = folder.appendingPathComponent(name)
            try Artifact.checkInside(file, of: folder)
            try Artifact.check(file, name: name, sha256: expected)
        }
    }

    /// Read a manifest that Core ML can use.
    static func parse(_ data: Data, source: String) throws -> Manifest {
        let manifest = try ManifestReader.read(data, source: source)
        guard manifest.target == "coreml" else {
            throw RestorectError.incompatible(
                "'\(source)' is for \(manifest.target); export again with --target coreml"
            )
        }
        return manifest
    }

    /// Where a file really is, all links followed; nil where nothing is.
    static func realPath(_ file: URL) -> String? {
        guard let found = realpath(file.path, nil) else { return nil }
        defer { free(found) }
        return String(cString: found)
    }

    /// Refuse a file that a link takes to outside the folder; one that is missing is `check`'s affair.
    static func checkInside(_ file: URL, of folder: URL) throws {
        guard let real = realPath(file), let root = realPath(folder) else { return }
        guard real.utf8.starts(with: (root + "/").utf8) else {
            throw RestorectError.incompatible(
                "'\(file.path)' is a link to outside the artifact; copy the artifact with the files that it links to"
            )
        }
    }

    static func check(_ file: URL, name: String, sha256 expected: String) throws {
        if let fault = ManifestReader.pathFault(name) {
            throw RestorectError.incompatible("the manifest names \(shown(name)), which \(fault)")
        }
        var folder: ObjCBool = false
        guard FileManager.default.fileExists(atPath: file.path, isDirectory: &folder), !folder.boolValue,
            let handle = try? FileHandle(forReadingFrom: file)
        else {
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
