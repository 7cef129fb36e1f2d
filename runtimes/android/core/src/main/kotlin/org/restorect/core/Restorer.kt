package org.restorect.core

/**
 * Values of a network's input or output, in the order of their shape.
 *
 * @property values float32
 * @property levels in their place, where [Manifest.levels] says so and it is a picture: uint8
 */
class Tensor(val shape: IntArray, val values: FloatArray, val levels: ByteArray? = null) {
    constructor(shape: IntArray, levels: ByteArray) : this(shape, FloatArray(0), levels)
}

/** Runs the native files of an artifact; LiteRT's is in the app, and another library needs one of its own. */
interface Network {
    /**
     * Run a graph.
     *
     * @param graph which native file
     * @param inputs float32 by name: `image` (1, 3, H, W) and, of a split artifact, `z`; or `thumbnail` for the prior.
     *     With [Manifest.levels] an image is uint8, (1, H, W, 3)
     * @return `restored` (1, 3, H·scale, W·scale), or `z`; with [Manifest.levels] `restored` is uint8 as well
     */
    fun run(graph: GraphFile, inputs: Map<String, Tensor>): Tensor
}

/**
 * Pixels that a network with free sides and local context gives at a time, unless the caller says: one that enlarges has its
 * largest tensors at the size of its output.
 */
private const val LARGEST_WINDOW = 2L shl 20

/**
 * A network ready to run: give it a picture and get the restored one.
 *
 * Not safe for several threads at once.
 */
class Restorer(val manifest: Manifest, private val network: Network) {
    private var latentShape = intArrayOf()

    /**
     * Restore a picture by itself.
     *
     * @param picture of any size that the artifact takes
     * @param tile side of what each tile contributes, in pixels, where the artifact's sides are free; 0: as large as
     *     a phone's memory takes well
     * @return a new picture, `spec.scale` times as large
     * @throws UsageException a tile that this artifact does not take
     * @throws IncompatibleException a picture that does not fit
     */
    fun restore(picture: Picture, tile: Int = 0): Picture =
        restore(picture, tile, null) { padded -> if (manifest.prior == null) null else prior(look(picture, padded)) }

    internal fun restore(
        picture: Picture, tile: Int, brightness: BrightnessTrack?, latent: (Size) -> FloatArray?
    ): Picture {
        val needed = manifest.spec.padded(picture.size)
        val (graph, window) = fit(needed, tile)
        val z = latent(needed)
        // a graph of fixed sides reads on where a smaller picture ends, by reflection
        val padded = if (graph.shape == null) needed else larger(needed, window)
        val parts = plan(padded, window, manifest.spec.alignedHalo)
        val scale = manifest.spec.scale
        val result = Picture(Size(picture.size.height * scale, picture.size.width * scale))
        for (part in parts) {
            val restored = run(graph, part.size, given(picture, part), z)
            val wide = part.size.width * scale
            // a tile's brightness says nothing of the picture's
            val track = if (parts.size == 1) brightness else null
            val gain = track?.step(restored, wide * part.size.height * scale, wide, result.size) ?: 1.0
            keep(restored, part, scale, gain.toFloat(), result)
        }
        return result
    }

    internal fun look(picture: Picture, padded: Size): Thumbnail =
        thumbnail(picture, padded, manifest.prior ?: throw UsageException(NO_PRIOR))

    /** Run the prior of a split artifact. */
    internal fun prior(seen: Thumbnail): FloatArray {
        val graph = manifest.graphs.first { it.role == "prior" }
        val shape = intArrayOf(1, seen.channels, seen.side, seen.side)
        val z = network.run(graph, mapOf("thumbnail" to Tensor(shape, seen.values)))
        latentShape = z.shape
        return z.values
    }

    /** What the network is given of a picture. */
    private fun given(picture: Picture, part: Window): Tensor {
        val (height, width) = part.size
        if (manifest.levels) return Tensor(intArrayOf(1, height, width, 3), levels(picture, part))
        return Tensor(intArrayOf(1, 3, height, width), planes(picture, part))
    }

