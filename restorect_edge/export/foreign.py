"""A model of another format as a network to export: its own graph is what every artifact is made of."""

from collections.abc import Collection, Iterator, Sequence
from pathlib import Path
from typing import Any, cast

import torch
from torch import Tensor, nn

from restorect_edge.models.tracing.graph import Graph, stems
from restorect_edge.quantization.own.modules import frames, prepared
from restorect_edge.spec import ImageSpec, ImageU8, Shape
from restorect_edge.targets.models import opened, quantized, reference, runner_of

__all__ = ["ModelNetwork", "QuantizedModel"]


class ModelNetwork(nn.Module):
    """A model file behind the contract of artifacts, run operation by operation as it is written.

    Args:
        path: of the model.
        spec: what it has as inputs and outputs; None to find its sides by running the model.

    Raises:
        IncompatibleError, BackendError: it cannot be run as an image → image network.
    """

    def __init__(self, path: Path, spec: ImageSpec | None = None) -> None:
        super().__init__()
        self._path, self._model = path, opened(path)
        self._values = spec or ImageSpec()
        self.spec = (spec or self._model.described()).of_artifact
        self._run = reference(self._adapted(None), path)

    @property
    def only_shape(self) -> Shape | None:
        """The (height, width) that it is made for; None where a side is free."""
        shape: Shape | None = self._model.signature.shape
        return shape

    @property
    def values(self) -> dict[str, tuple[float, ...]]:
        """The ranges, means and deviations that became part of its graph, by field of `ImageSpec`."""
        return self._values.values

    @property
    def called(self) -> str:
        """What verdicts call it."""
        return f"the model itself by {runner_of(self._path)}"

    def forward(self, image: Tensor) -> Tensor:
        """Restore an image (1, 3, H, W) in [0, 1]."""
        return torch.from_numpy(self._run(image.numpy()))

    def graphs(self, shapes: Sequence[Shape], dynamic: bool) -> Iterator[Graph]:
        """Return its graph once per shape, or once with its sides free.

        Args:
            shapes: (H, W) of each graph.
            dynamic: H and W stay free.
        """
        for shape, stem in stems("model", shapes, dynamic):
            yield Graph(
                role="whole",
                stem=stem,
                program=cast(Any, None),
                inputs=("image",),
                output="restored",
                shape=None if dynamic else shape,
                model=self._adapted(None if dynamic else shape),
            )

    def quantized(
        self, images: Sequence[ImageU8], shape: Shape | None, *, saturation_safe: bool
    ) -> "QuantizedModel":
        """Return its INT8 form; the arguments are those of `quantize_module`."""
        samples = [prepared(image, self.spec, shape).numpy() for image in images]
        flat = [frame.numpy() for frame in frames(self.spec, shape, images[0])]
        made = quantized(self._adapted(shape), self._path, samples, flat, saturation_safe=saturation_safe)
        return QuantizedModel(self, made)

    def _adapted(self, shape: Shape | None) -> Any:
        return self._model.adapted(shape, self._model.picture(), self._values)


class QuantizedModel(ModelNetwork):
    """A model in INT8: the same inputs and outputs, for the sides that it was calibrated for.

    Args:
        network: what it was made of.
        made: what the room of the model's format made of it.
    """

    def __init__(self, network: ModelNetwork, made: Any) -> None:
        nn.Module.__init__(self)
        self._source, self._made = network, made
        self._path, self._model, self.spec = network._path, network._model, network.spec
        self._values = network._values
        self._run = reference(made.model, self._path)

    @property
    def floats(self) -> dict[str, Any]:
        """The float weight of each quantized layer, by the layer's name."""
        return dict(self._made.floats)

    def with_float(self, names: Collection[str]) -> "QuantizedModel":
        """Return a copy in which some layers compute in float; all other scales stay as they are."""
        return QuantizedModel(self._source, self._made.with_float(names))

    def in_half(self, image: Tensor) -> None:
        """Return nothing: no target of float16 arithmetic starts from such a model."""

    def rows(self) -> Any:
        """Return what a plan says of it: its tensors in int8, and what stays in float."""
        return self._made.rows()

    def _adapted(self, shape: Shape | None) -> Any:
        return self._made.model
