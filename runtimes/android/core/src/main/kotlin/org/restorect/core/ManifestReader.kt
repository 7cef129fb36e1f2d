package org.restorect.core

import java.util.Locale

/** The contract of a manifest, `spec/README.md`: what is in it, and what is refused. */
internal object ManifestReader {
    private const val LARGEST_SIDE = 65536
    private const val LARGEST_MULTIPLE = 4096
    private const val MOST_GRAPHS = 256
    private val DIGEST = Regex("[0-9a-f]{64}")
    private val NEEDED =
        setOf("schema_version", "name", "task", "target", "precision", "form", "spec", "graphs", "files")
    private val OPTIONAL = setOf(
        "prior", "steps", "input", "weights", "tools", "options", "created", "toolkit_version", "verification"
    )

    /** Read a manifest; [source] is named in errors. */
    fun read(data: ByteArray, source: String): Manifest {
        val root = documented("is not a manifest", source) { versioned(StrictJson.parse(data)) }
        val version = (root.getValue("schema_version") as Json.Number).value
        if (version > Manifest.NEWEST_SCHEMA) {
            throw IncompatibleException(
                "'$source' has schema version ${"%.0f".format(Locale.ROOT, version)}, this library reads up to " +
                    "${Manifest.NEWEST_SCHEMA}: upgrade it, or export again with its restorect_edge"
            )
        }
        return documented("is damaged", source) { manifest(root) }
    }

    /** What is wrong with the path of a file in an artifact, or null. */
    fun pathFault(path: String): String? = when {
        path.any { isControl(it) || it == '\\' || it == ':' } -> "has a character that paths here do not have"
        path == "manifest.json" -> "is the manifest itself"
        // an absolute path has an empty part; '..' and '.' end in a dot
        "" in path.split('/') -> "is absolute or has an empty part"
        path.split('/').any { it.endsWith('.') || it.endsWith(' ') } -> "has a part that ends in a dot or a space"
        else -> null
    }

    private fun <T> documented(state: String, source: String, read: () -> T): T = try {
        read()
    } catch (damage: Damage) {
        throw IncompatibleException("'$source' $state: ${damage.reason}; export again")
    }

    private fun versioned(value: Json): Map<String, Json> {
        val root = (value as? Json.Members)?.values ?: throw Damage("it is no object")
        val version = (root["schema_version"] as? Json.Number)?.value ?: 0.0
        if (version < 1 || version != Math.floor(version)) throw Damage("it has no schema_version")
        return root
    }

    private fun inLevels(root: Map<String, Json>): Boolean {
        val image = (root["input"] as? Json.Members)?.values?.get("image") as? Json.Members ?: return false
        return (image.values["dtype"] as? Json.Text)?.value == "uint8" &&
            (image.values["layout"] as? Json.Text)?.value == "NHWC"
    }

    private fun manifest(root: Map<String, Json>): Manifest {
        check(root, "it", NEEDED, OPTIONAL)
        for (key in listOf("created", "toolkit_version")) if (key in root) text(root[key], key)
        for (key in listOf("input", "verification")) texts(root, key, emptySet())
        texts(root, "options", setOf("cpu"))
        texts(root, "tools", null)
        texts(root, "weights", setOf("name", "sha256", "license", "licence"))
        given(root["steps"])?.let { number(it, "steps", 1, LARGEST_SIDE) }
        val spec = imageSpec(root["spec"])
        val found = Manifest(
            name = text(root["name"], "name", 1),
            task = text(root["task"], "task", 1),
            target = text(root["target"], "target", 1),
            precision = text(root["precision"], "precision", 1),
            form = text(root["form"], "form"),
            spec = spec,
            graphs = graphs(root["graphs"]),
            prior = given(root["prior"])?.let { priorSpec(it, spec.size.multipleOf) },
            files = files(root["files"]),
            levels = inLevels(root)
        )
        checkForm(found)
        checkHashes(found)
        return found
    }

    private fun imageSpec(value: Json?): ImageSpec {
        val data = members(value, "spec", setOf("scale", "size", "halo"))
        val size = members(data["size"], "spec.size", setOf("minimum", "multiple_of"))
        return ImageSpec(
            scale = number(data["scale"], "spec.scale", 1, 16),
            size = SizeRequirements(
                number(size["minimum"], "spec.size.minimum", 1, LARGEST_MULTIPLE),
                number(size["multiple_of"], "spec.size.multiple_of", 1, LARGEST_MULTIPLE)
            ),
            halo = given(data["halo"])?.let { number(it, "spec.halo", 0, LARGEST_SIDE) }
        )
    }

