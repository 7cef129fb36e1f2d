"""The verdict on an artifact: run it, compare it with the float32 network, pass or fail."""

import warnings
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import KW_ONLY, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from restorect_edge.artifact import Artifact, Manifest
from restorect_edge.errors import (
    IncompatibleError,
    MissingDependencyError,
    QualityError,
    RestorectError,
    SaturationWarning,
    UsageError,
)
from restorect_edge.export.verify import golden
from restorect_edge.export.verify.compare import Called, Reference, Row, compare, measured, run_reference
from restorect_edge.export.verify.pictures import QUANTIZED, Picture, photographs, pictures
from restorect_edge.export.verify.verdict import (
    EXTRA_DROP,
    FLAT_GATES,
    FLAT_LEVELS,
    GATES,
    GENERATED_GATES,
    Found,
    NotRunError,
    Verification,
    large_gate,
    running,
)
from restorect_edge.inference.base import Runtime
from restorect_edge.targets.base import Target
from restorect_edge.targets.registry import TARGETS, backend_class
from restorect_edge.utils.options import argument, option, takes

__all__ = [
    "GATES",
    "Verification",
    "Verify",
    "check",
    "find_reference",
    "judged",
    "photographs",
    "run_reference",
    "verify",
]


@dataclass(frozen=True)
class Verify:
    """What `verify` takes."""

    artifact: str | Path = argument(metavar="ARTIFACT")
    """Directory that an export made."""
    _: KW_ONLY
    images: Path | None = option(None, metavar="DIR")
    """Photographs to use instead of the shipped ones."""
    weights: str | Path | None = option(None, "-w", metavar="NAME|PATH")
    """What the artifact was made from, if that is not shipped."""


@takes(Verify)
def verify(asked: Verify) -> Verification:
    """Check an artifact's files, run it and compare it with its network.

    The network is found by the name and hash of the weights in the manifest, or in the artifact itself
    where it is the user's own. Where PyTorch or the weights are not there, the golden images stand in.

    Args:
        asked: the fields of `Verify`, each an argument of its own; they are options of
            ``restorect-edge verify``.

    Returns:
        What was found; it passes.

    Raises:
        QualityError: it falls short of its gate (the message has the numbers).
        IncompatibleError: damaged or edited files, or what verifies it cannot take it.
        MissingDependencyError, BackendError: what verifies it is not installed, or failed.
    """
    result = judged(Artifact.open(asked.artifact), images=asked.images, weights=asked.weights)
    if result.status != "pass":
        raise QualityError(f"'{asked.artifact}' {result.summary()}; export it again")
    return result


def judged(
    artifact: Artifact, *, images: Path | None = None, weights: str | Path | None = None
) -> Verification:
    """Return what `verify` finds of an artifact, good or bad; raises as it does where nothing is found.

    Args:
        artifact: opened, its files checked.
        images: folder of photographs to use; None for the shipped ones.
        weights: of the network; None to find them.
    """
    try:
        return check(artifact, find_reference(artifact, weights), images=images)
    except NotRunError as error:
        cause = error.reworded(f"'{artifact.path}' is not verified, for it cannot be run: {error}")
        raise cause from cause.__cause__


