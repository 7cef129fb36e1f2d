"""How far any network looks, measured: what a pixel that is not a number spoils depends on that pixel.

Not-a-number passes every sum, product, convolution and activation, however small its weight, so what it
reaches is what the structure reads, not what these weights make of it. Comparisons can lose it: that tiles
give what the whole image gives is therefore tried as well, on noise.
"""

import math

import torch
from torch import Tensor, nn

from restorect_edge.spec import ImageSpec

__all__ = ["measured_halo"]

SIDES = (64, 256, 1024)
"""Of the strips that are tried, in pixels: what reaches further than half the largest is called global."""
TOLERANCE = 1e-4
"""Most by which a tile may differ from the whole, of values in [0, 1]: sums are in float32."""


def measured_halo(network: nn.Module, spec: ImageSpec) -> int | None:
    """Return the pixels of context that an output pixel needs on each side, for tiles on the network's grid.

    Args:
        network: in evaluation mode; (1, 3, H, W) → (1, 3, scale·H, scale·W).
        spec: its scale and the sides that it takes.

    Returns:
        The halo, so that `spec.size.multiple_of` divides where tiles start; None where no finite context is
        enough, tiles were tried and gave something else, or the network fails for narrow images.
    """
    try:
        with torch.inference_mode():
            reaches = [_along(network, spec, axis) for axis in (2, 3)]
            halo = None if None in reaches else max(reach or 0 for reach in reaches)
            return halo if halo is not None and _tiles_agree(network, spec, halo) else None
    except Exception:  # whatever it raises for a strip, which is narrower than photographs are
        return None


def _along(network: nn.Module, spec: ImageSpec, axis: int) -> int | None:
    """Return the reach along an axis of NCHW, or None where it is longer than half of the largest strip."""
    for side in SIDES:
        length = spec.size.padded(side, side)[0]
        middle = length // 2 // spec.size.multiple_of * spec.size.multiple_of
        reach = 0
        for behind, limit in ((True, middle), (False, length - middle)):
            reach = max(reach, _spoilt(network, spec, axis, length, middle, behind))
            if reach >= limit:  # what touches an end of the strip might go on beyond it
                break
        else:
            return reach
    return None


def _spoilt(network: nn.Module, spec: ImageSpec, axis: int, length: int, middle: int, behind: bool) -> int:
    """Return how far before `middle` is seen what lies behind it, or the other way round."""
    image = _strip(spec, axis, length)
    image[_at(axis, slice(middle, length) if behind else slice(0, middle))] = math.nan
    across = 5 - axis  # the other side
    seen = network(image).isnan().any(1, keepdim=True).any(across, keepdim=True)
    rows = seen.reshape(length, spec.scale).any(1).nonzero()
    if not len(rows):
        return 0
    return max(middle - int(rows.min()), 0) if behind else max(int(rows.max()) + 1 - middle, 0)


def _strip(spec: ImageSpec, axis: int, length: int) -> Tensor:
    """Return noise (1, 3, H, W) that is `length` long along an axis and as narrow as the network takes."""
    narrow = spec.size.padded(1, 1)[0]
    generator = torch.Generator().manual_seed(0)
    return torch.rand(1, 3, *((length, narrow) if axis == 2 else (narrow, length)), generator=generator)


def _at(axis: int, span: slice) -> tuple[slice, ...]:
    return tuple(span if index == axis else slice(None) for index in range(4))


def _tiles_agree(network: nn.Module, spec: ImageSpec, halo: int) -> bool:
    """Whether the middle of an image is the same without what lies further away than the halo."""
    multiple = spec.size.multiple_of
    context = -(-halo // multiple) * multiple
    kept = max(2 * multiple, spec.size.padded(8, 8)[0])
    for axis in (2, 3):
        # one grid cell more than the context on each side, so that the border itself is cut off
        image = _strip(spec, axis, spec.size.padded(kept + 4 * context + 2 * multiple, 1)[0])
        whole = network(image)
        start = context + multiple
        stop = start + 2 * context + kept
        tile = network(image[_at(axis, slice(start, stop))].contiguous())
        scale = spec.scale
        inside = slice(context * scale, (context + kept) * scale)
        there = slice((start + context) * scale, (start + context + kept) * scale)
        if not torch.allclose(tile[_at(axis, inside)], whole[_at(axis, there)], rtol=0, atol=TOLERANCE):
            return False
    return True
