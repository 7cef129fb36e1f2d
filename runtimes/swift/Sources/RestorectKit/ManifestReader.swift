import Foundation

/// The contract of a manifest, `spec/README.md`: what is in it, and what is refused.
enum ManifestReader {
    static let largestSide = 65536
    static let largestMultiple = 4096
    static let mostGraphs = 256

    /// Read a manifest; `source` is named in errors.
    static func read(_ data: Data, source: String) throws -> Manifest {
        let (root, version) = try documented("is not a manifest", source) { try versioned(StrictJSON.parse(data)) }
        guard version <= Double(Manifest.newestSchema) else {
            throw RestorectError.incompatible(
                "'\(source)' has schema version \(String(format: "%.0f", version)), this package reads up to "
                    + "\(Manifest.newestSchema): upgrade it, or export again with its restorect_edge"
            )
        }
        return try documented("is damaged", source) { try manifest(root) }
    }

    /// Return what is wrong with the path of a file in an artifact, or nil.
    static func pathFault(_ path: String) -> String? {
        let signs = path.unicodeScalars
        if signs.contains(where: { isControl($0) || $0 == "\\" || $0 == ":" }) {
            return "has a character that paths here do not have"
        }
        if path == "manifest.json" { return "is the manifest itself" }
        // By scalars: a combining letter behind a slash would make another character of it.
        for part in signs.split(separator: "/", omittingEmptySubsequences: false) {
            // An absolute path has an empty part; '..' and '.' end in a dot.
            guard let last = part.last else { return "is absolute or has an empty part" }
            if last == "." || last == " " { return "has a part that ends in a dot or a space" }
        }
        return nil
    }

    private static func documented<Value>(
        _ state: String, _ source: String, _ read: () throws -> Value
    ) throws -> Value {
        do {
            return try read()
        } catch let damage as Damage {
            throw RestorectError.incompatible("'\(source)' \(state): \(damage.reason); export again")
        }
    }

    private static func versioned(_ value: JSON) throws -> ([String: JSON], Double) {
        guard case .object(let root) = value else { throw Damage("it is no object") }
        guard case .number(let version)? = root["schema_version"], version >= 1, version == version.rounded(.down)
        else { throw Damage("it has no schema_version") }
        return (root, version)
    }

    private static func manifest(_ root: [String: JSON]) throws -> Manifest {
        try check(
            root, "it",
            needed: ["schema_version", "name", "task", "target", "precision", "form", "spec", "graphs", "files"],
            optional: [
                "prior", "steps", "input", "weights", "tools", "options", "created", "toolkit_version", "verification",
            ]
        )
        for key in ["created", "toolkit_version"] where root[key] != nil { _ = try text(root[key], key) }
        for key in ["input", "verification"] { _ = try texts(root, key, only: []) }
        _ = try texts(root, "options", only: ["cpu"])
        _ = try texts(root, "tools", only: nil)
        let weights = try texts(root, "weights", only: ["name", "sha256", "license", "licence"])
        if let steps = given(root["steps"]) { _ = try number(steps, "steps", 1, largestSide) }
        let spec = try imageSpec(root["spec"])
        let found = Manifest(
            schemaVersion: Manifest.newestSchema,
            name: try text(root["name"], "name", least: 1),
            task: try text(root["task"], "task", least: 1),
            target: try text(root["target"], "target", least: 1),
            precision: try text(root["precision"], "precision", least: 1),
            form: try text(root["form"], "form"),
            spec: spec,
            graphs: try graphFiles(root["graphs"]),
            prior: try given(root["prior"]).map { try priorSpec($0, multipleOf: spec.size.multipleOf) },
            weights: Manifest.Weights(name: weights["name"], sha256: weights["sha256"]),
            toolkitVersion: root["toolkit_version"] == nil ? "" : try text(root["toolkit_version"], "toolkit_version"),
            files: try files(root["files"])
        )
        try checkForm(found)
        try checkHashes(found)
        return found
    }

    private static func imageSpec(_ value: JSON?) throws -> ImageSpec {
        let data = try object(value, "spec", needed: ["scale", "size", "halo"], optional: [])
        let size = try object(data["size"], "spec.size", needed: ["minimum", "multiple_of"], optional: [])
        return ImageSpec(
            scale: try number(data["scale"], "spec.scale", 1, 16),
            size: SizeRequirements(
                minimum: try number(size["minimum"], "spec.size.minimum", 1, largestMultiple),
                multipleOf: try number(size["multiple_of"], "spec.size.multiple_of", 1, largestMultiple)
            ),
            halo: try given(data["halo"]).map { try number($0, "spec.halo", 0, largestSide) }
        )
    }

    private static func priorSpec(_ value: JSON, multipleOf: Int) throws -> PriorSpec {
        let data = try object(value, "prior", needed: ["thumbnail", "pool"], optional: ["deviation"])
        let pool = try number(data["pool"], "prior.pool", 1, 256)
        guard multipleOf % pool == 0 else { throw Damage("prior.pool does not divide spec.size.multiple_of") }
        var deviation = false
        if let flag = data["deviation"] {
            guard case .flag(let found) = flag else { throw Damage("prior.deviation is no boolean") }
            deviation = found
        }
        let thumbnail = try number(data["thumbnail"], "prior.thumbnail", 1, 1024)
        return PriorSpec(thumbnail: thumbnail, pool: pool, deviation: deviation)
    }

