"""Which pictures an artifact is judged on, and by which gate each of them."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from restorect_edge.artifact import Artifact
from restorect_edge.media.photos import TASKS, clean, generated, of_task, photos
from restorect_edge.spec import ImageU8, Shape

__all__ = ["QUANTIZED", "Picture", "photographs", "pictures"]


QUANTIZED = ("int8", "w8")
"""Precisions whose cost is measured against clean photographs."""
PHOTOGRAPHS = 2
"""How many of a task's photographs a float artifact is judged on; a quantized one on all of them."""
EXTREMES = (0, 128, 255)
"""ImageU8 of the flat frames where arithmetic is in float: black, mid-gray and white."""
SMALL = (96, 144)
"""(height, width) of generated pictures where an artifact takes any size."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """A picture of the verdict."""

    name: str
    pixels: ImageU8
    """(H, W, 3)."""
    kind: str
    """`photograph`, `generated`, `flat`, or `color`: a flat frame of a pure color, which no gate holds."""
    target: ImageU8 | None = None
    """What a perfect network makes of it, (H, W, 3) times the scale; None where nobody knows."""


def pictures(artifact: Artifact, folder: Path | None = None) -> list[Picture]:
    """Return what an artifact is judged on: photographs of its task, then bright, flat, noisy, saturated
    and graded pictures at a size of its own.

    Args:
        artifact: what must take them.
        folder: photographs to judge on instead of all these.
    """
    found = [
        Picture(name=name, pixels=pixels, kind="photograph")
        for name, pixels in photographs(artifact, folder).items()
    ]
    if folder is not None:
        return found
    targets = _targets(artifact)
    found = [Picture(name=p.name, pixels=p.pixels, kind=p.kind, target=targets.get(p.name)) for p in found]
    return [*found, *_others(artifact)]


def photographs(artifact: Artifact, folder: Path | None = None) -> dict[str, ImageU8]:
    """Find the photographs to verify on, (H, W, 3) by name; of dynamic shape, one of an odd size as well.

    Args:
        artifact: what must take them.
        folder: where they are; None for those that are shipped for its task.
    """
    chosen = folder or of_task(artifact.manifest.task)
    count = None if folder or artifact.manifest.precision in QUANTIZED else PHOTOGRAPHS
    found = _at_sizes(artifact, lambda size: dict(list(photos(size, chosen).items())[:count]))
    if any(g.shape for g in artifact.manifest.graphs):
        return found
    name, first = next(iter(found.items()))
    # a multiple of nothing, so that padding and cropping are judged as well
    odd = first[: max(1, first.shape[0] - 3), : max(1, first.shape[1] - 5)]
    return {**found, f"{name} (odd size)": odd}


def _targets(artifact: Artifact) -> dict[str, ImageU8]:
    """Return what a network in 8 bits should make of the photographs that are shipped for its task."""
    task = artifact.manifest.task
    if artifact.manifest.precision not in QUANTIZED or task not in TASKS:
        return {}
    return _at_sizes(artifact, lambda size: clean(size, task))


def _at_sizes(artifact: Artifact, find: Callable[[Shape | None], dict[str, ImageU8]]) -> dict[str, ImageU8]:
    """Cut photographs to each fixed size, or the largest to two tiles; none for a dynamic shape.

    No other size will do: a picture smaller than the sides that it is given continues by reflection there,
    where the network alone sees its own border.
    """
    sizes = _fixed_sizes(artifact)
    if not sizes:
        return find(None)
    if artifact.manifest.form == "split":
        *smaller, (height, width) = sizes
        # a split artifact tiles, and seams show only where there are two tiles
        sizes = [*smaller, (height, 2 * width)]
    return {f"{n} {h}x{w}": p for h, w in sizes for n, p in find((h, w)).items()}


def _fixed_sizes(artifact: Artifact) -> list[Shape]:
    """Return the fixed sides of an artifact's graphs, smallest area first."""
    sizes = [g.shape for g in artifact.manifest.graphs if g.shape is not None]
    return sorted(sizes, key=lambda size: size[0] * size[1])


def _others(artifact: Artifact) -> list[Picture]:
    """Return a photograph by day, an overexposed one and generated pictures, at the largest fixed size.

    One size is enough, for all graphs have the same weights; the largest has the longest sums.
    """
    sizes = _fixed_sizes(artifact)
    size = sizes[-1] if sizes else None
    suffix = f" {size[0]}x{size[1]}" if size else ""
    by_day = list(clean(size).values())
    found = {"ordinary": by_day[2], "bright": generated.brightened(by_day[3])}
    if artifact.manifest.task in TASKS and artifact.manifest.task != "lowlight":
        found["dark"] = next(iter(photos(size).values()))
    side = size or artifact.manifest.spec.size.padded(*SMALL)
    made = {
        "noise": generated.noise(side),
        "saturated": generated.saturated(side),
        "gradient": generated.gradient(side),
    }
    flat = {generated.flat_name(level): generated.flat(side, level) for level in _levels(artifact)}
    int8 = artifact.manifest.precision == "int8"
    # how far INT8 is off on saturated colors is said and not judged
    colors = {name: generated.pure(side, name) for name in generated.PURE if int8}
    rows = (("photograph", found), ("generated", made), ("flat", flat), ("color", colors))
    return [
        Picture(name=f"{name}{suffix}", pixels=pixels, kind=kind)
        for kind, group in rows
        for name, pixels in group.items()
    ]


def _levels(artifact: Artifact) -> tuple[int, ...]:
    """Return the levels of the flat frames: more of them for INT8, which rounds each level by itself."""
    return generated.FLAT_LEVELS if artifact.manifest.precision == "int8" else EXTREMES
