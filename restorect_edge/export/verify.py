"""The verdict on an artifact: run it, compare it with the float32 network, pass or fail."""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from restorect_edge.artifact import Artifact
from restorect_edge.errors import MissingDependencyError, QualityError, RestorectError, UsageError
from restorect_edge.export import golden
from restorect_edge.export._targets import TARGETS
from restorect_edge.metrics import psnr
from restorect_edge.photos import FOLDER, photos
from restorect_edge.runtimes import Runtime, backend_class

__all__ = ["GATES", "Verification", "check", "find_reference", "verify"]

GATES = {"fp32": 80.0, "fp16": 50.0}
"""Least PSNR in dB against the float32 network, of the worst image, by precision."""

Reference = Callable[[NDArray[np.float32]], NDArray[np.float32]]
"""(1, 3, H, W) in [0, 1] → the float32 network's output."""
Levels = NDArray[np.uint8]


@dataclass(frozen=True, slots=True, kw_only=True)
class Verification:
    """What a verification found."""

    status: str
    """`pass` or `fail`."""
    by: str
    """What ran the artifact, and what that leaves open."""
    reference: str
    """What it was compared with."""
    psnr: float
    """Of the worst image, in dB with peak 1; 200 stands for equality."""
    psnr_mean: float
    max_abs: float
    """Largest difference of any value, on the scale [0, 1]."""
    mean_shift: float
    """Difference of mean brightness of the worst image, on the scale [0, 1]."""
    worst_image: str
    gate: float
    """Least `psnr` that passes."""
    images: int

    def to_dict(self) -> dict[str, Any]:
        """Return the fields as JSON-able values."""
        return asdict(self)

    def summary(self) -> str:
        """Return the verdict as one line."""
        return (
            f"{self.status}: {self.psnr:.1f} dB from {self.reference} (gate {self.gate:.0f} dB), "
            f"max {self.max_abs:.2g}, {self.images} images, by {self.by}"
        )


@dataclass(frozen=True, slots=True)
class _Row:
    name: str
    psnr: float
    max_abs: float
    mean_shift: float


EQUAL = 200.0
"""What stands for the infinite PSNR of equal images, so that it stays a number in JSON."""


def verify(
    path: Path | str, *, images: Path | None = None, weights: str | Path | None = None
) -> Verification:
    """Check an artifact's files, run it and compare it with its network.

    The network is found by the name and hash of the weights in the manifest, or in the artifact itself
    where it is the user's own. Where PyTorch or the weights are not there, the golden images stand in.

    Args:
        path: the artifact.
        images: a folder of photographs to use instead of the shipped ones.
        weights: the weights it was made from, where they are neither shipped nor in the artifact.

    Raises:
        QualityError: it falls short of its gate (the message has the numbers).
        IncompatibleError: damaged or edited files.
    """
    artifact = Artifact.open(path)
    result = check(artifact, find_reference(artifact, weights), images=images)
    if result.status != "pass":
        raise QualityError(f"'{path}' {result.summary()}; export it again")
    return result


def check(
    artifact: Artifact, reference: Reference | None, *, images: Path | None = None, note: str = ""
) -> Verification:
    """Run an artifact on golden images and photographs and compare, without raising on a bad result.

    Args:
        artifact: what to run.
        reference: the float32 network; None compares with the golden images only.
        images: folder of photographs; None for the shipped ones.
        note: said after what ran it, such as that it was not run on the device.
    """
    if reference is None and images is not None:
        raise UsageError(
            "--images needs the network to compare with, but neither its weights nor PyTorch are here: "
            "install the extra 'export', or verify without --images to use the golden images"
        )
    target = TARGETS[artifact.manifest.target]
    runner = backend_class(target.verified_by)(artifact.manifest, artifact.path)
    with runner:
        if reference is None:
            rows = _golden_rows(artifact, runner)
        else:
            rows = _photo_rows(artifact, runner, reference, images, target.eight_bit)
        by = runner.provider + (f"; {note}" if note else "")
    gate = GATES[artifact.manifest.precision]
    worst = min(rows, key=lambda row: row.psnr)
    return Verification(
        status="pass" if worst.psnr >= gate else "fail",
        by=by,
        reference="its golden images" if reference is None else "float32 PyTorch",
        psnr=round(worst.psnr, 2),
        psnr_mean=round(float(np.mean([row.psnr for row in rows])), 2),
        max_abs=max(row.max_abs for row in rows),
        mean_shift=worst.mean_shift,
        worst_image=worst.name,
        gate=gate,
        images=len(rows),
    )


