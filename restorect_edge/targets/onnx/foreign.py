"""ONNX models that somebody else made: what image they take, and the same model as our runtimes take it.

Nodes around the graph make its own layout, type and channels of an RGB image in [0, 1] and the other way
round, so that every runtime, converter and verdict is the one that our own graphs have. A model that takes
such an image already gets two names and no arithmetic.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from restorect_edge.errors import BackendError, IncompatibleError, UsageError
from restorect_edge.spec import ImageSpec, Shape, SizeRequirements
from restorect_edge.targets.onnx.runtime import session_options
from restorect_edge.utils.foreign import foreign_errors, reason

__all__ = ["ForeignModel", "Signature", "reference", "run_literally"]

TYPES = {"float": TensorProto.FLOAT, "float16": TensorProto.FLOAT16, "uint8": TensorProto.UINT8}
CHANNELS = (1, 3)
PROBE = 64
"""Side that a model of dynamic shape is tried at; most multiples divide it."""
MULTIPLES = (1, 2, 4, 8, 16, 32, 64)
OURS = ("image", "restored")
"""Names that an adapted model's input and output have, which its own values may have as well."""
MARK = "restorect_edge"
"""Begins the names of what is put around a model; one that was adapted before has such names already."""

Channels = tuple[float, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Signature:
    """The one image that a model takes."""

    name: str
    dtype: int
    """ONNX's type of its values, one of `TYPES`."""
    channels_last: bool
    channels: int
    """1 or 3."""
    height: int | None
    """None where it is free."""
    width: int | None

    @classmethod
    def of(cls, model: Any, path: Path) -> "Signature":
        """Read a model's inputs.

        Args:
            model: an `onnx.ModelProto`.
            path: for errors.

        Raises:
            IncompatibleError: not one image-like input; the message lists what there is.
        """
        # up to IR version 3, ONNX lists initializers among the inputs
        held = {tensor.name for tensor in model.graph.initializer}
        inputs = [value for value in model.graph.input if value.name not in held]
        found = ", ".join(map(_words, inputs)) or "none"
        error = IncompatibleError(
            f"'{path}' takes {found}; what can be run takes one image: a batch of 1, 3 (or 1) channels, "
            f"height and width, in this order or channels last, of {', '.join(TYPES)}"
        )
        sides = _sides(inputs[0]) if len(inputs) == 1 else []
        if len(sides) != 4 or inputs[0].type.tensor_type.elem_type not in TYPES.values():
            raise error
        first, last = sides[1] in CHANNELS, sides[3] in CHANNELS
        # where both sides would do, as of (1, 3, 8, 3), channels come first as in most models
        channels = sides[1] if first else sides[3]
        if sides[0] not in (None, 1) or not (first or last) or channels is None:
            raise error
        height, width = sides[2:] if first else sides[1:3]
        return cls(
            name=inputs[0].name,
            dtype=inputs[0].type.tensor_type.elem_type,
            channels_last=not first,
            channels=channels,
            height=height,
            width=width,
        )

    @property
    def shape(self) -> Shape | None:
        """(height, width) that it is made for; None where a side is free."""
        return (self.height, self.width) if self.height and self.width else None

    def takes(self, shape: Shape) -> bool:
        """Whether an image of this (height, width) fits its fixed sides."""
        return self.height in (None, shape[0]) and self.width in (None, shape[1])


class ForeignModel:
    """An ``.onnx`` file of somebody else.

    Args:
        path: the file; what it keeps beside it is read as well.

    Raises:
        IncompatibleError: it is damaged, or does not take one image.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        with foreign_errors(f"'{path}' is not a whole ONNX model", IncompatibleError):
            self._model = onnx.load(path)
        self._mark = _free_mark(self._model.graph)
        for name in OURS:
            _rename(self._model.graph, name, f"{self._mark}.their.{name}")
        self.signature = Signature.of(self._model, path)
        if not self._model.graph.output:
            raise IncompatibleError(f"'{path}' gives nothing: its graph has no output")

    def adapted(
        self, shape: Shape | None = None, output: str | None = None, spec: ImageSpec | None = None
    ) -> Any:
        """Return the model as our runtimes take it: ``image`` → ``restored``, NCHW float32 RGB in [0, 1].

        Args:
            shape: (height, width) to fix where its sides are free.
            output: which of its outputs is the picture; by default the first.
            spec: which values it has as inputs and outputs, where those are not [0, 1] or 8 bits.

        Raises:
            UsageError: a range, mean or deviation of values that are 8 bits.
        """
        spec = spec or ImageSpec()
        model = onnx.ModelProto()
        model.CopyFrom(self._model)
        graph, signature = model.graph, self.signature
        chosen = next(v for v in graph.output if output in (None, v.name))
        nodes = _before(graph, signature, self._mark, spec)
        after = _after(graph, signature, chosen, self._mark, spec)
        height, width = shape or (signature.height or "height", signature.width or "width")
        kept = list(graph.node)
        # what was noted of inner shapes may not hold for the sides that are fixed now
        for values in (graph.node, graph.input, graph.output, graph.value_info):
            del values[:]
        graph.node.extend([*nodes, *kept, *after])
        graph.input.append(_value("image", height, width))
        graph.output.append(_value("restored", "restored_height", "restored_width"))
        return model

    def write(self, path: Path, spec: ImageSpec | None = None) -> None:
        """Write the adapted model to `path`, with its sides as they are; `spec` is as for `adapted`."""
        onnx.save(self.adapted(output=self.picture(), spec=spec), path)

    def picture(self) -> str:
        """Return the name of the output that is the picture: the one of an image's shape.

        Raises:
            IncompatibleError: none is, or several are.
        """
        outputs = list(self._model.graph.output)
        if len(outputs) == 1:
            return str(outputs[0].name)
        axis = 3 if self.signature.channels_last else 1
        found = [v for v in outputs if len(_sides(v)) == 4 and _sides(v)[axis] in CHANNELS]
        if len(found) != 1:
            raise IncompatibleError(
                f"'{self.path}' gives {', '.join(map(_words, outputs))}, and {len(found) or 'none'} of these "
                "could be the picture: keep one output in the model"
            )
        return str(found[0].name)

    def described(self) -> ImageSpec:
        """Return its scale and the sides that it takes, found by running it; no halo is known.

        Raises:
            BackendError: ONNX Runtime cannot load it, or fails at every size that was tried.
            IncompatibleError: what it gives is no picture of 1, 2, 3 … times the size.
        """
        session = _session(self.adapted(output=self.picture()), self.path)
        side = self.signature.shape
        if side is not None:
            return ImageSpec(scale=self._scale(session, side))
        scale = self._scale(session, self._fixed((PROBE, PROBE)))
        for multiple in MULTIPLES:
            # sides that this multiple divides and the next larger one does not
            with_rest = self._fixed((PROBE + multiple, PROBE + 3 * multiple))
            try:
                fits = self._scale(session, with_rest) == scale
            except (BackendError, IncompatibleError):
                continue
            if fits:
                return ImageSpec(scale=scale, size=SizeRequirements(minimum=multiple, multiple_of=multiple))
        return ImageSpec(scale=scale, size=SizeRequirements(minimum=PROBE, multiple_of=PROBE))

    def _fixed(self, shape: Shape) -> Shape:
        """Return a shape with the sides that the model has fixed."""
        return self.signature.height or shape[0], self.signature.width or shape[1]

    def _scale(self, session: Any, shape: Shape) -> int:
        given = _run(session, np.full((1, 3, *shape), 0.5, np.float32)).shape
        ratio = given[2] // shape[0] if len(given) == 4 else 0
        if ratio < 1 or given != (1, 3, ratio * shape[0], ratio * shape[1]):
            raise IncompatibleError(
                f"'{self.path}' gives {given} for an image (1, 3, {shape[0]}, {shape[1]}), which is no "
                "picture of 1, 2, 3 … times its size"
            )
        return ratio


def _free_mark(graph: Any) -> str:
    """Return the first of ``restorect_edge``, ``restorect_edge_``, … that begins no name of a graph."""
    names = {node.name for node in graph.node} | {name for node in graph.node for name in node.output}
    names |= {tensor.name for tensor in graph.initializer}
    mark = MARK
    while any(name.startswith(f"{mark}.") for name in names):
        mark += "_"
    return mark


def _rename(graph: Any, old: str, new: str) -> None:
    """Give a value another name wherever a graph, or a graph inside it, mentions it."""
    for value in (*graph.input, *graph.output, *graph.initializer, *graph.value_info):
        if value.name == old:
            value.name = new
    for node in graph.node:
        for names in (node.input, node.output):
            for index, name in enumerate(names):
                if name == old:
                    names[index] = new
        for attribute in node.attribute:
            for inner in (attribute.g, *attribute.graphs):
                _rename(inner, old, new)


def _session(model: Any, path: Path, *, literal: bool = False) -> Any:
    options = session_options(None)  # says what is missing
    import onnxruntime

    if literal:
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    try:
        return onnxruntime.InferenceSession(
            model.SerializeToString(), options, providers=["CPUExecutionProvider"]
        )
    except Exception as error:  # ONNX Runtime's own exception classes have no common base
        raise BackendError(f"ONNX Runtime cannot load '{path}': {reason(error)}") from error


def _run(session: Any, image: NDArray[np.float32]) -> NDArray[np.float32]:
    try:
        result: NDArray[np.float32] = session.run(None, {"image": image})[0]
    except Exception as error:
        raise BackendError(f"ONNX Runtime failed: {reason(error)}") from error
    return result


def reference(model: Any, path: Path) -> Any:
    """Return an adapted model as a function (1, 3, H, W) → (1, 3, scale·H, scale·W), run as it is written.

    Args:
        model: as `ForeignModel.adapted` returns it.
        path: for errors.
    """
    session = _session(model, path, literal=True)
    return lambda image: _run(session, image)


def run_literally(
    model: Any, image: NDArray[np.float32], names: Sequence[str]
) -> dict[str, NDArray[np.float32]]:
    """Run an adapted model as it is written and return some of its outputs, by name.

    Args:
        model: an `onnx.ModelProto`.
        image: (1, 3, H, W) in [0, 1].
        names: of outputs; all are computed in one run.
    """
    session = _session(model, Path("model"), literal=True)
    with foreign_errors("ONNX Runtime failed"):
        return dict(zip(names, session.run(list(names), {"image": image}), strict=True))


def _before(graph: Any, signature: Signature, mark: str, spec: ImageSpec) -> list[Any]:
    """Return nodes that make the model's own input of ``image``."""
    chain = _Chain(graph, "image", f"{mark}.in")
    chain.affine(spec.before, signature.dtype, "input")
    if signature.channels == 1:
        chain.add("Gather", chain.constant(np.array([1], np.int64)), axis=1)  # green, as most of luma is
    if signature.channels_last:
        chain.add("Transpose", perm=[0, 2, 3, 1])
    if signature.dtype == TensorProto.UINT8:
        chain.add("Mul", chain.constant(np.float32(255)))
        chain.add("Add", chain.constant(np.float32(0.5)))  # a cast truncates
    if signature.dtype != TensorProto.FLOAT:
        chain.add("Cast", to=signature.dtype)
    return chain.ended(signature.name)


def _after(graph: Any, signature: Signature, output: Any, mark: str, spec: ImageSpec) -> list[Any]:
    """Return nodes that make ``restored`` of the model's own output."""
    kind = output.type.tensor_type.elem_type
    chain = _Chain(graph, output.name, f"{mark}.out")
    if kind != TensorProto.FLOAT:
        chain.add("Cast", to=TensorProto.FLOAT)
    if kind == TensorProto.UINT8:
        chain.add("Mul", chain.constant(np.float32(1 / 255)))
    if signature.channels_last:
        chain.add("Transpose", perm=[0, 3, 1, 2])
    sides = _sides(output)
    if len(sides) == 4 and sides[3 if signature.channels_last else 1] == 1:
        chain.repeat(3)
    chain.affine(spec.after, kind, "output")
    return chain.ended("restored")


class _Chain:
    """A row of nodes, each of which takes what the one before gives."""

    def __init__(self, graph: Any, start: str, label: str) -> None:
        self._graph, self._last, self._label = graph, start, label
        self._nodes: list[Any] = []
        self._constants = 0

    def constant(self, value: Any) -> str:
        name = f"{self._label}.constant{self._constants}"
        self._constants += 1
        self._graph.initializer.append(numpy_helper.from_array(np.asarray(value), name))
        return name

    def add(self, kind: str, *more: str, **attributes: Any) -> None:
        self._append(kind, [self._last, *more], attributes)

    def affine(self, values: "tuple[Channels, Channels]", kind: int, end: str) -> None:
        """Multiply by a factor and add an offset per channel, where they change something."""
        pairs = zip(("Mul", "Add"), values, (1.0, 0.0), strict=True)
        changing = [(node, given) for node, given, neutral in pairs if any(v != neutral for v in given)]
        if changing and kind == TensorProto.UINT8:
            raise UsageError(
                f"the model's {end} is 8-bit levels, which say what black and white are; leave the ranges, "
                "means and deviations of that end out"
            )
        for node, given in changing:
            self.add(node, self.constant(np.array(given, np.float32).reshape(1, 3, 1, 1)))

    def repeat(self, times: int) -> None:
        """Put copies of the one channel side by side."""
        self._append("Concat", [self._last] * times, {"axis": 1})

    def _append(self, kind: str, inputs: list[str], attributes: dict[str, Any]) -> None:
        name = f"{self._label}{len(self._nodes)}"
        self._nodes.append(helper.make_node(kind, inputs, [name], name=name, **attributes))
        self._last = name

    def ended(self, name: str) -> list[Any]:
        """Return the nodes, the last of which gives `name`."""
        if not self._nodes:
            self.add("Identity")
        self._nodes[-1].output[0] = name
        return self._nodes


def _value(name: str, height: int | str, width: int | str) -> Any:
    return helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, 3, height, width])


def _sides(value: Any) -> list[int | None]:
    dims = value.type.tensor_type.shape.dim
    return [dim.dim_value if dim.HasField("dim_value") and dim.dim_value > 0 else None for dim in dims]


def _words(value: Any) -> str:
    kind = helper.tensor_dtype_to_np_dtype(value.type.tensor_type.elem_type)
    return f"{value.name}: {kind} {'x'.join(str(side or '?') for side in _sides(value))}"
