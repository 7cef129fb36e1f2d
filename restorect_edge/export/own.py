"""A network of one's own as an artifact holds it: a picture in [0, 1] goes in, one in [0, 1] comes out."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils import _pytree as pytree

from restorect_edge.errors import IncompatibleError, RestorectError
from restorect_edge.models.tracing.untraceable import why_untraceable
from restorect_edge.spec import ImageSpec

__all__ = ["OwnNetwork", "check_output"]

RGB = 3


class OwnNetwork(nn.Module):
    """Any image → image module behind the contract of artifacts.

    The values that its `ImageSpec` declares are made of pictures before it, and pictures of its values after
    it, as part of the graph: no runtime has to know of them.

    Args:
        network: the module, whose one picture may be inside a tuple, list or dict.
        spec: what it has as inputs and outputs.
        label: what messages call it.
    """

    def __init__(self, network: nn.Module, spec: ImageSpec, label: str) -> None:
        super().__init__()
        self.network = network
        self.label, self.scale = label, spec.scale
        self.chosen: int | None = None  # found by the first run, so that tracing compares no free sides
        self._affine("before", *spec.before)
        self._affine("after", *spec.after)

    def forward(self, image: Tensor) -> Tensor:
        """Restore an image (1, 3, H, W) in [0, 1]."""
        height, width = (side * self.scale for side in image.shape[2:])
        output = self.network(self._apply_affine("before", image))
        if isinstance(output, Tensor):
            return self._apply_affine("after", output)
        leaves = pytree.tree_leaves(output)
        if self.chosen is None:
            self.chosen = only_picture(leaves, type(output).__name__, height, width)
        return self._apply_affine("after", leaves[self.chosen])

    def _affine(self, name: str, factors: Sequence[float], offsets: Sequence[float]) -> None:
        """Keep a factor and an offset per channel, or None where they change nothing."""
        for part, values, neutral in (("factor", factors, 1.0), ("offset", offsets, 0.0)):
            key = f"{name}_{part}"
            if any(value != neutral for value in values):
                self.register_buffer(key, torch.tensor(values).reshape(1, RGB, 1, 1))
            else:
                setattr(self, key, None)  # a buffer that is None confuses torch.export

    def _apply_affine(self, name: str, image: Tensor) -> Tensor:
        factor, offset = getattr(self, f"{name}_factor"), getattr(self, f"{name}_offset")
        image = image if factor is None else image * factor
        return image if offset is None else image + offset


def only_picture(leaves: Sequence[Any], container: str, height: int, width: int) -> int:
    """Return which of the values that a network gives is the one RGB picture, (1, 3, height, width).

    Args:
        leaves: the values, tensors and others.
        container: what the network returned, for the message.
        height: expected of the picture.
        width: expected of the picture.

    Raises:
        IncompatibleError: there is none, or there are several.
    """
    shapes = [tuple(leaf.shape) if isinstance(leaf, Tensor) else () for leaf in leaves]
    found = [index for index, shape in enumerate(shapes) if len(shape) == 4 and shape[:2] == (1, RGB)]
    if len(found) > 1:  # deep supervision gives smaller ones as well
        found = [index for index in found if shapes[index][2:] == (height, width)]
    if len(found) == 1:
        return found[0]
    raise IncompatibleError(
        f"the network gives a {container} of {', '.join(map(str, shapes)) or 'nothing'}, and "
        f"{len(found) or 'none'} of these could be the picture: wrap it in a module whose forward returns "
        "that tensor alone"
    )


def check_output(network: nn.Module, label: str, spec: ImageSpec, shape: tuple[int, int]) -> None:
    """Run a network once, so that what it cannot do is said in a sentence before anything is converted.

    Args:
        network: of one's own.
        label: what messages call it.
        spec: what it has as inputs and outputs.
        shape: (height, width) to run it at.

    Raises:
        IncompatibleError: it does not take an RGB image of that size, or does not give one.
    """
    height, width = shape
    try:
        with torch.inference_mode():
            output = network(torch.full((1, RGB, height, width), 0.5))
    except RestorectError as error:
        raise IncompatibleError(f"'{label}': {error}") from error
    except Exception as error:  # a module may raise anything
        reason = why_untraceable(error, dynamic=False)
        raise IncompatibleError(
            f"'{label}' fails for an RGB image (1, 3, {height}, {width}) in float32: {reason}"
        ) from error
    wanted = (1, RGB, height * spec.scale, width * spec.scale)
    given = tuple(output.shape) if isinstance(output, Tensor) else type(output).__name__
    if given != wanted:
        raise IncompatibleError(
            f"'{label}' gives {given} for an image (1, 3, {height}, {width}), expected {wanted}: "
            f"its ImageSpec says scale {spec.scale}"
        )
