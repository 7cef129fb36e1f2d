"""Which of an artifact's graphs takes an image, upright or turned, whole or in windows."""

from collections.abc import Sequence

from restorect_edge.artifact import GraphFile, Manifest
from restorect_edge.errors import IncompatibleError, UsageError
from restorect_edge.inference.tiling import Size, best_window

__all__ = ["LARGEST_WINDOW", "fit", "is_turned"]

LARGEST_WINDOW = 2 << 20
"""Pixels that a network of dynamic shape and local context gives at a time, unless the caller says.

Of its output, because one that enlarges has its largest tensors there.
"""


def is_turned(manifest: Manifest, size: Size) -> bool:
    """Whether an image fits one of the fixed sides only when it is turned by a quarter.

    Where tiles are exact nothing has to be turned: they take any image as it stands.

    Args:
        manifest: of the artifact.
        size: height and width of the image, in pixels.

    Returns:
        False where some graph takes the image as it is, or none takes it either way.
    """
    sides = [graph.shape for graph in manifest.graphs if graph.shape is not None]
    # a graph without sides takes any image as it stands
    if manifest.spec.tileable or len(sides) < len(manifest.graphs):
        return False
    height, width = manifest.spec.size.padded(*size)
    upright = any(h >= height and w >= width for h, w in sides)
    return not upright and any(h >= width and w >= height for h, w in sides)


def fit(manifest: Manifest, padded: Size, tile: int | None) -> tuple[GraphFile, Size]:
    """Choose the graph that restores an image, and the window that it is given.

    Args:
        manifest: of the artifact.
        padded: height and width of the image after padding to the sides that the network takes.
        tile: what each tile contributes, in pixels; None leaves it to this function.

    Returns:
        The graph, and the height and width of its windows.

    Raises:
        UsageError: a tile where it cannot be chosen, or of less than a pixel.
        IncompatibleError: no fixed sides are large enough.
    """
    graphs = [graph for graph in manifest.graphs if graph.role != "prior"]
    free = next((graph for graph in graphs if graph.shape is None), None)
    if free is not None:
        return free, _free_window(manifest, padded, tile)
    fixed = sorted(((graph, graph.shape) for graph in graphs if graph.shape), key=lambda pair: _area(pair[1]))
    shapes = ", ".join(f"{height}x{width}" for _, (height, width) in fixed)
    if tile is not None:
        raise UsageError(
            f"this artifact's sides are fixed at {shapes}, so --tile {tile} cannot be chosen; "
            "export with --dynamic for free tiles"
        )
    # the smallest that fits: what lies beyond the image is computed for nothing
    for graph, shape in fixed:
        if shape[0] >= padded[0] and shape[1] >= padded[1]:
            return graph, shape
    if not manifest.spec.tileable or not fixed:
        raise IncompatibleError(
            f"an image of {padded[0]}x{padded[1]} does not fit: this artifact takes up to {shapes} "
            f"(height x width), upright or turned; export again with --shapes {padded[0]}x{padded[1]}, or "
            "with --form split or --dynamic for any size"
        )
    # the largest, in which the halo is the smallest share
    return fixed[-1]


def _free_window(manifest: Manifest, padded: Size, tile: int | None) -> Size:
    spec = manifest.spec
    if tile is not None and tile < 1:
        raise UsageError(f"a tile has at least 1 pixel, got {tile}")
    if not spec.tileable:
        if tile is not None:
            raise UsageError(
                "this network looks at the whole image, so tiles would change the result; "
                "export with --form split to tile exactly"
            )
        return padded
    if tile is None:
        limit = LARGEST_WINDOW // spec.scale**2
        window = best_window(padded, limit, spec.aligned_halo, spec.size.multiple_of)
    else:
        window = (tile + 2 * spec.aligned_halo,) * 2
    height, width = spec.size.padded(*window)
    # never more than the image, which one window then restores as it is
    return min(height, padded[0]), min(width, padded[1])


def _area(shape: Sequence[int]) -> int:
    return shape[0] * shape[1]
