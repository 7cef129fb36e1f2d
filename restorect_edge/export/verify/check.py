"""The verdict on an artifact: run it, compare it with the float32 network, pass or fail."""

from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from restorect_edge.artifact import Artifact
from restorect_edge.errors import MissingDependencyError, QualityError, RestorectError, UsageError
from restorect_edge.evaluation.metrics import psnr
from restorect_edge.export.verify import golden
from restorect_edge.inference.base import Runtime
from restorect_edge.media.photos import TASKS, clean, of_task, photos
from restorect_edge.targets.registry import TARGETS, backend_class

__all__ = [
    "EQUAL",
    "GATES",
    "Verification",
    "check",
    "find_reference",
    "photographs",
    "run_reference",
    "verify",
]

GATES = {"fp32": 80.0, "fp16": 50.0, "int8": 30.0, "w8": 40.0}
"""Least PSNR in dB against the float32 network, of the worst image, by precision. Weights in 8 bits
with float16 arithmetic come to 49 to 52 dB; below 40 a scale or an axis is wrong."""

Reference = Callable[[NDArray[np.float32]], NDArray[np.float32]]
"""(1, 3, H, W) in [0, 1] → the float32 network's output."""
Levels = NDArray[np.uint8]
Shape = tuple[int, int]


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
    agreement: float | None = None
    """INT8: `psnr` against the quantised network in PyTorch; None where that is not at hand."""
    psnr_drop: float | None = None
    """INT8: mean loss of PSNR in dB against clean photographs; None where there are none."""

    def to_dict(self) -> dict[str, Any]:
        """Return the fields as JSON-able values."""
        return asdict(self)

    def summary(self) -> str:
        """Return the verdict as one line."""
        agreement = "" if self.agreement is None else f"{self.agreement:.1f} dB from its quantised network, "
        drop = "" if self.psnr_drop is None else f"{self.psnr_drop:+.2f} dB quality drop, "
        return (
            f"{self.status}: {self.psnr:.1f} dB from {self.reference} (gate {self.gate:.0f} dB), "
            f"{agreement}{drop}max {self.max_abs:.2g}, {self.images} images, by {self.by}"
        )


@dataclass(frozen=True, slots=True)
class _Row:
    name: str
    psnr: float
    max_abs: float
    mean_shift: float
    agreement: float | None = None
    drop: float | None = None


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
    artifact: Artifact,
    reference: Reference | None,
    *,
    quantised: Reference | None = None,
    images: Path | None = None,
    note: str = "",
) -> Verification:
    """Run an artifact on golden images and photographs and compare, without raising on a bad result.

    Args:
        artifact: what to run.
        reference: the float32 network; None compares with the golden images only.
        quantised: the INT8 network in PyTorch, which an artifact made from it must agree with.
        images: folder of photographs; None for the shipped ones.
        note: said after what ran it, such as what else accepted it.
    """
    if reference is None and images is not None:
        raise UsageError(
            "--images needs the network to compare with, but neither its weights nor PyTorch are here: "
            "install the extra 'export', or verify without --images to use the golden images"
        )
    target = TARGETS[artifact.manifest.target]
    backend = backend_class(target.verified_by)
    if artifact.manifest.precision == "int8":
        backend = backend.literal()
    runner = backend(artifact.manifest, artifact.path)
    with runner:
        if reference is None:
            rows = _golden_rows(artifact, runner)
        else:
            rows = _photo_rows(artifact, runner, reference, quantised, images)
        by = "; ".join(filter(None, (runner.provider, note, target.leaves_open)))
    gate = GATES[artifact.manifest.precision]
    worst = min(rows, key=lambda row: row.psnr)
    agreements = [row.agreement for row in rows if row.agreement is not None]
    drops = [row.drop for row in rows if row.drop is not None]
    agrees = min(agreements, default=EQUAL) >= target.agreement
    return Verification(
        status="pass" if worst.psnr >= gate and agrees else "fail",
        by=by,
        reference="its golden images" if reference is None else "float32 PyTorch",
        psnr=round(worst.psnr, 2),
        psnr_mean=round(float(np.mean([row.psnr for row in rows])), 2),
        max_abs=max(row.max_abs for row in rows),
        mean_shift=worst.mean_shift,
        worst_image=worst.name,
        gate=gate,
        images=len(rows),
        agreement=round(min(agreements), 2) if agreements else None,
        psnr_drop=round(float(np.mean(drops)), 3) if drops else None,
    )