def _golden_rows(artifact: Artifact, runner: Runtime) -> list[_Row]:
    rows = []
    for name, image, expected in golden.read(artifact.path):
        rows.append(_compare(f"golden/{name}", runner(image) / np.float32(255), expected / np.float32(255)))
    return rows


def _photo_rows(
    artifact: Artifact, runner: Runtime, reference: Reference, images: Path | None, eight_bit: bool
) -> list[_Row]:
    rows = []
    for name, photo in _photographs(artifact, images).items():
        image = photo.astype(np.float32) / np.float32(255)
        expected = run_reference(reference, image, artifact)
        if eight_bit:
            expected = np.rint(expected * 255) / np.float32(255)
        rows.append(_compare(name, runner(image), expected))
    return rows


def _photographs(artifact: Artifact, folder: Path | None) -> dict[str, Levels]:
    """Cut photographs to each fixed size; with free sides take them as they are, and one odd size."""
    sizes = [g.shape for g in artifact.manifest.graphs if g.shape is not None]
    where = folder or FOLDER
    if not sizes or artifact.manifest.form == "split":
        found = photos(folder=where)
        name, first = next(iter(found.items()))
        odd = first[: max(1, first.shape[0] - 3), : max(1, first.shape[1] - 5)]
        if artifact.manifest.form == "split" and sizes:
            return photos((sizes[0][0], 2 * sizes[0][1]), where)
        return {**found, f"{name} (odd size)": odd}
    return {f"{n} {h}x{w}": p for h, w in sizes for n, p in photos((h, w), where).items()}


def run_reference(
    reference: Reference, image: NDArray[np.float32], artifact: Artifact
) -> NDArray[np.float32]:
    """Run the network on (H, W, 3) as the runtime does: pad by reflection, run, crop."""
    from restorect_edge.runtimes.tiling import Span, cut

    spec = artifact.manifest.spec
    height, width = image.shape[:2]
    padded = spec.size.padded(height, width)
    planes = cut(image, Span(0, padded[0], 0, 0), Span(0, padded[1], 0, 0)).transpose(2, 0, 1)[None]
    restored = reference(np.ascontiguousarray(planes))[0].transpose(1, 2, 0)
    kept: NDArray[np.float32] = np.clip(restored[: height * spec.scale, : width * spec.scale], 0.0, 1.0)
    return kept


def _compare(name: str, output: NDArray[np.float32], expected: NDArray[np.float32]) -> _Row:
    difference = output.astype(np.float64) - expected
    if not np.isfinite(difference).all():
        return _Row(name, -EQUAL, float("inf"), float("inf"))
    return _Row(
        name,
        min(psnr(output, expected, peak=1.0), EQUAL),
        float(np.abs(difference).max()),
        abs(float(difference.mean())),
    )


def find_reference(artifact: Artifact, weights: str | Path | None) -> Reference | None:
    """Return the network that an artifact stands for, or None where its golden images must do.

    Weights that are asked for must be there and fit, or an error says why not.
    """
    try:
        from restorect_edge.export import reference
    except ImportError:
        if weights is not None:
            raise MissingDependencyError("verifying against weights", "export") from None
        return None
    if weights is not None:
        return reference.of_artifact(artifact, weights)
    try:
        return reference.of_artifact(artifact)
    except RestorectError:
        return None
