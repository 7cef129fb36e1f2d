package org.restorect.core

import java.nio.file.Files
import java.nio.file.Path
import java.nio.file.Paths
import java.nio.file.StandardOpenOption

private val KINDS = mapOf(
    "' is not a manifest: " to "not a manifest",
    "' has schema version " to "newer",
    "' is damaged: " to "damaged",
    "' is missing from the artifact" to "missing",
    "' was changed after the export" to "changed",
    "' is a link to outside the artifact" to "outside"
)

/** Read every manifest and folder of a corpus; returns what was not read as it must be. */
internal fun checkCorpus(corpus: Path): List<String> {
    val index = document(corpus.resolve("index.json"))
    val manifests = index.getValue("manifests").items.map { it.members }
    val folders = index["folders"]?.items.orEmpty().map { it.members }
    val failures = manifests.mapNotNull { wrongManifest(corpus, it) } + folders.mapNotNull { wrongFolder(corpus, it) }
    println("${manifests.size} manifests and ${folders.size} folders read, ${failures.size} not as they must be")
    return failures
}

private fun kind(work: () -> Unit): String = try {
    work()
    "valid"
} catch (error: IncompatibleException) {
    KINDS.entries.firstOrNull { it.key in error.message!! }?.value ?: error.message!!
}

private fun wrongManifest(corpus: Path, row: Map<String, Json>): String? {
    val file = row.getValue("file").text
    val content = bytes(corpus.resolve(file))
    val padded = content + ByteArray(maxOf(0, (row.optional("padded_to")?.whole ?: 0) - content.size)) { 0x20 }
    val found = kind { ManifestReader.read(padded, file) }
    return found.takeIf { it != row.getValue("kind").text }?.let { "$file is $it: ${row.getValue("reason").text}" }
}

private fun wrongFolder(corpus: Path, row: Map<String, Json>): String? {
    val scratch = Files.createTempDirectory("corpus")
    try {
        val artifact = scratch.resolve("artifact")
        corpus.resolve("artifact").toFile().copyRecursively(artifact.toFile())
        Files.copy(corpus.resolve("valid/file-names.json"), artifact.resolve("manifest.json"))
        change(row.getValue("change").text, artifact.resolve(row.getValue("path").text), scratch.resolve("moved"))
        val found = kind { Artifact.open(artifact, setOf("onnx")) }
        return found.takeIf { it != row.getValue("kind").text }?.let { "${row.getValue("name").text}: $it" }
    } finally {
        scratch.toFile().deleteRecursively()
    }
}

private fun change(how: String, path: Path, elsewhere: Path) {
    when (how) {
        "none" -> Unit
        "add", "edit" -> Files.write(path, "x".toByteArray(), StandardOpenOption.CREATE, StandardOpenOption.APPEND)
        "empty" -> Files.write(path, ByteArray(0))
        "remove" -> Files.delete(path)
        "folder" -> {
            Files.delete(path)
            Files.createDirectory(path)
        }
        "link nowhere" -> {
            Files.delete(path)
            Files.createSymbolicLink(path, Paths.get("gone"))
        }
        "link out" -> link(path, elsewhere)
        "link inside" -> link(path, path.resolveSibling("moved"))
        else -> throw IllegalArgumentException("unknown change $how")
    }
}

private fun link(path: Path, other: Path) {
    Files.move(path, other)
    Files.createSymbolicLink(path, other)
}
