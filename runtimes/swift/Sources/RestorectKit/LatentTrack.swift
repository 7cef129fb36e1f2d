/// `changed` from which a thumbnail shows another scene.
let cut: Float = 0.5

/// How different two thumbnails are: mean absolute difference over mean level, 0 to 2.
///
/// Of the means alone: deviations, where there are any, are noise and texture, which change with a camera's gain.
func changed(_ before: Thumbnail, _ after: Thumbnail) -> Float {
    var level: Float = 0
    var off: Float = 0
    for (old, new) in zip(before.means, after.means) {
        level += old + new
        off += abs(new - old)
    }
    let count = Float(after.means.count)
    return off / count / max(level / (2 * count), 1 / 255)
}

/// The latent of a video, frame by frame; the same rule as `restorect_edge/inference/video/stream.py`.
///
/// Every `priorEvery` frames the prior gives a target. The latent goes towards it on every frame,
/// `z ← smooth·z + (1 − smooth)·target`, and is set to it at once at the start and after a cut.
final class LatentTrack {
    let priorEvery: Int
    let smooth: Float
    /// How often the prior ran.
    private(set) var priors = 0
    /// How many cuts were seen.
    private(set) var cuts = 0
    /// Of the restored frames; a cut begins it anew.
    let brightness: BrightnessTrack
    private var since = 0
    private var before: Thumbnail?
    private var target: [Float]?
    private var z: [Float]?

    init(priorEvery: Int, smooth: Float) throws {
        guard priorEvery >= 1 else {
            throw RestorectError.usage("priorEvery is at least 1 frame, got \(priorEvery)")
        }
        guard smooth >= 0, smooth < 1 else {
            throw RestorectError.usage("smooth is from 0 to below 1, got \(smooth); 0 switches it off")
        }
        self.priorEvery = priorEvery
        self.smooth = smooth
        brightness = BrightnessTrack(smooth: Double(smooth))
    }

    /// The latent of the next frame; `thumbnail` and `prior` are called when it is the prior's turn only.
    func step(thumbnail: () throws -> Thumbnail, prior: (Thumbnail) throws -> [Float]) throws -> [Float] {
        var current = target
        if current == nil || since == priorEvery {
            current = try update(try thumbnail(), prior)
        }
        let goal = current ?? []
        since += 1
        let next: [Float]
        if let z {
            next = zip(z, goal).map { smooth * $0 + (1 - smooth) * $1 }
        } else {
            next = goal
        }
        z = next
        return next
    }

    /// Forget the scene, so that the next frame's own latent counts.
    func reset() {
        before = nil
        target = nil
        z = nil
        brightness.reset()
    }

    private func update(_ now: Thumbnail, _ prior: (Thumbnail) throws -> [Float]) throws -> [Float] {
        let found = try prior(now)  // first, so that where it fails the next frame finds everything as it was
        if let before, changed(before, now) >= cut {
            cuts += 1
            z = nil
            brightness.reset()
        }
        before = now
        target = found
        since = 0
        priors += 1
        return found
    }
}