    private fun priorSpec(value: Json, multipleOf: Int): PriorSpec {
        val data = members(value, "prior", setOf("thumbnail", "pool"), setOf("deviation"))
        val pool = number(data["pool"], "prior.pool", 1, 256)
        if (multipleOf % pool != 0) throw Damage("prior.pool does not divide spec.size.multiple_of")
        val deviation = data["deviation"] ?: Json.Flag(false)
        if (deviation !is Json.Flag) throw Damage("prior.deviation is no boolean")
        return PriorSpec(number(data["thumbnail"], "prior.thumbnail", 1, 1024), pool, deviation.value)
    }

    private fun graphs(value: Json?): List<GraphFile> {
        val items = (value as? Json.Items)?.values.orEmpty()
        if (items.isEmpty() || items.size > MOST_GRAPHS) {
            throw Damage("graphs is no list of 1 to $MOST_GRAPHS graphs")
        }
        return items.map { item ->
            val data = members(item, "graphs", setOf("role", "file"), setOf("shape"))
            val role = (data["role"] as? Json.Text)?.value
            if (role !in setOf("whole", "prior", "body")) throw Damage("graphs.role is not known")
            val file = (data["file"] as? Json.Text)?.value ?: throw Damage("graphs.file is no text")
            checkPath(file, "graphs.file")
            GraphFile(role!!, file, given(data["shape"])?.let { sides(it) })
        }
    }

    private fun sides(value: Json): Size {
        val sides = (value as? Json.Items)?.values.orEmpty()
        if (sides.size != 2) throw Damage("graphs.shape is no list of height and width")
        val (height, width) = sides.map { number(it, "graphs.shape", 1, LARGEST_SIDE) }
        return Size(height, width)
    }

    private fun files(value: Json?): Map<String, String> {
        val data = (value as? Json.Members)?.values ?: throw Damage("files is no object")
        return data.mapValues { (path, digest) ->
            checkPath(path, "files")
            (digest as? Json.Text)?.value?.takeIf { DIGEST.matches(it) }
                ?: throw Damage("files.${shown(path)} is no sha256")
        }
    }

    private fun checkPath(path: String, name: String) {
        pathFault(path)?.let { throw Damage("$name ${shown(path)} $it") }
    }

    private fun checkForm(manifest: Manifest) {
        val roles = manifest.graphs.map { it.role }
        val right = when (manifest.form) {
            "whole" -> roles.all { it == "whole" } && manifest.prior == null
            "split" -> "whole" !in roles && roles.count { it == "prior" } == 1 && roles.size > 1 && manifest.prior != null
            else -> throw Damage("form is ${shown(manifest.form)}, expected whole or split")
        }
        if (!right) {
            throw Damage("a whole artifact has whole graphs alone; a split one has one prior, which 'prior' describes, and bodies")
        }
    }

    private fun checkHashes(manifest: Manifest) {
        for (graph in manifest.graphs) {
            val known = graph.file in manifest.files || manifest.files.keys.any { it.startsWith(graph.file + "/") }
            if (!known) throw Damage("no sha256 of ${graph.file}")
        }
    }

    private fun given(value: Json?): Json? = if (value === Json.Null) null else value

    private fun members(
        value: Json?, name: String, needed: Set<String>, optional: Set<String> = emptySet()
    ): Map<String, Json> {
        val data = (value as? Json.Members)?.values ?: throw Damage("$name is no object")
        check(data, name, needed, optional)
        return data
    }

    private fun check(data: Map<String, Json>, name: String, needed: Set<String>, optional: Set<String>) {
        data.keys.firstOrNull { it !in needed && it !in optional }?.let {
            throw Damage("unknown key ${shown(it)} in $name")
        }
        needed.firstOrNull { it !in data }?.let { throw Damage("$name lacks '$it'") }
    }

    private fun text(value: Json?, name: String, least: Int = 0): String {
        val found = (value as? Json.Text)?.value ?: throw Damage("$name is no text")
        if (found.any { isControl(it) }) throw Damage("$name has a control character")
        if (found.length < least) throw Damage("$name is empty")
        return found
    }

    /** Check an object of which the named values, or all where `only` is null, must be texts. */
    private fun texts(data: Map<String, Json>, key: String, only: Set<String>?) {
        val value = data[key] ?: return
        val members = (value as? Json.Members)?.values ?: throw Damage("$key is no object")
        members.entries.firstOrNull { (name, it) -> it !is Json.Text && (only == null || name in only) }?.let {
            throw Damage("$key.${shown(it.key)} is no text")
        }
    }

    private fun number(value: Json?, name: String, least: Int, most: Int): Int {
        val found = (value as? Json.Number)?.value
        if (found == null || found != Math.floor(found) || found < least || found > most) {
            throw Damage("$name is no whole number from $least to $most")
        }
        return found.toInt()
    }
}