    private static func graphFiles(_ value: JSON?) throws -> [GraphFile] {
        guard case .list(let items)? = value, !items.isEmpty, items.count <= mostGraphs else {
            throw Damage("graphs is no list of 1 to \(mostGraphs) graphs")
        }
        return try items.map { item in
            let data = try object(item, "graphs", needed: ["role", "file"], optional: ["shape"])
            guard case .text(let role)? = data["role"], ["whole", "prior", "body"].contains(role) else {
                throw Damage("graphs.role is not known")
            }
            guard case .text(let file)? = data["file"] else { throw Damage("graphs.file is no text") }
            try checkPath(file, "graphs.file")
            return GraphFile(role: role, file: file, shape: try given(data["shape"]).map(sides))
        }
    }

    private static func sides(_ value: JSON) throws -> [Int] {
        guard case .list(let sides) = value, sides.count == 2 else {
            throw Damage("graphs.shape is no list of height and width")
        }
        return try sides.map { try number($0, "graphs.shape", 1, largestSide) }
    }

    private static func files(_ value: JSON?) throws -> [String: String] {
        guard case .object(let data)? = value else { throw Damage("files is no object") }
        return try data.reduce(into: [:]) { found, entry in
            try checkPath(entry.key, "files")
            guard case .text(let digest) = entry.value, digest.utf8.count == 64,
                digest.utf8.allSatisfy({ "0123456789abcdef".utf8.contains($0) })
            else { throw Damage("files.\(shown(entry.key)) is no sha256") }
            found[entry.key] = digest
        }
    }

    private static func checkPath(_ path: String, _ name: String) throws {
        if let fault = pathFault(path) { throw Damage("\(name) \(shown(path)) \(fault)") }
    }

    private static func checkForm(_ manifest: Manifest) throws {
        let roles = manifest.graphs.map(\.role)
        let priors = roles.filter { $0 == "prior" }.count
        switch manifest.form {
        case "whole":
            guard roles.allSatisfy({ $0 == "whole" }), manifest.prior == nil else {
                throw Damage("a whole artifact has another graph or a prior")
            }
        case "split":
            guard !roles.contains("whole"), priors == 1, roles.count > 1, manifest.prior != nil else {
                throw Damage("a split artifact has one prior, described by 'prior', and at least one body")
            }
        default:
            throw Damage("form is \(shown(manifest.form)), expected whole or split")
        }
    }

    private static func checkHashes(_ manifest: Manifest) throws {
        for graph in manifest.graphs where manifest.files[graph.file] == nil {
            let folder = (graph.file + "/").utf8
            guard manifest.files.keys.contains(where: { $0.utf8.starts(with: folder) }) else {
                throw Damage("no sha256 of \(graph.file)")
            }
        }
    }

    private static func given(_ value: JSON?) -> JSON? {
        if case .null? = value { return nil }
        return value
    }

    private static func object(
        _ value: JSON?, _ name: String, needed: Set<String>, optional: Set<String>
    ) throws -> [String: JSON] {
        guard case .object(let data)? = value else { throw Damage("\(name) is no object") }
        try check(data, name, needed: needed, optional: optional)
        return data
    }

    private static func check(
        _ data: [String: JSON], _ name: String, needed: Set<String>, optional: Set<String>
    ) throws {
        if let unknown = data.keys.first(where: { !needed.contains($0) && !optional.contains($0) }) {
            throw Damage("unknown key \(shown(unknown)) in \(name)")
        }
        if let missing = needed.first(where: { data[$0] == nil }) { throw Damage("\(name) lacks '\(missing)'") }
    }

    private static func text(_ value: JSON?, _ name: String, least: Int = 0) throws -> String {
        guard case .text(let found)? = value else { throw Damage("\(name) is no text") }
        if found.unicodeScalars.contains(where: isControl) { throw Damage("\(name) has a control character") }
        if found.utf8.count < least { throw Damage("\(name) is empty") }
        return found
    }

    /// Return the texts of an object, of which the named values, or all, must be texts.
    private static func texts(
        _ data: [String: JSON], _ key: String, only: Set<String>?
    ) throws -> [String: String] {
        guard let value = data[key] else { return [:] }
        guard case .object(let members) = value else { throw Damage("\(key) is no object") }
        return try members.reduce(into: [:]) { found, entry in
            if case .text(let text) = entry.value {
                found[entry.key] = text
            } else if only?.contains(entry.key) ?? true {
                throw Damage("\(key).\(shown(entry.key)) is no text")
            }
        }
    }

    private static func number(_ value: JSON?, _ name: String, _ least: Int, _ most: Int) throws -> Int {
        guard case .number(let found)? = value, found == found.rounded(.down), found >= Double(least),
            found <= Double(most)
        else { throw Damage("\(name) is no whole number from \(least) to \(most)") }
        return Int(found)
    }
}