def check(
    artifact: Artifact,
    reference: Reference | None,
    *,
    quantized: Reference | None = None,
    images: Path | None = None,
    note: str = "",
    elsewhere: bool = False,
) -> Verification:
    """Run an artifact on pictures of every kind and compare, without raising on a bad result.

    It is run as its graph is written, INT8 and float16 operation by operation, and once more as its users
    run it where that is other arithmetic and this machine can.

    Args:
        artifact: what to run.
        reference: the float32 network; None compares with the golden images only.
        quantized: the INT8 network in PyTorch, which an artifact made from it must agree with.
        images: folder of photographs; None for the shipped ones and generated pictures.
        note: said after what ran it, such as what else accepted it.
        elsewhere: the artifact may be for other CPUs: do not hold against it what its fused INT8 gives on
            this one, where it says that it is not for such a CPU.

    Raises:
        UsageError: images are given, and no network to compare with.
        IncompatibleError: the network's own output is no picture in [0, 1], or the artifact is for a target
            or of a precision that there is no verdict for.
        NotRunError: it cannot be run.
    """
    if reference is None and images is not None:
        raise UsageError(
            "--images needs the network to compare with, but neither its weights nor PyTorch are here: "
            "install the extra 'export', or verify without --images to use the golden images"
        )
    target = _target(artifact.manifest)
    with _runners(artifact, target, elsewhere) as (runners, remark):
        if reference is None:
            found = [_golden_rows(artifact, runner) for runner in runners]
        else:
            found = measured(artifact, pictures(artifact, images), runners, reference, quantized)
        by = "; ".join(filter(None, (runners[0].provider, remark, note, target.leaves_open)))
        fused = None
        if len(found) > 1:
            fused = Found(by=runners[1].provider, **_numbers(found[1], artifact.manifest.precision))
    compared_with = "its golden images" if reference is None else "float32 PyTorch"
    if isinstance(reference, Called):
        compared_with = reference.name
    return _verdict(artifact, target, found[0], fused, by=by, reference=compared_with)


def _target(manifest: Manifest) -> Target:
    """Return what an artifact is for; a manifest may name what this version does not know."""
    for what, named, known in (
        ("target", manifest.target, TARGETS),
        ("precision", manifest.precision, GATES),
    ):
        if named not in known:
            raise IncompatibleError(
                f"there is no verdict for the {what} '{named}' of the manifest; known: {', '.join(known)}"
            )
    return TARGETS[manifest.target]


@contextmanager
def _runners(artifact: Artifact, target: Target, elsewhere: bool) -> Iterator[tuple[list[Runtime], str]]:
    """Open what judges the graph as it is written, then what users run, and say what is missing."""
    backend = backend_class(target.verified_by)
    literal, remark = _as_written(backend, artifact.manifest.precision)
    with ExitStack() as stack, warnings.catch_warnings():
        warnings.simplefilter("ignore", SaturationWarning)  # the verdict says by how much
        with running():
            runners = [stack.enter_context(literal(artifact.manifest, artifact.path))]
        if literal is not backend and target.default_backend() == target.verified_by:
            with running():
                fused = stack.enter_context(backend(artifact.manifest, artifact.path))
            if elsewhere and fused.saturates:
                remark = "not run fused, for this CPU is none of those that it is for"
            else:
                runners.append(fused)
        yield runners, remark


def _as_written(backend: type[Runtime], precision: str) -> tuple[type[Runtime], str]:
    """Return what runs a graph operation by operation; what users run, and a remark, where that is absent."""
    literal = backend.literal(precision)
    try:
        literal.devices()
    except MissingDependencyError as error:
        return backend, f"not run as its graph is written: {error}"
    return literal, ""


def _golden_rows(artifact: Artifact, runner: Runtime) -> list[Row]:
    rows = []
    for name, image, wanted in golden.read(artifact.path):
        picture = Picture(name=f"golden/{name}", pixels=image, kind="photograph")
        with running():
            restored = runner(image)
        rows.append(compare(picture, restored / np.float32(255), wanted / np.float32(255)))
    return rows


def _verdict(
    artifact: Artifact, target: Target, rows: Sequence[Row], fused: Found | None, *, by: str, reference: str
) -> Verification:
    precision = artifact.manifest.precision
    colors = [255 * row.channel_shift for row in rows if row.kind == "color"]
    # pure colors are reported and held to no gate
    rows = [row for row in rows if row.kind != "color"]
    agreements = [row.agreement for row in rows if row.agreement is not None]
    found = Verification(
        status="pass",
        by=by,
        reference=reference,
        **_numbers(rows, precision),
        psnr_mean=round(float(np.mean([row.psnr for row in rows])), 2),
        max_abs=max(row.max_abs for row in rows),
        mean_shift=_worst(rows, precision).mean_shift,
        images=len(rows),
        agreement=round(min(agreements), 2) if agreements else None,
        color_offset=round(max(colors), 2) if colors else None,
        fused=fused,
    )
    failures = tuple(_failures(found, precision, target))
    return replace(found, status="fail" if failures else "pass", failures=failures)


