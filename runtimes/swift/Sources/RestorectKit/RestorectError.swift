import Foundation

/// What goes wrong; the message says what was got, what is allowed and how to mend it.
public enum RestorectError: LocalizedError {
    /// The caller's frame or option.
    case usage(String)
    /// The artifact: damaged, edited, newer, or for another target.
    case incompatible(String)
    /// Core ML.
    case backend(String)

    public var errorDescription: String? {
        switch self {
        case .usage(let message), .incompatible(let message), .backend(let message):
            return message
        }
    }
}
