package org.restorect.core

import java.nio.ByteBuffer
import java.nio.ByteOrder
import java.nio.file.Path

/** Run `spec/frames` and `spec/vectors`; returns what is not as it must be. */
internal fun checkVectors(spec: Path): List<String> {
    val groups = linkedMapOf(
        "layouts" to { layouts(document(spec.resolve("frames/formats.json"))) },
        "frames" to { frames(document(spec.resolve("frames/vectors.json"))) },
        "YUV_420_888 images" to { images(document(spec.resolve("frames/vectors.json"))) },
        "refused frames" to { refused(document(spec.resolve("frames/vectors.json"))) },
        "matrices" to { matrices(document(spec.resolve("frames/matrices.json"))) },
        "thumbnails" to { thumbnails(spec.resolve("vectors")) },
        "latents" to { latents(document(spec.resolve("vectors/latent.json"))) },
        "brightness" to { brightness(document(spec.resolve("vectors/brightness.json"))) },
        "tiles" to { tiles(document(spec.resolve("vectors/tiles.json"))) }
    )
    return groups.flatMap { (name, run) ->
        val failures = run()
        println("$name: ${failures.size} compared, ${failures.count { it != null }} not as they must be")
        failures.filterNotNull().map { "$name: $it" }
    }
}

private fun layouts(table: Map<String, Json>): List<String?> {
    val formats = table.getValue("formats").members
    val order = "the order of layouts".takeIf { LAYOUTS.keys.toList() != formats.keys.toList() }
    return listOf(order) + formats.map { (name, row) ->
        val layout = LAYOUTS[name]
        val facts = row.members
        val same = layout != null &&
            layout.color.name.equals(facts.getValue("color").text, ignoreCase = true) &&
            layout.planes.map { listOf(it.bytes, it.across, it.down) } == facts.getValue("planes").items.map { it.wholes } &&
            layout.channels.map { listOf(it.plane, it.offset, it.step) } == facts.getValue("channels").items.map { it.wholes } &&
            listOf(layout.down, layout.across) == facts.getValue("block").wholes &&
            layout.shift == facts.getValue("shift").whole &&
            ALIASES.filterValues { it == name }.keys.toList() == facts.getValue("aliases").items.map { it.text }
        name.takeIf { !same }
    }
}

private fun frames(vectors: Map<String, Json>) = converted(vectors).map { row ->
    val format = format(row.getValue("frame").members)
    val data = fromHex(row.getValue("data").text).copyOf(row.getValue("size").whole)
    wrong(row) { toRgb(ByteBuffer.wrap(data), format) }
}

/** Layouts that Android's `YUV_420_888` may have, as its planes describe them, the last row of each cut off. */
private fun images(vectors: Map<String, Json>) = converted(vectors).filter {
    it.getValue("frame").members.getValue("layout").text in setOf("nv12", "nv21", "i420", "yv12")
}.map { row ->
    val format = format(row.getValue("frame").members)
    val data = fromHex(row.getValue("data").text)
    val planes = format.facts.channels.mapIndexed { at, channel ->
        val place = format.places[channel.plane]
        val part = if (at == 0) 1 else 2
        val length = (format.height / part - 1) * place.stride + (format.width / part - 1) * channel.step + 1
        val start = place.offset + channel.offset
        YuvPlane(ByteBuffer.wrap(data.copyOfRange(start, start + length)), place.stride, channel.step)
    }
    wrong(row) { yuv420ToRgb(format.width, format.height, planes, format.matrix, format.range) }
}

private fun converted(vectors: Map<String, Json>) = vectors.getValue("converted").items.map { it.members }

private fun wrong(row: Map<String, Json>, picture: () -> Picture): String? =
    row.getValue("name").text.takeIf { !picture().rgb.contentEquals(fromHex(row.getValue("rgb").text)) }

private fun refused(vectors: Map<String, Json>) = vectors.getValue("refused").items.map { it.members }.map { row ->
    val words = row.getValue("error").text
    try {
        toRgb(ByteBuffer.allocate(row.getValue("bytes").whole), format(row.getValue("frame").members))
        "taken, not: $words"
    } catch (error: UsageException) {
        error.message.takeIf { words !in it!! || "did you mean" in it }
    }
}

private fun matrices(vectors: Map<String, Json>) = vectors.getValue("cases").items.map { it.members }.map { row ->
    val given = listOf("coefficients", "primaries", "rows").map { row.getValue(it).whole }
    val found = try {
        matrixOf(given[0], given[1], given[2])
    } catch (error: UsageException) {
        null
    }
    given.toString().takeIf { found != row.optional("matrix")?.text }
}

