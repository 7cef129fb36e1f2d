"""One picture through an artifact and through its network: how far they are apart."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from restorect_edge.artifact import Artifact
from restorect_edge.evaluation.metrics import EQUAL, finite_psnr, psnr
from restorect_edge.export.verify.pictures import Picture
from restorect_edge.export.verify.ranges import OutputRange
from restorect_edge.export.verify.verdict import running
from restorect_edge.inference.base import Runtime
from restorect_edge.spec import ImageSpec
from restorect_edge.targets.registry import TARGETS

__all__ = ["Called", "Reference", "Row", "compare", "measured", "run_reference"]

Reference = Callable[[NDArray[np.float32]], NDArray[np.float32]]
"""(1, 3, H, W) in [0, 1] → the float32 network's output."""
Values = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Called:
    """A reference that is no network in PyTorch."""

    run: Reference
    name: str
    """What a verdict calls it."""

    def __call__(self, image: Values) -> Values:
        """Run it."""
        return self.run(image)


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """How far an artifact's output is from its network's, on one picture."""

    name: str
    kind: str
    psnr: float
    """In dB."""
    max_abs: float
    """Largest difference of any value, on the scale [0, 1]."""
    mean_shift: float
    """Difference of mean brightness, on the scale [0, 1]."""
    channel_shift: float
    """Largest shift of a channel's mean, on the scale [0, 1]."""
    pixels: int
    """Of the picture."""
    agreement: float | None = None
    """PSNR in dB against the quantized network; None where that is not at hand."""
    drop: float | None = None
    """Loss of PSNR in dB against the clean picture; None where there is none."""


def measured(
    artifact: Artifact,
    pictures: Sequence[Picture],
    runners: Sequence[Runtime],
    reference: Reference,
    quantized: Reference | None,
) -> list[list[Row]]:
    """Compare every runner with the networks on every picture; return the rows of each.

    Args:
        artifact: what the runners run.
        pictures: what to run them on.
        runners: runtimes of the artifact.
        reference: the float32 network.
        quantized: the INT8 network in PyTorch, run on photographs: what it is calibrated for.

    Raises:
        IncompatibleError: the float32 network gives values that are not numbers, or not in [0, 1].
    """
    rows: list[list[Row]] = [[] for _ in runners]
    seen = OutputRange(artifact.manifest.name)
    for picture in pictures:
        image = picture.pixels.astype(np.float32) / np.float32(255)
        # not clipped: a network of another range would pass for one that is right at the ends
        wanted = run_reference(reference, image, artifact.manifest.spec, clip=False)
        seen.add(picture, wanted)
        wanted = _as_given(wanted, artifact)
        other = None
        # INT8 is calibrated on photographs; its distance elsewhere says little of a runtime
        if quantized is not None and picture.kind == "photograph":
            other = _as_given(run_reference(quantized, image, artifact.manifest.spec, clip=False), artifact)
        for found, runner in zip(rows, runners, strict=True):
            with running():
                output = runner.unclipped(image)
            found.append(_row(picture, output, wanted, other))
    seen.check()
    return rows


def run_reference(reference: Reference, image: Values, spec: ImageSpec, *, clip: bool = True) -> Values:
    """Run the network on (H, W, 3) as the runtime does: pad by reflection, run, crop.

    Args:
        reference: the network.
        image: RGB in [0, 1].
        spec: of the network, which says how to pad.
        clip: clip the result to [0, 1]; without it a wrong range shows.
    """
    from restorect_edge.inference.tiling import Span, cut

    height, width = image.shape[:2]
    padded = spec.size.padded(height, width)
    planes = cut(image, Span(0, padded[0], 0, 0), Span(0, padded[1], 0, 0)).transpose(2, 0, 1)[None]
    restored = reference(np.ascontiguousarray(planes))[0].transpose(1, 2, 0)
    kept: Values = restored[: height * spec.scale, : width * spec.scale]
    return np.clip(kept, 0.0, 1.0) if clip else kept


def _as_given(output: Values, artifact: Artifact) -> Values:
    """Return a network's output as the artifact gives it: on 8-bit levels where those come out."""
    if not (TARGETS[artifact.manifest.target].eight_bit or artifact.manifest.levels):
        return output
    levels: Values = np.rint(np.clip(output, 0.0, 1.0) * 255) / np.float32(255)
    return levels


def _row(picture: Picture, output: Values, wanted: Values, quantized: Values | None) -> Row:
    agreement = None if quantized is None else compare(picture, output, quantized).psnr
    row = compare(picture, output, wanted)
    if picture.target is None:
        drop = None
    else:
        target = picture.target / np.float32(255)
        drop = _clipped_psnr(wanted, target) - _clipped_psnr(output, target)
    return replace(row, agreement=agreement, drop=drop)


def _clipped_psnr(output: Values, target: Values) -> float:
    return psnr(np.clip(output, 0.0, 1.0), target, peak=1.0)


def compare(picture: Picture, output: Values, wanted: Values) -> Row:
    """Return how far `output` is from `wanted`, (H, W, 3) each, before either is clipped.

    Args:
        picture: what both were made from; named in the row.
        output: of the artifact.
        wanted: of the network.
    """
    difference = output.astype(np.float64) - wanted
    height, width = picture.pixels.shape[:2]
    facts: dict[str, Any] = {"name": picture.name, "kind": picture.kind, "pixels": height * width}
    # below every gate, so that the verdict names the picture instead of failing on it
    if not np.isfinite(difference).all():
        far = float("inf")
        return Row(**facts, psnr=-EQUAL, max_abs=far, mean_shift=far, channel_shift=far)
    return Row(
        **facts,
        psnr=finite_psnr(output, wanted, peak=1.0),
        max_abs=float(np.abs(difference).max()),
        mean_shift=abs(float(difference.mean())),
        channel_shift=float(np.abs(difference.mean(axis=(0, 1))).max()),
    )
