"""An interpreter for Core ML packages: evaluates the saved program on any system.

It reads what the package holds, the MIL program and the weight blob, and computes one operation after
the other. That proves what the file says. It does not prove that Apple's compiler takes the package,
nor how a GPU or the Neural Engine rounds, nor where an operation runs, nor how fast.
"""

import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from restorect_edge.errors import BackendError, IncompatibleError, MissingDependencyError
from restorect_edge.mil.library import library, quiet
from restorect_edge.utils.foreign import reason

__all__ = ["Feature", "MilProgram", "libraries"]

WEIGHTS = Path("Data", "com.apple.CoreML", "weights")


@dataclass(frozen=True, slots=True)
class Feature:
    """An input or output of a package."""

    name: str
    is_image: bool
    """8-bit RGB image, whose values are 0..255; otherwise a multi-array."""
    shape: tuple[int | None, ...]
    """NCHW for an image; None where a dimension may vary."""


@dataclass(slots=True)
class _Step:
    """One operation, ready to be evaluated."""

    label: str
    handler: Any
    fixed: dict[str, Any]
    """Arguments that are constant, converted."""
    sources: dict[str, str | tuple[str, ...]]
    """Arguments that are computed: the names of their values."""
    outputs: list[tuple[str, Any, tuple[int | None, ...]]]
    """Name, torch type and shape of each result."""
    last_uses: tuple[str, ...] = ()
    """Values that no later step needs."""


_PARSING = threading.Lock()
"""coremltools builds a program on a stack that all threads share: two at once would mix their operations."""


