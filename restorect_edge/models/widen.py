"""Begin a wide network as a narrow one that is trained: the same function, with room to grow.

After Net2Net (Chen et al., arXiv 1511.05641), but with fresh weights in the added channels instead of copies:
what is old never reads what is new, so the function is kept, and what is new is all different.
"""

from collections.abc import Mapping

import torch
from torch import Tensor

__all__ = ["fits", "widened"]

JOINED = {"body.modulation.weight": 2, "body.modulation.bias": 2}
"""Layers whose output is several groups of channels, one after the other, each of which widens: how many."""


def fits(narrow: Mapping[str, Tensor], wide: Mapping[str, Tensor]) -> bool:
    """Whether both hold the same tensors, and none of `narrow` is larger than its namesake of `wide`."""
    return narrow.keys() == wide.keys() and all(
        old.ndim == wide[name].ndim and all(a <= b for a, b in zip(old.shape, wide[name].shape, strict=True))
        for name, old in narrow.items()
    )


def widened(narrow: Mapping[str, Tensor], wide: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return the tensors of a wide network that computes what the narrow one does.

    Args:
        narrow: trained tensors by name.
        wide: those of the wide network, freshly initialized, which must have the same layers (see `fits`).
    """
    return {name: _embedded(narrow[name], new, JOINED.get(name, 1)) for name, new in wide.items()}


def _embedded(old: Tensor, new: Tensor, groups: int) -> Tensor:
    """Put `old` into the first channels of `new`, group by group; old outputs read no new input."""
    parts = []
    for before, after in zip(old.chunk(groups), new.clone().chunk(groups), strict=True):
        if after.ndim > 1:
            after[: before.shape[0], before.shape[1] :] = 0.0
            after[: before.shape[0], : before.shape[1]] = before
        else:
            after[: before.shape[0]] = before
        parts.append(after)
    return torch.cat(parts)