private fun thumbnails(folder: Path): List<String?> {
    val vectors = document(folder.resolve("thumbnail.json"))
    val values = ByteBuffer.wrap(bytes(folder.resolve("thumbnail.bin"))).order(ByteOrder.LITTLE_ENDIAN).asFloatBuffer()
    val tolerance = vectors.getValue("tolerance").number
    return vectors.getValue("cases").items.map { it.members }.flatMap { row ->
        val made = picture(row.getValue("picture").members)
        val (height, width) = row.getValue("padded").wholes
        val sum = made.rgb.indices.map { made.level(it) }.sum()
        listOf(false, true).map { deviation ->
            val prior = PriorSpec(row.getValue("side").whole, row.getValue("pool").whole, deviation)
            val found = thumbnail(made, Size(height, width), prior)
            val off = found.values.indices.map { Math.abs(found.values[it] - values[row.getValue("offset").whole + it]) }
            val right = sum == row.getValue("sum").whole && found.channels == (if (deviation) 6 else 3) &&
                off.all { it <= tolerance }
            row.getValue("name").text.takeIf { !right }
        }
    }
}

/** The picture of a recipe of `spec/vectors/README.md`. */
internal fun picture(of: Map<String, Json>): Picture {
    val (height, width) = Pair(of.getValue("height").whole, of.getValue("width").whole)
    val (low, high, ramp) = listOf("low", "high", "ramp").map { of.getValue(it).wholes }
    val made = Picture(Size(height, width))
    var state = of.getValue("seed").number.toLong()
    for (at in made.rgb.indices) {
        val (row, column, channel) = Triple(at / 3 / width, at / 3 % width, at % 3)
        state = (state * 1664525 + 1013904223) and 0xFFFFFFFFL
        val noise = ((state shr 24) * (high[channel] - low[channel] + 1) shr 8).toInt()
        val slope = ramp[0] * row / height + ramp[1] * column / width
        made.rgb[at] = minOf(255, low[channel] + noise + slope).toByte()
    }
    return made
}

private fun latents(vectors: Map<String, Json>): List<String?> {
    val tolerance = vectors.getValue("tolerance").number
    return vectors.getValue("cases").items.map { it.members }.map { row ->
        val track = LatentTrack(row.getValue("prior_every").whole, row.getValue("smooth").number.toFloat())
        val right = row.getValue("frames").items.map { it.members }.map { frame ->
            if ((frame.getValue("reset") as Json.Flag).value) track.reset()
            val seen = Thumbnail(floats(frame.getValue("levels")), 1)
            val z = track.step({ seen }, { floats(frame.getValue("prior")) })
            near(z, floats(frame.getValue("z")), tolerance) &&
                track.priors == frame.getValue("priors").whole && track.cuts == frame.getValue("cuts").whole
        }
        row.getValue("name").text.takeIf { !right.all { it } }
    }
}

private fun brightness(vectors: Map<String, Json>): List<String?> {
    val tolerance = vectors.getValue("tolerance").number
    return vectors.getValue("cases").items.map { it.members }.map { row ->
        val track = BrightnessTrack(row.getValue("smooth").number)
        val right = row.getValue("frames").items.map { it.members }.map { frame ->
            val made = picture(frame.getValue("picture").members)
            val gain = track.step(lit(made, frame), made.size.height * made.size.width, made.size.width, made.size)
            Math.abs(gain - frame.getValue("gain").number) <= tolerance
        }
        row.getValue("name").text.takeIf { !right.all { it } }
    }
}

private fun tiles(vectors: Map<String, Json>) = vectors.getValue("cases").items.map { it.members }.map { row ->
    val padded = size(row.getValue("padded"))
    val halo = row.getValue("halo").whole
    val window = row.optional("asked")?.let { size(it) }
        ?: bestWindow(padded, row.getValue("limit").number.toLong(), halo, row.getValue("multiple").whole)
    val made = try {
        plan(padded, window, halo)
    } catch (error: UsageException) {
        null
    }
    val same = window == size(row.getValue("window")) &&
        made?.map { listOf(it.rows, it.columns).map(::numbers) } == expected(row)
    row.getValue("name").text.takeIf { !same }
}

/** Rows and columns of each window of a case; null where there are none. */
private fun expected(row: Map<String, Json>): List<List<List<Int>>>? {
    val rows = row.optional("rows") ?: return null
    val columns = row.getValue("columns").items
    return rows.items.flatMap { down -> columns.map { across -> listOf(down.wholes, across.wholes) } }
}

private fun numbers(span: Span) = listOf(span.start, span.stop, span.keepFrom, span.keepTo)

private fun size(sides: Json) = Size(sides.wholes[0], sides.wholes[1])

/** Planes of a picture / 255 in a light, a part of it in another. */
private fun lit(made: Picture, frame: Map<String, Json>): FloatArray {
    val light = frame.getValue("light").number
    val moved = frame.optional("moved")?.numbers
    val plane = made.size.height * made.size.width
    return FloatArray(3 * plane) { at ->
        val (row, column) = Pair(at % plane / made.size.width, at % plane % made.size.width)
        val inside = moved != null && row >= moved[0] && row < moved[1] && column >= moved[2] && column < moved[3]
        (made.level(3 * (at % plane) + at / plane) / 255.0 * light * (if (inside) moved!![4] else 1.0)).toFloat()
    }
}

private fun floats(values: Json) = values.numbers.map { it.toFloat() }.toFloatArray()

internal fun near(got: FloatArray, wanted: FloatArray, tolerance: Double): Boolean =
    got.size == wanted.size && got.indices.all { Math.abs(got[it] - wanted[it]) <= tolerance }
