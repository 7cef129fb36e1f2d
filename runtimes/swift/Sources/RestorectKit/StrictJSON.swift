import Foundation

/// A value of JSON.
enum JSON {
    case object([String: JSON])
    case list([JSON])
    case text(String)
    case number(Double)
    case flag(Bool)
    case null
}

/// What is wrong with a document; whoever reads it says where and how to mend it.
struct Damage: Error {
    let reason: String

    init(_ reason: String) {
        self.reason = reason
    }
}

/// JSON as RFC 8259 has it: UTF-8 without a byte order mark, no key twice in an object, no number beyond a double.
///
/// `JSONDecoder` takes more: one of equal keys, UTF-16, unknown keys, any depth. Two readers must never see two
/// things in one document.
struct StrictJSON {
    /// Of a manifest, in bytes.
    static let largest = 1 << 20
    /// Levels of objects and lists.
    static let deepest = 32

    private let bytes: [UInt8]
    private var at = 0

    static func parse(_ data: Data) throws -> JSON {
        let bytes = [UInt8](data)
        guard bytes.count <= largest else { throw Damage("it is larger than 1 MiB") }
        // Decoding mends what is not UTF-8, so that it reads differently then.
        guard [UInt8](String(decoding: bytes, as: UTF8.self).utf8) == bytes else { throw Damage("it is not UTF-8") }
        var parser = StrictJSON(bytes: bytes)
        let value = try parser.value(depth: 0)
        parser.skipSpace()
        guard parser.at == bytes.count else { throw parser.unexpected() }
        return value
    }

    private init(bytes: [UInt8]) {
        self.bytes = bytes
    }

    private var next: UInt8? { at < bytes.count ? bytes[at] : nil }

    private func unexpected() -> Damage {
        Damage("it is no JSON from byte \(at) on")
    }

    private mutating func skipSpace() {
        while let byte = next, byte == 0x20 || byte == 0x09 || byte == 0x0A || byte == 0x0D { at += 1 }
    }

    /// Step over a sign if it comes next, and say whether it did.
    private mutating func take(_ sign: Character) -> Bool {
        guard next == sign.asciiValue else { return false }
        at += 1
        return true
    }

    private mutating func take(word: String) -> Bool {
        guard bytes[at...].starts(with: word.utf8) else { return false }
        at += word.utf8.count
        return true
    }

    private mutating func value(depth: Int) throws -> JSON {
        skipSpace()
        guard let byte = next else { throw unexpected() }
        switch Character(UnicodeScalar(byte)) {
        case "{": return try object(depth: depth)
        case "[": return try list(depth: depth)
        case "\"": return .text(try text())
        case "-", "0", "1", "2", "3", "4", "5", "6", "7", "8", "9": return .number(try number())
        default: break
        }
        if take(word: "true") { return .flag(true) }
        if take(word: "false") { return .flag(false) }
        if take(word: "null") { return .null }
        throw unexpected()
    }

    private func checkDepth(_ depth: Int) throws {
        guard depth < StrictJSON.deepest else {
            throw Damage("it is nested deeper than \(StrictJSON.deepest) levels")
        }
    }

    private mutating func object(depth: Int) throws -> JSON {
        try checkDepth(depth)
        at += 1
        var members: [String: JSON] = [:]
        // As bytes: Swift calls two ways to write the same letter equal, JSON does not.
        var keys: Set<[UInt8]> = []
        skipSpace()
        if take("}") { return .object(members) }
        repeat {
            skipSpace()
            guard next == UInt8(ascii: "\"") else { throw unexpected() }
            let key = try text()
            guard keys.insert([UInt8](key.utf8)).inserted else { throw Damage("it has the key \(shown(key)) twice") }
            skipSpace()
            guard take(":") else { throw unexpected() }
            members[key] = try value(depth: depth + 1)
            skipSpace()
        } while take(",")
        guard take("}") else { throw unexpected() }
        return .object(members)
    }

    private mutating func list(depth: Int) throws -> JSON {
        try checkDepth(depth)
        at += 1
        var items: [JSON] = []
        skipSpace()
        if take("]") { return .list(items) }
        repeat {
            items.append(try value(depth: depth + 1))
            skipSpace()
        } while take(",")
        guard take("]") else { throw unexpected() }
        return .list(items)
    }

    private mutating func text() throws -> String {
        at += 1
        var found: [UInt8] = []
        while let byte = next, byte >= 0x20 {
            at += 1
            if byte == UInt8(ascii: "\"") { return String(decoding: found, as: UTF8.self) }
            if byte == UInt8(ascii: "\\") {
                found += [UInt8](String(Character(try escaped())).utf8)
            } else {
                found.append(byte)
            }
        }
        throw unexpected()
    }

    private mutating func escaped() throws -> UnicodeScalar {
        guard let byte = next else { throw unexpected() }
        at += 1
        switch Character(UnicodeScalar(byte)) {
        case "\"", "\\", "/": return UnicodeScalar(byte)
        case "b": return "\u{8}"
        case "f": return "\u{C}"
        case "n": return "\n"
        case "r": return "\r"
        case "t": return "\t"
        case "u": return try codePoint()
        default: throw unexpected()
        }
    }

    /// Read what follows `\u`, with the other half of a surrogate pair.
    private mutating func codePoint() throws -> UnicodeScalar {
        var code = try fourDigits()
        if (0xD800..<0xDC00).contains(code), take(word: "\\u") {
            let low = try fourDigits()
            guard (0xDC00..<0xE000).contains(low) else { throw unexpected() }
            code = 0x10000 + (code - 0xD800) << 10 + (low - 0xDC00)
        }
        // Half of a pair is no scalar.
        guard let scalar = UnicodeScalar(code) else { throw unexpected() }
        return scalar
    }

    private mutating func fourDigits() throws -> UInt32 {
        guard at + 4 <= bytes.count, bytes[at..<at + 4].allSatisfy({ UnicodeScalar($0).properties.isASCIIHexDigit }),
            let code = UInt32(String(decoding: bytes[at..<at + 4], as: UTF8.self), radix: 16)
        else { throw unexpected() }
        at += 4
        return code
    }

    private mutating func number() throws -> Double {
        let start = at
        _ = take("-")
        if !take("0") { try digits() }
        if take(".") { try digits() }
        if take("e") || take("E") {
            if !take("+") { _ = take("-") }
            try digits()
        }
        let written = String(decoding: bytes[start..<at], as: UTF8.self)
        guard let value = Double(written), value.isFinite else { throw Damage("it has a number that is too large") }
        return value
    }

    private mutating func digits() throws {
        let start = at
        while let byte = next, (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) { at += 1 }
        guard at > start else { throw unexpected() }
    }
}

/// A text in quotes for a message: control characters become '?'.
func shown(_ text: String) -> String {
    let scalars = text.unicodeScalars.prefix(80).map { isControl($0) ? "?" : $0 }
    var part = String.UnicodeScalarView()
    part.append(contentsOf: scalars)
    return "'\(String(part))'"
}

func isControl(_ scalar: UnicodeScalar) -> Bool {
    scalar.value < 0x20 || scalar.value == 0x7F
}