    private fun run(graph: GraphFile, size: Size, image: Tensor, z: FloatArray?): FloatArray {
        val inputs = linkedMapOf("image" to image)
        if (z != null) inputs["z"] = Tensor(latentShape, z)
        val restored = network.run(graph, inputs)
        val scale = manifest.spec.scale
        val (height, width) = Pair(size.height * scale, size.width * scale)
        val expected = if (manifest.levels) intArrayOf(1, height, width, 3) else intArrayOf(1, 3, height, width)
        if (!restored.shape.contentEquals(expected)) {
            throw IncompatibleException(
                "the network gave ${restored.shape.joinToString("×")} for ${size.height}×${size.width} pixels and a " +
                    "scale of $scale; export it again"
            )
        }
        return restored.levels?.let(::planesOf) ?: restored.values
    }

    /** The graph for an image of padded size, and the window that it is given. */
    private fun fit(padded: Size, tile: Int): Pair<GraphFile, Size> {
        val graphs = manifest.graphs.filter { it.role != "prior" }
        graphs.firstOrNull { it.shape == null }?.let { return Pair(it, freeWindow(padded, tile)) }
        val known = graphs.joinToString(", ") { "${it.shape!!.height}x${it.shape.width}" }
        if (tile != 0) {
            throw UsageException("this artifact's sides are fixed at $known, so a tile of $tile cannot be chosen")
        }
        val fixed = graphs.sortedBy { it.shape!!.area }
        val fits = fixed.firstOrNull { it.shape!!.height >= padded.height && it.shape.width >= padded.width }
        if (fits == null && manifest.spec.halo == null) {
            throw IncompatibleException(
                "a ${padded.width}×${padded.height} picture does not fit: this artifact takes up to $known (height x " +
                    "width); export again with --shapes ${padded.height}x${padded.width}, or with --form split"
            )
        }
        val chosen = fits ?: fixed.last()
        return Pair(chosen, chosen.shape!!)
    }

    private fun freeWindow(padded: Size, tile: Int): Size {
        if (tile < 0) throw UsageException("a tile has at least 1 pixel, got $tile")
        if (manifest.spec.halo == null) {
            if (tile == 0) return padded
            throw UsageException("this network looks at the whole image, so tiles would change the result; export it with --form split")
        }
        val halo = manifest.spec.alignedHalo
        val limit = LARGEST_WINDOW / (manifest.spec.scale * manifest.spec.scale)
        val window = if (tile == 0) bestWindow(padded, limit, halo, manifest.spec.size.multipleOf)
        else Size(tile + 2 * halo, tile + 2 * halo)
        val aligned = manifest.spec.padded(window)
        return Size(minOf(aligned.height, padded.height), minOf(aligned.width, padded.width))
    }
}

internal const val NO_PRIOR = "video needs a prior of its own, and this artifact is one graph; export it with --form split"

private fun larger(one: Size, other: Size) = Size(maxOf(one.height, other.height), maxOf(one.width, other.width))

/**
 * Restore the frames of one video or camera, one call each, in order: the prior now and then, its latent and the
 * brightness smoothed in time, the body on every frame.
 *
 * @param priorEvery frames from one run of the prior to the next, so also how long a cut may go unnoticed
 * @param smooth share of latent and brightness kept from the frame before, from 0 (none) to below 1
 * @throws UsageException values out of range, or an artifact without a prior
 */
class VideoRestorer(private val restorer: Restorer, priorEvery: Int = 1, smooth: Float = 0f) {
    private val track = LatentTrack(priorEvery, smooth)
    private var padded: Size? = null

    init {
        if (restorer.manifest.prior == null) throw UsageException(NO_PRIOR)
    }

    /** How many cuts between scenes were noticed. */
    val cuts: Int get() = track.cuts
    /** How often the prior ran. */
    val priors: Int get() = track.priors

    /** Restore the next frame; takes, gives and throws what [Restorer.restore] does. */
    fun restore(frame: Picture): Picture = restorer.restore(frame, 0, track.brightness) { size ->
        if (size != padded) track.reset()
        padded = size
        track.step({ restorer.look(frame, size) }, restorer::prior)
    }
}