def _failures(found: Verification, precision: str, target: Target) -> Iterator[str]:
    """Say which gates a verification falls short of."""
    if found.agreement is not None and found.agreement < target.agreement:
        yield f"{found.agreement:.1f} dB from its quantized network (gate {target.agreement:.0f} dB)"
    yield from _short(found, precision, "")
    if found.fused is None:
        return
    yield from _short(found.fused, precision, " as run here")
    # fused arithmetic may lose what the written graph does not, such as by saturation
    extra = (found.fused.psnr_drop or 0.0) - (found.psnr_drop or 0.0)
    if extra > EXTRA_DROP:
        yield f"{extra:.2f} dB more quality drop as run here than as written (gate {EXTRA_DROP:.2f} dB)"


def _short(found: Found, precision: str, how: str) -> Iterator[str]:
    if found.psnr < found.gate:
        yield f"{found.psnr:.1f} dB on '{found.worst_image}'{how} (gate {found.gate:.0f} dB)"
    least = GENERATED_GATES[precision]
    if found.generated_psnr is not None and found.generated_psnr < least:
        yield f"{found.generated_psnr:.1f} dB on generated pictures{how} (gate {least:.0f} dB)"
    if found.flat_offset is not None and found.flat_offset > FLAT_LEVELS:
        yield f"flat frames {found.flat_offset:.1f} levels off{how} (gate {FLAT_LEVELS:.0f} levels)"


def _gate(row: Row, precision: str) -> float:
    """Return the least PSNR that passes on the picture of a row."""
    table = {"photograph": GATES, "generated": GENERATED_GATES, "flat": FLAT_GATES}[row.kind]
    if precision != "fp32":
        return table[precision]
    return large_gate(table[precision], row.pixels, row.max_abs)


def _worst(rows: Sequence[Row], precision: str) -> Row:
    """Return the row with the least to spare; in 8 bits among the photographs."""
    counted = [row for row in rows if row.kind == "photograph" or precision not in QUANTIZED]
    # by what is left to the gate of each, which differs by kind and size
    return min(counted, key=lambda row: row.psnr - _gate(row, precision))


def _numbers(rows: Sequence[Row], precision: str) -> dict[str, Any]:
    """Return the fields of `Found` for the rows of one run."""
    worst = _worst(rows, precision)
    drops = [row.drop for row in rows if row.drop is not None]
    numbers: dict[str, Any] = {
        "psnr": round(worst.psnr, 2),
        "worst_image": worst.name,
        "gate": _gate(worst, precision),
        "psnr_drop": round(float(np.mean(drops)), 3) if drops else None,
    }
    if precision in QUANTIZED:
        generated = [row.psnr for row in rows if row.kind == "generated"]
        flat = [255 * row.channel_shift for row in rows if row.kind == "flat"]
        numbers["generated_psnr"] = round(min(generated), 2) if generated else None
        numbers["flat_offset"] = round(max(flat), 2) if flat else None
    return numbers


def find_reference(artifact: Artifact, weights: str | Path | None) -> Reference | None:
    """Return the network that an artifact stands for, or None where its golden images must do.

    Weights that are asked for must be there and fit, or an error says why not.

    Args:
        artifact: to be judged.
        weights: of the network; None to find them.

    Raises:
        MissingDependencyError: weights are asked for, and PyTorch is not installed.
        UsageError, IncompatibleError: they are not there, or do not fit.
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
