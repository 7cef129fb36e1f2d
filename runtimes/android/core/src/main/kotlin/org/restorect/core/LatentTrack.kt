package org.restorect.core

/** [changed] from which a thumbnail shows another scene. */
internal const val CUT = 0.5f

/**
 * How different two thumbnails are: mean absolute difference over mean level, 0 to 2.
 *
 * Of the means alone: deviations, where there are any, are noise and texture, which change with a camera's gain.
 */
internal fun changed(before: Thumbnail, after: Thumbnail): Float {
    var level = 0.0
    var off = 0.0
    for (at in 0 until after.means) {
        level += before.values[at] + after.values[at]
        off += Math.abs(after.values[at] - before.values[at])
    }
    // a level at least: between black thumbnails, noise alone would be a cut
    return (off / after.means / maxOf(level / (2 * after.means), 1.0 / 255)).toFloat()
}

/**
 * The latent of a video, frame by frame; the same rule as `restorect_edge/inference/video/stream.py`.
 *
 * Every [priorEvery] frames the prior gives a target. The latent goes towards it on every frame,
 * `z ← smooth·z + (1 − smooth)·target`, and is set to it at once at the start and after a cut.
 *
 * @param priorEvery frames from one run of the prior to the next, so also how long a cut may go unnoticed
 * @param smooth share of latent and brightness kept from the frame before, from 0 (none) to below 1
 * @throws UsageException values out of range
 */
internal class LatentTrack(private val priorEvery: Int, private val smooth: Float) {
    init {
        if (priorEvery < 1) throw UsageException("priorEvery is at least 1 frame, got $priorEvery")
        if (!(smooth >= 0 && smooth < 1)) {
            throw UsageException("smooth is from 0 to below 1, got $smooth; 0 switches it off")
        }
    }

    /** How often the prior ran. */
    var priors = 0
        private set
    /** How many cuts were noticed. */
    var cuts = 0
        private set
    /** Of the restored frames; a cut begins it anew. */
    val brightness = BrightnessTrack(smooth.toDouble())
    private var since = 0
    private var before: Thumbnail? = null
    private var target: FloatArray? = null
    private var z: FloatArray? = null

    /** The latent of the next frame; [thumbnail] and [prior] are called when it is the prior's turn only. */
    fun step(thumbnail: () -> Thumbnail, prior: (Thumbnail) -> FloatArray): FloatArray {
        val known = target
        val goal = if (known == null || since == priorEvery) update(thumbnail(), prior) else known
        since++
        val last = z
        val next = if (last == null) goal else FloatArray(goal.size) { smooth * last[it] + (1 - smooth) * goal[it] }
        z = next
        return next
    }

    /** Forget the scene, so that the next frame's own latent counts. */
    fun reset() {
        before = null
        target = null
        z = null
        brightness.reset()
    }

    private fun update(now: Thumbnail, prior: (Thumbnail) -> FloatArray): FloatArray {
        val found = prior(now) // first, so that where it fails the next frame finds everything as it was
        val last = before
        if (last != null && changed(last, now) >= CUT) {
            cuts++
            z = null
            brightness.reset()
        }
        before = now
        target = found
        since = 0
        priors++
        return found
    }
}
