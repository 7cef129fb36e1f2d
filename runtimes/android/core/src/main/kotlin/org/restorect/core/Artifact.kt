package org.restorect.core

import java.io.IOException
import java.nio.file.Files
import java.nio.file.Path
import java.security.MessageDigest

/** An artifact folder whose manifest was read, and whose files are those of the manifest. */
class Artifact private constructor(val folder: Path, val manifest: Manifest) {
    companion object {
        /**
         * Read and check a folder that `restorect_edge.export` made.
         *
         * Hashing reads every file, so call it off the main thread. Files of an app's assets are copied to a folder of
         * the app first.
         *
         * @param folder the artifact
         * @param targets of the export that the caller can run, such as `litert`
         * @throws IncompatibleException a damaged, edited or newer artifact, or one for another target
         */
        fun open(folder: Path, targets: Set<String>): Artifact {
            val source = folder.resolve("manifest.json")
            checkInside(source, folder)
            val manifest = ManifestReader.read(content(source, folder), source.toString())
            if (manifest.target !in targets) {
                throw IncompatibleException(
                    "'$source' is for ${manifest.target}; export again with --target ${targets.joinToString(" or ")}"
                )
            }
            for ((name, digest) in manifest.files) {
                val file = folder.resolve(name)
                checkInside(file, folder)
                checkHash(file, digest)
            }
            return Artifact(folder, manifest)
        }

        private fun content(source: Path, folder: Path): ByteArray = try {
            // one byte more than a manifest may have: the reader refuses it, and no large file is read whole
            val found = ByteArray(minOf(Files.size(source), StrictJson.LARGEST + 1L).toInt())
            Files.newInputStream(source).use { stream ->
                var at = 0
                while (at < found.size) {
                    val count = stream.read(found, at, found.size - at)
                    if (count < 0) break
                    at += count
                }
                found.copyOf(at)
            }
        } catch (fault: IOException) {
            throw IncompatibleException("'$folder' has no manifest.json that can be read: it is not an artifact")
        }

        /** Refuse a file that a link takes to outside the folder; one that is missing is for `checkHash`. */
        private fun checkInside(file: Path, folder: Path) {
            val real = realPath(file) ?: return
            if (!real.startsWith(realPath(folder) ?: return)) {
                throw IncompatibleException(
                    "'$file' is a link to outside the artifact; copy the artifact with the files that it links to"
                )
            }
        }

        private fun realPath(path: Path): Path? = try {
            path.toRealPath()
        } catch (fault: IOException) {
            null
        }

        private fun checkHash(file: Path, expected: String) {
            if (!Files.isRegularFile(file)) {
                throw IncompatibleException("'$file' is missing from the artifact; copy or export it again")
            }
            val actual = hash(file)
            if (actual != expected) {
                throw IncompatibleException(
                    "'$file' was changed after the export: sha256 ${actual.take(12)}…, the manifest says " +
                        "${expected.take(12)}…; copy or export the artifact again"
                )
            }
        }

        private fun hash(file: Path): String {
            val digest = MessageDigest.getInstance("SHA-256")
            try {
                Files.newInputStream(file).use { stream ->
                    val block = ByteArray(1 shl 20)
                    while (true) {
                        val count = stream.read(block)
                        if (count < 0) break
                        digest.update(block, 0, count)
                    }
                }
            } catch (fault: IOException) {
                throw IncompatibleException("cannot read '$file'; copy the artifact again")
            }
            return digest.digest().joinToString("") { byte -> "%02x".format(byte.toInt() and 255) }
        }
    }
}
