package org.restorect.core

import java.nio.file.Path
import java.nio.file.Paths
import kotlin.system.exitProcess

private const val USAGE = """usage: CheckKt corpus FOLDER
       CheckKt vectors SPEC
       CheckKt golden FOLDER [ARTIFACT COMMAND...]"""

/**
 * Hold the module to the project's vectors, without Android and without a test library.
 *
 * `corpus` reads the manifests of `spec/manifests` or of a folder made alike; `vectors` runs `spec/frames` and
 * `spec/vectors`; `golden` prints the lines that `runtimes/golden/README.md` describes, of the conversion and, where an
 * artifact is given, of restoring by the network that COMMAND runs over its standard input and output. Exits with 2
 * where one fails.
 */
fun main(arguments: Array<String>) {
    val folder = arguments.getOrNull(1)?.let { Paths.get(it) }
    val failures = when {
        folder == null -> refuse()
        arguments[0] == "corpus" && arguments.size == 2 -> checkCorpus(folder)
        arguments[0] == "vectors" && arguments.size == 2 -> checkVectors(folder)
        arguments[0] == "golden" && arguments.size != 3 -> checkGolden(folder, arguments.drop(2))
        else -> refuse()
    }
    failures.forEach { System.err.println(it) }
    exitProcess(if (failures.isEmpty()) 0 else 2)
}

private fun refuse(): Nothing {
    System.err.println(USAGE)
    exitProcess(1)
}

/** A document of vectors, which may be larger than a manifest. */
internal fun document(path: Path): Map<String, Json> = StrictJson.parse(bytes(path), 1 shl 24).members

internal fun bytes(path: Path): ByteArray = path.toFile().readBytes()

internal val Json.members: Map<String, Json> get() = (this as Json.Members).values
internal val Json.items: List<Json> get() = (this as Json.Items).values
internal val Json.text: String get() = (this as Json.Text).value
internal val Json.number: Double get() = (this as Json.Number).value
internal val Json.whole: Int get() = number.toInt()
internal val Json.numbers: List<Double> get() = items.map { it.number }
internal val Json.wholes: List<Int> get() = items.map { it.whole }

/** A member that may be null or absent. */
internal fun Map<String, Json>.optional(key: String): Json? = get(key).takeIf { it !== Json.Null }

internal fun fromHex(text: String): ByteArray =
    ByteArray(text.length / 2) { text.substring(2 * it, 2 * it + 2).toInt(16).toByte() }

/** The frame format of a row of the vectors. */
internal fun format(frame: Map<String, Json>) = FrameFormat(
    frame.getValue("layout").text, frame.getValue("width").whole, frame.getValue("height").whole,
    stride = frame.optional("stride")?.whole ?: 0,
    sliceHeight = frame.optional("slice_height")?.whole ?: 0,
    planes = frame.optional("planes")?.items.orEmpty().map { PlanePlace(it.wholes[0], it.wholes[1]) },
    matrix = frame.optional("matrix")?.text ?: "bt601",
    range = frame.optional("range")?.text ?: "limited"
)
