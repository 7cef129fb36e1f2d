package org.restorect.core

import java.nio.ByteBuffer
import java.nio.charset.CharacterCodingException
import java.nio.charset.CodingErrorAction

/** A value of JSON. */
internal sealed class Json {
    data class Members(val values: Map<String, Json>) : Json()
    data class Items(val values: List<Json>) : Json()
    data class Text(val value: String) : Json()
    data class Number(val value: Double) : Json()
    data class Flag(val value: Boolean) : Json()
    object Null : Json()
}

/** What is wrong with a document; whoever reads it says where, and how to fix it. */
internal class Damage(val reason: String) : Exception(reason)

/**
 * JSON as RFC 8259 has it: UTF-8 without a byte order mark, no key twice in an object, no number beyond a double.
 *
 * Android's `org.json` takes more: comments, unquoted keys, one of equal keys, any depth. Two readers must never find
 * two things in one document.
 */
internal class StrictJson private constructor(private val text: String) {
    private var at = 0

    companion object {
        /** Of a manifest, in bytes. */
        const val LARGEST = 1 shl 20
        /** Levels of objects and lists. */
        const val DEEPEST = 32

        fun parse(bytes: ByteArray, largest: Int = LARGEST): Json {
            if (bytes.size > largest) throw Damage("it is larger than 1 MiB")
            val parser = StrictJson(decoded(bytes))
            val value = parser.value(0)
            parser.skipSpace()
            if (parser.at < parser.text.length) throw parser.unexpected()
            return value
        }

        private fun decoded(bytes: ByteArray): String {
            // a decoder of its own: String(bytes) replaces what is not UTF-8
            val decoder = Charsets.UTF_8.newDecoder()
                .onMalformedInput(CodingErrorAction.REPORT)
                .onUnmappableCharacter(CodingErrorAction.REPORT)
            return try {
                decoder.decode(ByteBuffer.wrap(bytes)).toString()
            } catch (fault: CharacterCodingException) {
                throw Damage("it is not UTF-8")
            }
        }
    }

    private fun next(): Char? = if (at < text.length) text[at] else null

    private fun unexpected() = Damage("it is no JSON from character $at on")

    private fun skipSpace() {
        while (at < text.length && text[at] in " \t\n\r") at++
    }

    /** Step over a text if it comes next, and say whether it did. */
    private fun take(word: String): Boolean {
        if (!text.startsWith(word, at)) return false
        at += word.length
        return true
    }

    private fun expect(word: String) {
        if (!take(word)) throw unexpected()
    }

    private fun value(depth: Int): Json {
        skipSpace()
        val first = next() ?: throw unexpected()
        return when {
            first == '{' -> members(depth)
            first == '[' -> items(depth)
            first == '"' -> Json.Text(quoted())
            first == '-' || first in '0'..'9' -> Json.Number(number())
            take("true") -> Json.Flag(true)
            take("false") -> Json.Flag(false)
            take("null") -> Json.Null
            else -> throw unexpected()
        }
    }

    private fun enter(depth: Int) {
        if (depth >= DEEPEST) throw Damage("it is nested deeper than $DEEPEST levels")
        at++
        skipSpace()
    }

    private fun members(depth: Int): Json {
        enter(depth)
        val found = LinkedHashMap<String, Json>()
        if (take("}")) return Json.Members(found)
        do {
            skipSpace()
            if (next() != '"') throw unexpected()
            val key = quoted()
            if (key in found) throw Damage("it has the key ${shown(key)} twice")
            skipSpace()
            expect(":")
            found[key] = value(depth + 1)
            skipSpace()
        } while (take(","))
        expect("}")
        return Json.Members(found)
    }

    private fun items(depth: Int): Json {
        enter(depth)
        val found = ArrayList<Json>()
        if (take("]")) return Json.Items(found)
        do {
            found += value(depth + 1)
            skipSpace()
        } while (take(","))
        expect("]")
        return Json.Items(found)
    }

    private fun quoted(): String {
        at++
        val found = StringBuilder()
        while (at < text.length && text[at] >= ' ') {
            val sign = text[at++]
            when (sign) {
                '"' -> return found.toString()
                '\\' -> escaped(found)
                else -> found.append(sign)
            }
        }
        throw unexpected()
    }

    private fun escaped(found: StringBuilder) {
        val sign = next() ?: throw unexpected()
        at++
        when (sign) {
            '"', '\\', '/' -> found.append(sign)
            'b' -> found.append('\b')
            'f' -> found.append('\u000C')
            'n' -> found.append('\n')
            'r' -> found.append('\r')
            't' -> found.append('\t')
            'u' -> found.appendCodePoint(codePoint())
            else -> throw unexpected()
        }
    }

    /** Read what follows `\u`, with the other half of a surrogate pair; half of one alone is no character. */
    private fun codePoint(): Int {
        val code = fourDigits()
        if (code !in 0xD800..0xDFFF) return code
        if (code >= 0xDC00 || !take("\\u")) throw unexpected()
        val low = fourDigits()
        if (low !in 0xDC00..0xDFFF) throw unexpected()
        return 0x10000 + ((code - 0xD800) shl 10) + (low - 0xDC00)
    }

    private fun fourDigits(): Int {
        val digits = text.substring(at, minOf(at + 4, text.length))
        // toInt alone would take a sign, and digits of other scripts
        if (digits.length < 4 || digits.any { it !in "0123456789abcdefABCDEF" }) throw unexpected()
        at += 4
        return digits.toInt(16)
    }

    private fun number(): Double {
        val start = at
        take("-")
        if (!take("0")) digits()
        if (take(".")) digits()
        if (take("e") || take("E")) {
            if (!take("+")) take("-")
            digits()
        }
        val found = text.substring(start, at).toDouble()
        if (found.isInfinite()) throw Damage("it has a number that is too large")
        return found
    }

    private fun digits() {
        val start = at
        while (at < text.length && text[at] in '0'..'9') at++
        if (at == start) throw unexpected()
    }
}

/** A text in quotes for a message: control characters become '?'. */
internal fun shown(text: String): String =
    "'" + text.take(80).map { if (isControl(it)) '?' else it }.joinToString("") + "'"

internal fun isControl(sign: Char): Boolean = sign < ' ' || sign == '\u007F'