def _golden_rows(artifact: Artifact, runner: Runtime) -> list[_Row]:
    rows = []
    for name, image, expected in golden.read(artifact.path):
        rows.append(_compare(f"golden/{name}", runner(image) / np.float32(255), expected / np.float32(255)))
    return rows


def _photo_rows(
    artifact: Artifact,
    runner: Runtime,
    reference: Reference,
    quantised: Reference | None,
    images: Path | None,
) -> list[_Row]:
    targets = _targets(artifact) if images is None else {}
    rows = []
    for name, photo in photographs(artifact, images).items():
        image = photo.astype(np.float32) / np.float32(255)
        output = runner(image)
        expected = _expected(reference, image, artifact)
        row = _compare(name, output, expected)
        if quantised is not None:
            agreement = _compare(name, output, _expected(quantised, image, artifact)).psnr
            row = replace(row, agreement=agreement)
        if name in targets:
            target = targets[name] / np.float32(255)
            row = replace(row, drop=psnr(expected, target, peak=1.0) - psnr(output, target, peak=1.0))
        rows.append(row)
    return rows


def _expected(reference: Reference, image: NDArray[np.float32], artifact: Artifact) -> NDArray[np.float32]:
    """Run a network as the artifact gives its result: on 8-bit levels where those come out."""
    expected = run_reference(reference, image, artifact)
    if TARGETS[artifact.manifest.target].eight_bit:
        expected = np.rint(expected * 255) / np.float32(255)
    return expected


def _targets(artifact: Artifact) -> dict[str, Levels]:
    """Return what a network in 8 bits should make of the photographs that are shipped for its task."""
    task = artifact.manifest.task
    if artifact.manifest.precision not in ("int8", "w8") or task not in TASKS:
        return {}
    return _at_sizes(artifact, lambda size: clean(size, task))


def _at_sizes(artifact: Artifact, find: Callable[[Shape | None], dict[str, Levels]]) -> dict[str, Levels]:
    """Cut photographs to each fixed size, or the largest to two tiles; with free sides take them as they are.

    No other size will do: a picture smaller than the sides that it is given continues by reflection there,
    where the network alone sees its own border.
    """
    sizes = [g.shape for g in artifact.manifest.graphs if g.shape is not None]
    if not sizes:
        return find(None)
    if artifact.manifest.form == "split":
        *smaller, (height, width) = sorted(sizes, key=lambda size: size[0] * size[1])
        sizes = [*smaller, (height, 2 * width)]
    return {f"{n} {h}x{w}": p for h, w in sizes for n, p in find((h, w)).items()}


def photographs(artifact: Artifact, folder: Path | None) -> dict[str, Levels]:
    """Find the photographs to verify on, (H, W, 3) by name; with fixed sides, one of an odd size as well.

    Args:
        artifact: what must take them.
        folder: where they are; None for those that are shipped for its task.
    """
    chosen = folder or of_task(artifact.manifest.task)
    found = _at_sizes(artifact, lambda size: photos(size, chosen))
    if any(g.shape for g in artifact.manifest.graphs):
        return found
    name, first = next(iter(found.items()))
    odd = first[: max(1, first.shape[0] - 3), : max(1, first.shape[1] - 5)]
    return {**found, f"{name} (odd size)": odd}


def run_reference(
    reference: Reference, image: NDArray[np.float32], artifact: Artifact
) -> NDArray[np.float32]:
    """Run the network on (H, W, 3) as the runtime does: pad by reflection, run, crop."""
    from restorect_edge.inference.tiling import Span, cut

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
        from restorect_edge.export.verify import reference
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
