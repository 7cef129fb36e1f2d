"""What is measured, as a record: the very files of an artifact, and the call that restores with them.

Nothing but the standard library: the Jetson kit carries this very file.
"""

from collections.abc import Mapping, Sequence
from itertools import cycle
from pathlib import Path
from typing import Any

from restorect_edge.artifact import Artifact, Manifest
from restorect_edge.bench.measure.protocol import Call
from restorect_edge.bench.measure.record import Subject

__all__ = ["quality_of", "restoring", "subject_of"]


def subject_of(artifact: Artifact, name: str | None = None) -> Subject:
    """Return the record of `artifact`, under `name` or else its network's."""
    manifest = artifact.manifest
    names = {graph.file for graph in manifest.graphs}
    names |= {str(Path(file).with_suffix(".bin")) for file in names if file.endswith(".xml")}
    # of a package, which is a folder, all files
    files = {f: h for f, h in manifest.files.items() if f in names or f.split("/")[0] in names}
    return Subject(
        name=name or manifest.name,
        target=manifest.target,
        precision=manifest.precision,
        form=manifest.form,
        files=files,
        weights_sha256=manifest.weights.get("sha256"),
        bytes=artifact.bytes,
    )


def quality_of(manifest: Manifest) -> dict[str, float]:
    """Return what an artifact says of its own quality, as `Row.quality`."""
    found = manifest.verification.get("psnr") if manifest.verification.get("status") == "pass" else None
    return {"psnr_to_float32": float(found)} if isinstance(found, (int, float)) else {}


def restoring(run: Any, images: Sequence[Any]) -> Call:
    """Return a call that restores the next of some images and returns the milliseconds of its stages.

    Args:
        run: a `Runtime`, or what has its `timings`.
        images: (H, W, 3) uint8, taken in turns.
    """
    shown = cycle(images)

    def call() -> Mapping[str, float]:
        run(next(shown))
        timings: Mapping[str, float] = run.timings
        return timings

    return call
