import Foundation

/// What a program must know to use an artifact; see `restorect_edge/artifact.py`.
public struct Manifest {
    /// The newest manifest that is read.
    public static let newestSchema = 1

    public let schemaVersion: Int
    public let name: String
    public let task: String
    public let target: String
    public let precision: String
    /// `whole` (one graph) or `split` (prior and body).
    public let form: String
    public let spec: ImageSpec
    public let graphs: [GraphFile]
    public let prior: PriorSpec?
    public let weights: Weights
    /// Version of restorect_edge that made it.
    public let toolkitVersion: String
    /// sha256 of every other file of the folder, by path.
    public let files: [String: String]

    /// The weights it was made from; empty for a network of one's own.
    public struct Weights {
        public let name: String?
        public let sha256: String?
    }
}

/// The contract of an image → image network.
public struct ImageSpec {
    /// Output side over input side.
    public let scale: Int
    public let size: SizeRequirements
    /// Pixels of context on each side; nil where the whole image matters.
    public let halo: Int?

    /// The halo rounded up to the size multiple, so that tiles start on the network's own grid.
    public var alignedHalo: Int { roundUp(halo ?? 0, to: size.multipleOf) }

    /// The smallest allowed size that holds an image.
    public func padded(_ image: Size) -> Size {
        Size(
            height: roundUp(max(image.height, size.minimum), to: size.multipleOf),
            width: roundUp(max(image.width, size.minimum), to: size.multipleOf)
        )
    }
}

/// Image sides that a network accepts.
public struct SizeRequirements {
    public let minimum: Int
    public let multipleOf: Int
}

/// One native file.
public struct GraphFile {
    /// `whole`, `prior` or `body`.
    public let role: String
    public let file: String
    /// Height and width of its image input; nil where both may vary, or for a prior.
    public let shape: [Int]?
}

/// How the split form computes what the prior looks at.
public struct PriorSpec {
    /// Side of the square thumbnail, in pixels.
    public let thumbnail: Int
    /// Side of the blocks that are averaged first, in pixels.
    public let pool: Int
    /// Whether the prior also takes the standard deviations inside the blocks.
    public let deviation: Bool
}

/// Sides of an image, in pixels.
public struct Size: Equatable {
    public let height: Int
    public let width: Int

    public init(height: Int, width: Int) {
        self.height = height
        self.width = width
    }
}

func roundUp(_ value: Int, to multiple: Int) -> Int {
    (value + multiple - 1) / multiple * multiple
}
