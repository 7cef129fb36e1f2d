"""What is in the kit: which artifacts, their golden images, and the pictures to measure with."""

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from restorect_edge.artifact import Artifact
from restorect_edge.bench.measure.record import Images, Subject
from restorect_edge.bench.measure.subject import subject_of
from restorect_edge.errors import IncompatibleError

__all__ = ["Entry", "Kit"]

Levels = NDArray[np.uint8]
Shape = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Entry:
    """An artifact of the kit."""

    name: str
    precision: str
    golden: tuple[str, ...]
    least_psnr: float
    """In dB, of each golden image."""
    shapes: tuple[Shape, ...]


@dataclass(frozen=True, slots=True)
class Kit:
    """The folder that the archive was unpacked to."""

    root: Path
    id: str
    toolkit_version: str
    entries: tuple[Entry, ...]

    @classmethod
    def open(cls, root: Path) -> "Kit":
        """Read a kit and check all of its files.

        Raises:
            IncompatibleError: a file is missing or was changed.
        """
        try:
            content: dict[str, Any] = json.loads((root / "kit.json").read_text(encoding="utf-8"))
            for name, expected in content["files"].items():
                if hashlib.sha256((root / name).read_bytes()).hexdigest() != expected:
                    raise IncompatibleError(f"'{root / name}' was changed; unpack the kit again")
            rows = json.loads((root / "artifacts.json").read_text(encoding="utf-8"))
        except (OSError, ValueError, KeyError) as error:
            raise IncompatibleError(f"the kit in '{root}' is not whole ({error}); unpack it again") from error
        return cls(root, content["id"], content["toolkit_version"], tuple(map(_entry, rows)))

    def artifact(self, entry: Entry) -> Artifact:
        """Open an artifact."""
        return Artifact.open(self.root / "artifacts" / entry.name)

    def golden(self, entry: Entry) -> Iterator[tuple[str, Levels, Levels]]:
        """Yield (name, input, expected output) of every golden pair, (H, W, 3) uint8 RGB."""
        folder = self.root / "golden" / entry.name
        for name in entry.golden:
            yield name, np.load(folder / f"{name}-in.npy"), np.load(folder / f"{name}-out.npy")

    def picture(self, shape: Shape) -> Levels:
        """Return the photograph to measure with, (H, W, 3) uint8 RGB."""
        picture: Levels = np.load(self.root / "inputs" / f"{shape[0]}x{shape[1]}.npy")
        return picture

    def images(self) -> Images:
        """Return the record of all pictures."""
        shapes = sorted({shape for entry in self.entries for shape in entry.shapes})
        pixels = b"".join(self.picture(shape).tobytes() for shape in shapes)
        return Images(count=len(shapes), sha256=hashlib.sha256(pixels).hexdigest())

    def subject(self, entry: Entry) -> Subject:
        """Return the record of an artifact."""
        return subject_of(self.artifact(entry), entry.name)


def _entry(row: dict[str, Any]) -> Entry:
    return Entry(
        name=row["name"],
        precision=row["precision"],
        golden=tuple(row["golden"]),
        least_psnr=row["least_psnr"],
        shapes=tuple((height, width) for height, width in row["shapes"]),
    )
