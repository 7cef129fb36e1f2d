package org.restorect.core

import java.io.Closeable
import java.io.DataInputStream
import java.io.DataOutputStream

/**
 * A network in another process, which stands in for the library's Java interface where that cannot be had.
 *
 * The program first writes the name of its library; then, for each run, it reads the graph's file, the count of inputs
 * and each input, and writes the output. A text is its length in two bytes and UTF-8; a tensor is its rank, its sides,
 * whether its values are bytes, 1 or 0, and those; all numbers are big-endian.
 */
internal class PipeNetwork(command: List<String>) : Network, Closeable {
    private val process = ProcessBuilder(command).redirectError(ProcessBuilder.Redirect.INHERIT).start()
    private val to = DataOutputStream(process.outputStream.buffered())
    private val from = DataInputStream(process.inputStream.buffered())
    /** What runs the graphs. */
    val library: String = from.readUTF()

    override fun run(graph: GraphFile, inputs: Map<String, Tensor>): Tensor {
        to.writeUTF(graph.file)
        to.writeInt(inputs.size)
        for ((name, tensor) in inputs) {
            to.writeUTF(name)
            to.writeInt(tensor.shape.size)
            tensor.shape.forEach { to.writeInt(it) }
            to.writeBoolean(tensor.levels != null)
            tensor.values.forEach { to.writeFloat(it) }
            tensor.levels?.let(to::write)
        }
        to.flush()
        val shape = IntArray(from.readInt()) { from.readInt() }
        val count = shape.fold(1) { a, b -> a * b }
        if (from.readBoolean()) return Tensor(shape, ByteArray(count).also(from::readFully))
        return Tensor(shape, FloatArray(count) { from.readFloat() })
    }

    override fun close() {
        to.close()
        process.waitFor()
    }
}
