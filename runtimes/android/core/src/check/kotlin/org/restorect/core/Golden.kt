package org.restorect.core

import java.nio.ByteBuffer
import java.nio.file.Path
import java.nio.file.Paths

/** Frames of one layout and form. */
private class Line {
    var vectors = 0
    var passed = 0
    var worst = 0
}

/** Convert the golden frames, or restore them by an artifact and the command that runs it; print a line for each kind. */
internal fun checkGolden(folder: Path, artifact: List<String>): List<String> {
    val golden = document(folder.resolve("golden.json"))
    if (artifact.isEmpty()) {
        return lines(golden, "kotlin", null, { it.getValue("form").text == "convert" }) { converted(folder, it, null) }
    }
    val manifest = Artifact.open(Paths.get(artifact[0]), setOf("litert", "onnx", "openvino")).manifest
    PipeNetwork(artifact.drop(1)).use { network ->
        val restorer = Restorer(manifest, network)
        val tolerance = golden.getValue("tolerance").members
        return lines(golden, "kotlin-${network.library}", manifest.precision, { suits(manifest, it) }) {
            restored(folder, it, restorer, tolerance)
        }
    }
}

private fun lines(
    golden: Map<String, Json>, runtime: String, precision: String?, suits: (Map<String, Json>) -> Boolean,
    run: (Map<String, Json>) -> Pair<Boolean, Int>
): List<String> {
    val found = LinkedHashMap<Pair<String, String>, Line>()
    val failures = ArrayList<String>()
    for (vector in golden.getValue("vectors").items.map { it.members }.filter(suits)) {
        val key = Pair(vector.getValue("frame").members.getValue("layout").text, vector.getValue("form").text)
        val line = found.getOrPut(key) { Line() }
        val (passed, worst) = run(vector)
        line.vectors++
        if (passed) line.passed++ else failures += "${vector.getValue("name").text}: $worst levels off"
        line.worst = maxOf(line.worst, worst)
    }
    if (found.isEmpty()) failures += "the artifact has the size or form of no vector"
    for ((key, line) in found) {
        // the time would be that of the pipe
        println(
            """{"runtime": "$runtime", "precision": ${precision?.let { "\"$it\"" }}, "format": "${key.first}", """ +
                """"form": "${key.second}", "vectors": ${line.vectors}, "passed": ${line.passed}, """ +
                """"max_difference": ${line.worst}, "ms_640x480": null}"""
        )
    }
    return failures
}

/** Whether an artifact's sides are free or exactly those of the vector, and it has the vector's form. */
private fun suits(manifest: Manifest, vector: Map<String, Json>): Boolean {
    val form = vector.getValue("form").text
    if (manifest.form != (if (form == "tiled") "split" else form)) return false
    val sides = vector.getValue("padded").wholes
    return manifest.graphs.filter { it.role != "prior" }.any {
        it.shape == null || (form != "tiled" && it.shape == Size(sides[0], sides[1]))
    }
}

private fun content(folder: Path, vector: Map<String, Json>, key: String) =
    bytes(folder.resolve(vector.getValue(key).members.getValue("file").text))

/** Whether the frame became its RGB, to the byte, and how far it was off; [into] gets the picture. */
private fun converted(folder: Path, vector: Map<String, Json>, into: ((Picture) -> Unit)?): Pair<Boolean, Int> {
    val picture = toRgb(ByteBuffer.wrap(content(folder, vector, "input")), format(vector.getValue("frame").members))
    into?.invoke(picture)
    val off = difference(picture.rgb, content(folder, vector, "rgb"))
    return Pair(off.all { it == 0 }, off.fold(0) { a, b -> maxOf(a, b) })
}

private fun restored(
    folder: Path, vector: Map<String, Json>, restorer: Restorer, tolerance: Map<String, Json>
): Pair<Boolean, Int> {
    var picture: Picture? = null
    val (same, off) = converted(folder, vector) { picture = it }
    if (!same) return Pair(false, off)
    val made = restorer.restore(picture!!, vector.optional("tile")?.whole ?: 0)
    val differences = difference(made.rgb, content(folder, vector, "output"))
    val limits = tolerance.getValue(restorer.manifest.precision).members
    val right = within(differences, limits) && latentAgrees(vector, picture!!, restorer, tolerance.getValue("z").number)
    return Pair(right, differences.fold(0) { a, b -> maxOf(a, b) })
}

private fun within(off: List<Int>, limits: Map<String, Json>): Boolean {
    val decibels = limits["psnr_db"]?.number
    if (decibels == null) {
        val beyond = off.count { it > limits.getValue("levels").number }
        return beyond.toDouble() / off.size <= limits.getValue("share_beyond").number
    }
    val squares = off.map { it.toDouble() * it }.sum()
    return squares == 0.0 || 10 * Math.log10(255.0 * 255.0 * off.size / squares) >= decibels
}

private fun latentAgrees(vector: Map<String, Json>, picture: Picture, restorer: Restorer, tolerance: Double): Boolean {
    val wanted = vector.optional("z") ?: return true
    if (restorer.manifest.precision != "fp32") return true
    val z = restorer.prior(restorer.look(picture, restorer.manifest.spec.padded(picture.size)))
    return near(z, wanted.numbers.map { it.toFloat() }.toFloatArray(), tolerance)
}

private fun difference(got: ByteArray, wanted: ByteArray): List<Int> {
    if (got.size != wanted.size) throw IncompatibleException("${got.size} bytes, not ${wanted.size}")
    return got.indices.map { Math.abs((got[it].toInt() and 255) - (wanted[it].toInt() and 255)) }
}
