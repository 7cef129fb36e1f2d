package org.restorect.core

/** What a program must know to use an artifact; see `restorect_edge/artifact.py`. */
class Manifest internal constructor(
    val name: String,
    val task: String,
    val target: String,
    val precision: String,
    /** `whole` (one graph) or `split` (prior and body). */
    val form: String,
    val spec: ImageSpec,
    val graphs: List<GraphFile>,
    val prior: PriorSpec?,
    /** sha256 of every other file of the folder, by path. */
    val files: Map<String, String>,
    /** Whether its graphs take and give uint8 images, (1, H, W, 3) (`--io uint8`). */
    val levels: Boolean = false
) {
    companion object {
        /** The newest manifest that is read. */
        const val NEWEST_SCHEMA = 1
    }
}

/** The contract of a network from image to image. */
class ImageSpec(
    /** Output side over input side. */
    val scale: Int,
    val size: SizeRequirements,
    /** Pixels of context on each side; null where the whole image matters. */
    val halo: Int?
) {
    /** The halo rounded up to the size multiple, so that tiles start on the network's own grid. */
    val alignedHalo: Int get() = roundUp(halo ?: 0, size.multipleOf)

    /** The smallest allowed size that holds an image. */
    fun padded(image: Size) = Size(
        roundUp(maxOf(image.height, size.minimum), size.multipleOf),
        roundUp(maxOf(image.width, size.minimum), size.multipleOf)
    )
}

/** Sides of images that a network accepts, in pixels. */
class SizeRequirements(val minimum: Int, val multipleOf: Int)

/** One native file. */
class GraphFile(
    /** `whole`, `prior` or `body`. */
    val role: String,
    val file: String,
    /** Of its image input; null where both sides may vary, or for a prior. */
    val shape: Size?
)

/** How the split form computes what the prior looks at. */
class PriorSpec(
    /** Side of the square thumbnail, in pixels. */
    val thumbnail: Int,
    /** Side of the blocks that are averaged first, in pixels. */
    val pool: Int,
    /** Whether the prior also takes the standard deviations inside the blocks. */
    val deviation: Boolean
)

/** Sides of an image, in pixels. */
data class Size(val height: Int, val width: Int) {
    val area: Long get() = height.toLong() * width
}

internal fun roundUp(value: Int, multiple: Int): Int = (value + multiple - 1) / multiple * multiple
