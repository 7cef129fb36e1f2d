package org.restorect.app

import com.google.ai.edge.litert.Accelerator
import com.google.ai.edge.litert.CompiledModel
import com.google.ai.edge.litert.LiteRtException
import com.google.ai.edge.litert.TensorBuffer
import org.restorect.core.Artifact
import org.restorect.core.BackendException
import org.restorect.core.GraphFile
import org.restorect.core.IncompatibleException
import org.restorect.core.Network
import org.restorect.core.Tensor

/** The one signature of the files that `restorect_edge` writes. */
private const val SIGNATURE = "serving_default"

/**
 * Runs the `.tflite` files of an artifact; buffers are made once, and used again by every frame.
 *
 * @param accelerator what LiteRT compiles for
 * @throws BackendException LiteRT refuses a file
 * @throws IncompatibleException its images are bytes, which this class does not write
 */
class LiteRtNetwork(artifact: Artifact, accelerator: Accelerator = Accelerator.CPU) : Network {
    private class Loaded(val model: CompiledModel, val inputs: Map<String, TensorBuffer>, val output: TensorBuffer)

    init {
        if (artifact.manifest.levels) {
            throw IncompatibleException(
                "'${artifact.folder}' was exported with --io uint8, which this app does not feed; export it without"
            )
        }
    }

    private val loaded = artifact.manifest.graphs.associate { graph ->
        graph.file to attempt("cannot load '${graph.file}'") {
            val path = artifact.folder.resolve(graph.file).toString()
            val model = CompiledModel.create(path, CompiledModel.Options(accelerator))
            val inputs = inputsOf(graph).associateWith { model.createInputBuffer(it, SIGNATURE) }
            Loaded(model, inputs, model.createOutputBuffer(outputOf(graph), SIGNATURE))
        }
    }

    override fun run(graph: GraphFile, inputs: Map<String, Tensor>): Tensor {
        val found = loaded.getValue(graph.file)
        val values = attempt("failed on '${graph.file}'") {
            inputs.forEach { (name, tensor) -> found.inputs.getValue(name).writeFloat(tensor.values) }
            found.model.run(found.inputs, mapOf(outputOf(graph) to found.output), SIGNATURE)
            found.output.readFloat()
        }
        val image = inputs["image"]?.shape ?: return Tensor(intArrayOf(1, values.size, 1, 1), values)
        // LiteRT tells no shape of a buffer; the sides follow from the scale, which is that of the area
        val scale = Math.round(Math.sqrt(values.size.toDouble() / inputs.getValue("image").values.size)).toInt()
        return Tensor(intArrayOf(1, 3, image[2] * scale, image[3] * scale), values)
    }

    private fun inputsOf(graph: GraphFile) = when (graph.role) {
        "prior" -> listOf("thumbnail")
        "body" -> listOf("image", "z")
        else -> listOf("image")
    }

    private fun outputOf(graph: GraphFile) = if (graph.role == "prior") "z" else "restored"

    private fun <T> attempt(what: String, work: () -> T): T = try {
        work()
    } catch (fault: LiteRtException) {
        throw BackendException("LiteRT $what: ${fault.message}", fault)
    }
}