class MilProgram:
    """The program of a saved ``.mlpackage``, callable with arrays.

    Args:
        path: the package.
        round_float16: round every result that the program declares as float16 to float16, as the
            program says; otherwise evaluate in float32 throughout. Sums are float32 either way.

    Raises:
        MissingDependencyError: coremltools or torch is not installed.
        IncompatibleError: not a readable ML Program, or one with an operation or argument that is not
            handled; nothing is left out or guessed.
    """

    def __init__(self, path: Path, *, round_float16: bool = True) -> None:
        ct, table = libraries()
        self._table = table
        self._round = round_float16
        with _PARSING:
            spec, program = _load(ct, path, table.TABLE)
        function = program.functions["main"]
        self.inputs = _features(spec.description.input, function.inputs)
        self.outputs = _features(spec.description.output, {v.name: v for v in function.outputs})
        self._constants: dict[str, Any] = {}
        self._steps: list[_Step] = []
        for operation in function.operations:
            self._add(operation)
        self._find_last_uses()

    @property
    def declares_float16(self) -> bool:
        """Whether any result is float16."""
        half = self._table.DTYPES["fp16"]
        return any(dtype == half for step in self._steps for _, dtype, _ in step.outputs)

    def __call__(self, feeds: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
        """Evaluate the program.

        Args:
            feeds: one array per input, by name; images NCHW as levels 0..255.

        Returns:
            The outputs by name; images NCHW as levels 0..255, float16 ones as float32.

        Raises:
            IncompatibleError: a missing, unknown or misshapen input, or an unhandled value.
            BackendError: an operation failed.
        """
        import torch

        values = {**self._constants, **self._checked(feeds)}
        with torch.inference_mode():
            for step in self._steps:
                self._evaluate(step, values)
        results = {f.name: values[f.name] for f in self.outputs}
        return {n: (v.float() if v.is_floating_point() else v).numpy() for n, v in results.items()}

    def _checked(self, feeds: Mapping[str, NDArray[Any]]) -> dict[str, Any]:
        import torch

        names = [f.name for f in self.inputs]
        if set(names) != set(feeds):
            raise IncompatibleError(f"the package takes {names}, got {sorted(feeds)}")
        for feature in self.inputs:
            shape = feeds[feature.name].shape
            if not _fits(shape, feature.shape):
                raise IncompatibleError(f"input '{feature.name}' is {feature.shape}, got an array {shape}")
        # a copy: torch warns of arrays that cannot be written to
        return {name: torch.from_numpy(np.array(feeds[name])) for name in names}

    def _add(self, operation: Any) -> None:
        label = f"{operation.op_type} '{operation.name}'"
        outputs = [self._declared(v) for v in operation.outputs]
        if operation.op_type == "const":
            self._constants[outputs[0][0]] = self._constant(operation.val.val)
            return
        handler = self._table.TABLE[operation.op_type]
        step = _Step(label, handler, {}, {}, outputs)
        given = {name: value for name, value in operation.inputs.items() if value is not None}
        with self._refusals(label):
            handler.check(set(given))
            for name, value in given.items():
                self._bind(step, name, value)
        # stored weights are unpacked once, not at every call
        if operation.op_type.startswith("constexpr_"):
            self._evaluate(step, self._constants)
        else:
            self._steps.append(step)

    def _bind(self, step: _Step, name: str, value: Any) -> None:
        """Convert an argument now if it is constant, else remember where it will come from."""
        many = isinstance(value, Sequence)
        names = tuple(v.name for v in (value if many else (value,)))
        if all(n in self._constants for n in names):
            constants = [self._constants[n] for n in names]
            step.fixed[name] = step.handler.convert(name, constants if many else constants[0])
        else:
            step.sources[name] = names if many else names[0]

    def _evaluate(self, step: _Step, values: dict[str, Any]) -> None:
        with self._refusals(step.label):
            arguments = dict(step.fixed)
            for name, source in step.sources.items():
                value = values[source] if isinstance(source, str) else [values[s] for s in source]
                arguments[name] = step.handler.convert(name, value)
            result = step.handler.function(**arguments)
        results = result if isinstance(result, tuple) else (result,)
        if len(results) != len(step.outputs):
            raise BackendError(f"{step.label}: {len(results)} results where {len(step.outputs)} are declared")
        for value, (name, dtype, shape) in zip(results, step.outputs, strict=True):
            if not _fits(tuple(value.shape), shape):
                raise BackendError(f"{step.label}: result {tuple(value.shape)} where {shape} is declared")
            # handlers compute in float32: this is where a float16 result is rounded
            values[name] = value.to(dtype)
        for name in step.last_uses:
            del values[name]

    def _declared(self, variable: Any) -> tuple[str, Any, tuple[int | None, ...]]:
        """Return name, torch type and shape of a value as the program declares them."""
        from coremltools.converters.mil.mil import types

        kind = types.builtin_to_string(variable.dtype)
        dtype = self._table.DTYPES.get(kind)
        if kind == "fp16" and not self._round:
            dtype = self._table.DTYPES["fp32"]
        return variable.name, dtype, _static(variable.shape)

    def _constant(self, value: Any) -> Any:
        import torch

        if isinstance(value, str):
            return value
        array = np.asarray(value)
        if array.dtype in (np.uint16, np.uint32, np.uint64):
            array = array.astype(np.int64)
        if array.dtype == np.float16 and not self._round:
            array = array.astype(np.float32)
        return torch.from_numpy(array.copy())

    @contextmanager
    def _refusals(self, label: str) -> Iterator[None]:
        """Name the operation in whatever its handler raises."""
        try:
            yield
        except self._table.UnhandledError as error:
            raise IncompatibleError(f"{label}: {error}; the MIL interpreter does not handle that") from error
        except (RuntimeError, ValueError, LookupError, TypeError) as error:
            raise BackendError(f"{label} failed: {reason(error)}") from error

    def _find_last_uses(self) -> None:
        """Let each step drop what it is the last to read, and constants that are bound already."""
        kept = {f.name for f in self.outputs}
        seen = set(kept)
        for step in reversed(self._steps):
            sources = [(s,) if isinstance(s, str) else s for s in step.sources.values()]
            names = [name for source in sources for name in source]
            unread = [name for name, _, _ in step.outputs if name not in seen]
            new = dict.fromkeys(n for n in names if n not in seen and n not in self._constants)
            step.last_uses = (*new, *unread)
            seen.update(names)
        self._constants = {n: v for n, v in self._constants.items() if n in seen}


def libraries() -> tuple[Any, Any]:
    """Return coremltools and the table with every operation in it.

    Raises:
        MissingDependencyError: coremltools or PyTorch is not installed.
    """
    ct = library("the MIL interpreter")
    try:
        from restorect_edge.mil import indexing, layout, ops, quant, spatial, table
    except ImportError as error:
        raise MissingDependencyError("the MIL interpreter", "coreml", detail=str(error)) from error
    del indexing, layout, ops, quant, spatial  # imported to fill the table
    return ct, table


def _load(ct: Any, path: Path, known: Mapping[str, Any]) -> tuple[Any, Any]:
    """Return the package's protobuf and its program as coremltools represents it."""
    if not path.is_dir():
        raise IncompatibleError(f"'{path}' is not a Core ML package: expected a .mlpackage folder")
    try:
        with quiet():
            from coremltools.converters.mil.frontend.milproto.load import load

            spec = ct.utils.load_spec(str(path))
            _check_operations(path, spec, known)
            return spec, load(spec, spec.specificationVersion, str(path / WEIGHTS))
    except IncompatibleError:
        raise
    except Exception as error:  # coremltools raises anything, down to bare Exception and RuntimeError
        raise IncompatibleError(f"'{path}' cannot be read as a Core ML package: {reason(error)}") from error


def _check_operations(path: Path, spec: Any, known: Mapping[str, Any]) -> None:
    """Refuse what is not an ML Program with one function of known operations."""
    if spec.WhichOneof("Type") != "mlProgram":
        raise IncompatibleError(f"'{path}' is a {spec.WhichOneof('Type')}, only ML Programs can be evaluated")
    if names := sorted(set(spec.mlProgram.functions) ^ {"main"}):
        raise IncompatibleError(f"'{path}' must have the one function 'main', too many or missing: {names}")
    function = spec.mlProgram.functions["main"]
    for operation in function.block_specializations[function.opset].operations:
        if operation.type != "const" and operation.type not in known:
            named = ", ".join(f"'{output.name}'" for output in operation.outputs)
            raise IncompatibleError(
                f"'{path}': operation {operation.type} (making {named}) is not one of the {len(known)} that "
                "the MIL interpreter evaluates"
            )


def _features(descriptions: Any, variables: Mapping[str, Any]) -> tuple[Feature, ...]:
    return tuple(Feature(d.name, _is_image(d), _static(variables[d.name].shape)) for d in descriptions)


def _is_image(description: Any) -> bool:
    kind = description.type.WhichOneof("Type")
    image = description.type.imageType
    if kind == "imageType" and image.colorSpace != image.ColorSpace.Value("RGB"):
        space = image.ColorSpace.Name(image.colorSpace)
        raise IncompatibleError(f"'{description.name}' is a {space} image, the MIL interpreter takes RGB")
    if kind not in ("imageType", "multiArrayType"):
        raise IncompatibleError(f"'{description.name}' is a {kind}, expected an image or a multi-array")
    return bool(kind == "imageType")


def _static(shape: Sequence[Any]) -> tuple[int | None, ...]:
    """Return a MIL shape with None for its symbols."""
    return tuple(int(s) if isinstance(s, int | np.integer) else None for s in shape)


def _fits(shape: tuple[int, ...], declared: tuple[int | None, ...]) -> bool:
    return len(shape) == len(declared) and all(d in (None, s) for s, d in zip(shape, declared, strict=True))
