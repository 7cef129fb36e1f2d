"""Reading and judging the golden vectors; `make_golden.py` writes them."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from restorect_edge.artifact import file_hash
from restorect_edge.errors import IncompatibleError
from restorect_edge.evaluation.metrics import psnr
from restorect_edge.media.frames import FrameFormat

__all__ = ["FOLDER", "MANIFEST", "SCHEMA_VERSION", "Vector", "passes", "read"]

FOLDER = Path(__file__).parent
MANIFEST = "golden.json"
SCHEMA_VERSION = 1

Levels = NDArray[np.uint8]


@dataclass(frozen=True, slots=True, kw_only=True)
class Vector:
    """A frame and what must become of it."""

    name: str
    form: str
    """``whole``, ``split`` or ``tiled``; ``convert`` where only the conversion to RGB is tested."""
    frame: FrameFormat
    padded: tuple[int, int] | None
    """(height, width) that the frame is padded to; None for ``convert``."""
    tile: int | None
    """Side of what each tile contributes, for ``tiled``."""
    data: bytes
    """The frame, as a camera gives it."""
    rgb: Levels
    """(H, W, 3): the frame in RGB."""
    output: Levels | None
    """(H, W, 3): the restored frame; None for ``convert``."""
    z: NDArray[np.float32] | None
    """What the prior gives; None for ``whole`` and ``convert``."""

    @property
    def expected(self) -> Levels:
        """`output`, of a vector that has one."""
        if self.output is None:
            raise ValueError(f"'{self.name}' tests the conversion alone")
        return self.output


def read(folder: Path = FOLDER) -> tuple[dict[str, Any], list[Vector]]:
    """Return the manifest and its vectors, every file compared with its sha256.

    Raises:
        IncompatibleError: another schema, or a file that is missing or not as it was written.
    """
    manifest = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
    if manifest["schema_version"] != SCHEMA_VERSION:
        raise IncompatibleError(f"{MANIFEST} has schema version {manifest['schema_version']}")
    return manifest, list(_vectors(folder, manifest))


def passes(output: Levels, expected: Levels, tolerance: dict[str, float]) -> bool:
    """Whether `output` is within the manifest's tolerance for a precision."""
    if "psnr_db" in tolerance:
        return psnr(output, expected) >= tolerance["psnr_db"]
    off = np.abs(output.astype(np.int16) - expected)
    return float(np.mean(off > tolerance["levels"])) <= tolerance["share_beyond"]


def _vectors(folder: Path, manifest: dict[str, Any]) -> Iterator[Vector]:
    for row in manifest["vectors"]:
        frame = FrameFormat(**{key: value for key, value in row["frame"].items() if value is not None})
        sides = (frame.height, frame.width, 3)
        pixels = {
            key: np.frombuffer(_content(folder, row[key]), np.uint8).reshape(sides)
            for key in ("rgb", "output")
            if row[key]
        }
        yield Vector(
            name=row["name"],
            form=row["form"],
            frame=frame,
            padded=(row["padded"][0], row["padded"][1]) if row["padded"] else None,
            tile=row["tile"],
            data=_content(folder, row["input"]),
            rgb=pixels["rgb"],
            output=pixels.get("output"),
            z=np.array(row["z"], np.float32) if row["z"] else None,
        )


def _content(folder: Path, entry: dict[str, str]) -> bytes:
    file = folder / entry["file"]
    if not file.is_file() or file_hash(file) != entry["sha256"]:
        raise IncompatibleError(f"'{file}' is missing or was changed; make the vectors again")
    return file.read_bytes()
