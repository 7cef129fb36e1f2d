"""Float inputs and outputs of a ``.tflite`` file in INT8."""

from typing import Any

__all__ = ["with_float_ends"]


def with_float_ends(content: bytes) -> bytes:
    """Return a file whose graph has float32 inputs and outputs, and quantizes and dequantizes itself.

    litert-torch lets an input that nothing but a quantizer reads be int8, as where a network begins with a
    convolution and has no shortcut from its input; whoever runs it would have to know the scale.
    """
    from ai_edge_litert import schema_py_generated as schema
    from ai_edge_litert.tools import flatbuffer_utils

    model = flatbuffer_utils.read_model_from_bytearray(bytearray(content))
    graph, kind = model.subgraphs[0], schema.BuiltinOperator
    entering = _inner(schema, graph, graph.inputs)
    leaving = _inner(schema, graph, graph.outputs)
    if not entering and not leaving:
        return content
    outer = {inner: _float_twin(schema, graph, inner) for inner in (*entering, *leaving)}
    before = [_operator(schema, model, kind.QUANTIZE, outer[inner], inner) for inner in entering]
    after = [_operator(schema, model, kind.DEQUANTIZE, inner, outer[inner]) for inner in leaving]
    graph.operators = [*before, *graph.operators, *after]
    graph.inputs = [outer.get(int(index), int(index)) for index in graph.inputs]
    graph.outputs = [outer.get(int(index), int(index)) for index in graph.outputs]
    for signature in model.signatureDefs or []:
        for tensor in (*signature.inputs, *signature.outputs):
            tensor.tensorIndex = outer.get(tensor.tensorIndex, tensor.tensorIndex)
    return bytes(flatbuffer_utils.convert_object_to_bytearray(model))


def _inner(schema: Any, graph: Any, indices: Any) -> list[int]:
    """Return those of some tensors that are not float32."""
    return [int(i) for i in indices if graph.tensors[i].type != schema.TensorType.FLOAT32]


def _float_twin(schema: Any, graph: Any, inner: int) -> int:
    """Add a float32 tensor of the same name and shape, and return its index."""
    tensor, twin = graph.tensors[inner], schema.TensorT()
    twin.name, twin.type, twin.buffer = tensor.name, schema.TensorType.FLOAT32, 0  # buffer 0 is the empty one
    twin.shape, twin.shapeSignature, twin.hasRank = tensor.shape, tensor.shapeSignature, tensor.hasRank
    tensor.name = tensor.name + b"/quantized"
    graph.tensors.append(twin)
    return len(graph.tensors) - 1


def _operator(schema: Any, model: Any, kind: int, source: int, result: int) -> Any:
    operator = schema.OperatorT()
    codes = [code.builtinCode for code in model.operatorCodes]
    if kind not in codes:
        code = schema.OperatorCodeT()
        code.builtinCode = code.deprecatedBuiltinCode = kind
        code.version = 1
        model.operatorCodes.append(code)
        codes.append(kind)
    operator.opcodeIndex, operator.inputs, operator.outputs = codes.index(kind), [source], [result]
    return operator
