package com.google.ai.edge.litert

class LiteRtException(message: String) : Exception(message)

enum class Accelerator { NONE, CPU, GPU, NPU }

abstract class TensorBuffer {
    abstract fun writeFloat(data: FloatArray)
    abstract fun readFloat(): FloatArray
}

abstract class CompiledModel {
    class Options(vararg val accelerators: Accelerator)

    abstract fun createInputBuffer(inputName: String, signature: String? = null): TensorBuffer
    abstract fun createOutputBuffer(outputName: String, signature: String? = null): TensorBuffer
    abstract fun run(
        inputs: Map<String, TensorBuffer>, outputs: Map<String, TensorBuffer>, signature: String? = null
    )

    companion object {
        fun create(filePath: String, options: Options): CompiledModel = TODO("not here: $filePath $options")
    }
}
