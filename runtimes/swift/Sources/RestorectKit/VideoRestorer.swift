import CoreVideo

/// Restore the frames of one video or camera, one call each, in order: the prior now and then, its latent
/// and the brightness smoothed in time, the body on every frame.
public final class VideoRestorer {
    private let runtime: Runtime
    private let track: LatentTrack
    private var padded: Size?

    /// How many cuts between scenes were seen.
    public var cuts: Int { track.cuts }
    /// How often the prior ran.
    public var priors: Int { track.priors }

    /// - Parameters:
    ///   - priorEvery: frames from one run of the prior to the next, so also how long a cut may go unseen.
    ///   - smooth: share of latent and brightness kept from the frame before, from 0 (none) to below 1.
    public init(_ runtime: Runtime, priorEvery: Int = 1, smooth: Float = 0) throws {
        guard runtime.manifest.prior != nil else {
            throw RestorectError.usage("video needs a prior of its own; export with --form split")
        }
        self.runtime = runtime
        track = try LatentTrack(priorEvery: priorEvery, smooth: smooth)
    }

    /// Restore the next frame; takes, gives and throws what `Runtime.restore` does.
    public func restore(_ frame: CVPixelBuffer) throws -> CVPixelBuffer {
        try runtime.restore(frame, brightness: track.brightness) { picture, size in
            if size != padded {
                track.reset()
                padded = size
            }
            guard let spec = runtime.manifest.prior else { return nil }
            return try track.step(
                thumbnail: { thumbnail(of: picture, padded: size, prior: spec) },
                prior: { try runtime.prior($0) }
            )
        }
    }
}
