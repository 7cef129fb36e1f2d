"""A model of another format as a network to export: its own graph is what every artifact is made of."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, cast

import torch
from torch import Tensor, nn

from restorect_edge.models.graph import Graph, Shape, stems
from restorect_edge.spec import ImageSpec
from restorect_edge.targets.models import opened, reference

__all__ = ["ModelNetwork"]


class ModelNetwork(nn.Module):
    """A model file behind the contract of artifacts, run operation by operation as it is written.

    Args:
        path: of the model.
        spec: what it has as inputs and outputs; None to find it by running the model.

    Raises:
        IncompatibleError, BackendError: it cannot be run as an image → image network.
    """

    def __init__(self, path: Path, spec: ImageSpec | None = None) -> None:
        super().__init__()
        self._model = opened(path)
        self.spec = spec or self._model.described()
        self._run = reference(self._adapted(None), path)

    @property
    def only_shape(self) -> Shape | None:
        """The (height, width) that it is made for; None where a side is free."""
        shape: Shape | None = self._model.signature.shape
        return shape

    def forward(self, image: Tensor) -> Tensor:
        """Restore an image (1, 3, H, W) in [0, 1]."""
        return torch.from_numpy(self._run(image.numpy()))

    def graphs(self, shapes: Sequence[Shape], dynamic: bool) -> Iterator[Graph]:
        """Return its graph once per shape, or once with its sides free."""
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

    def _adapted(self, shape: Shape | None) -> Any:
        return self._model.adapted(shape, self._model.picture())
