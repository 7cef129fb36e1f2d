"""The photographs that INT8 is calibrated on: the shipped set, a folder or a manifest (no `torch` needed)."""

import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from restorect_edge.artifact import file_hash
from restorect_edge.errors import IncompatibleError, UsageError
from restorect_edge.media.decoding import read_rgb
from restorect_edge.media.photos import photo_paths
from restorect_edge.spec import ImageU8
from restorect_edge.training.data.folders import PAIR_FOLDERS, pair_folders

__all__ = ["LEAST_SIDE", "MANIFEST_SCHEMA", "CalibrationSet", "calibration_images", "tasks"]

LEAST_SIDE = 64
"""Smallest side of a calibration photograph, in pixels."""
GREATEST_SIDE = 768
"""Larger photographs are reduced to this long side, so that a set of them fits in memory."""
ADVISED = 16
"""With fewer photographs than this, one unusual picture decides the ranges."""
FLAT = 2
"""Greatest range of 8-bit levels, in every channel, of an image that shows nothing."""
MANIFEST_SCHEMA = 1
SHOWN = 3
"""Files that a message names before it says how many more there are."""

SETS = Path(__file__).resolve().parents[1] / "sets"
"""Where an installed package has its sets; a checkout has them in its root folder `calibration`."""
CHECKOUT = Path(__file__).resolve().parents[3]


@dataclass(frozen=True, slots=True, kw_only=True)
class CalibrationSet:
    """Photographs chosen for calibration, in the order of the draw."""

    images: tuple[ImageU8, ...]
    """(H, W, 3) uint8 RGB; sides differ, from 64 to 768 pixels, or longer where proportions demand it."""
    names: tuple[str, ...]
    """File name of each image."""
    sha256: str
    """Of the files' own sha256 in hex, each followed by a newline, in the order of `names`."""
    source: str
    """What they were chosen from, in words; no path of this machine."""
    requested: int
    """How many were asked for; `count` is less where the source has no more."""
    available: int
    """How many the source has."""
    notes: tuple[str, ...] = ()
    """What the user should know of these photographs, a sentence each."""

    @property
    def count(self) -> int:
        """How many images there are."""
        return len(self.images)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Source:
    files: dict[str, Path]
    words: str
    hashes: dict[str, str] | None = None
    notes: tuple[str, ...] = ()


def calibration_images(
    source: Path | None = None, *, num: int = 128, seed: int = 0, task: str = "lowlight"
) -> CalibrationSet:
    """Choose and decode photographs to calibrate on.

    The choice depends on the file names and the seed alone, and a smaller `num` gives the beginning of a
    larger one. Photographs are turned upright as their EXIF orientation says; those with a long side over
    768 pixels are reduced to it.

    Args:
        source: a folder of photographs as the network will be given them; a folder of pairs, of which
            `low` or `input` is used; a manifest (``.json``), whose hashes are checked; None for the set
            that is shipped for the task.
        num: how many at most, at least 1.
        seed: of the choice.
        task: which shipped set.

    Raises:
        UsageError: no such source, no images in it, `num` under 1, or images that cannot be used: unreadable,
            not RGB, a side under 64 pixels, or a set in which everything is of one color.
        IncompatibleError: a manifest that is damaged, or whose files are missing or were edited.
    """
    if num < 1:
        raise UsageError(f"calibration needs at least 1 photograph, got {num}")
    found = _shipped(task) if source is None else _source(Path(source), task)
    names = _draw(list(found.files), num, seed)
    chosen = {name: found.files[name] for name in names}
    hashes = _hashes(chosen, found)
    images, reduced = _decoded(chosen, found.words)
    return CalibrationSet(
        images=tuple(images),
        names=tuple(names),
        sha256=hashlib.sha256("".join(f"{h}\n" for h in hashes).encode()).hexdigest(),
        source=found.words,
        requested=num,
        available=len(found.files),
        notes=(*found.notes, *_notes(names, images, hashes, reduced)),
    )


def tasks() -> list[str]:
    """Return the tasks that a calibration set is shipped for."""
    return sorted(path.stem for path in _folder().glob("*.json"))


def _folder() -> Path:
    if SETS.is_dir() or not (CHECKOUT / "pyproject.toml").is_file():
        return SETS
    return CHECKOUT / "calibration"


def _shipped(task: str) -> _Source:
    if task not in tasks():
        raise UsageError(
            f"no calibration set is shipped for the task '{task}' (there are: {', '.join(tasks())}); give "
            "photographs of your own: --data, for an export --calib-data"
        )
    return _manifest(_folder() / f"{task}.json", task, f"shipped set '{task}'")


def _source(path: Path, task: str) -> _Source:
    if path.is_file() and path.suffix.lower() == ".json":
        return _manifest(path, task, f"manifest '{path.name}'")
    if not path.is_dir():
        raise UsageError(
            f"no calibration photographs at '{path}': give a folder of images, a folder of pairs, or a "
            "manifest (.json)"
        )
    sides = [path / degraded for degraded, _ in PAIR_FOLDERS if (path / degraded).is_dir()]
    sides += [both[0]] if (both := pair_folders(path)) else []
    if sides:
        return _Source(
            files={file.name: file for file in photo_paths(sides[0])},
            words=f"pairs '{path.resolve().name}' ({sides[0].name}/)",
        )
    files = {file.name: file for file in photo_paths(path)}
    return _Source(files=files, words=f"folder '{path.resolve().name}'")


def _manifest(path: Path, task: str, words: str) -> _Source:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        schema, made_for = content["schema"], str(content["task"])
        hashes = {str(entry["file"]): str(entry["sha256"]) for entry in content["images"]}
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise IncompatibleError(
            f"'{path}' is not a calibration manifest ({type(error).__name__}: {error}): it has schema, task "
            "and images, each with file and sha256"
        ) from error
    if schema != MANIFEST_SCHEMA:
        raise IncompatibleError(f"'{path}' has schema {schema}; this version reads {MANIFEST_SCHEMA}")
    if not hashes:
        raise UsageError(f"the manifest '{path}' lists no images")
    notes = (f"{words} was made for the task '{made_for}', not '{task}'",) if made_for != task else ()
    files = {name: _inside(path, name) for name in hashes}
    return _Source(files=files, words=words, hashes=hashes, notes=notes)


def _inside(manifest: Path, name: str) -> Path:
    file = manifest.parent / name
    if not file.resolve().is_relative_to(manifest.parent.resolve()):
        raise IncompatibleError(f"the manifest '{manifest}' names '{name}', which is outside its folder")
    return file


def _draw(names: Sequence[str], num: int, seed: int) -> list[str]:
    """Choose by hash, which unlike a random generator gives the same choice with every version of NumPy."""
    return sorted(names, key=lambda name: hashlib.sha256(f"{seed}:{name}".encode()).digest())[:num]


def _hashes(files: dict[str, Path], source: _Source) -> list[str]:
    if source.hashes is not None:
        _check(files, source)
    try:
        return [file_hash(path) for path in files.values()]
    except OSError as error:
        raise UsageError(f"cannot read '{error.filename}': {error.strerror}") from error


def _check(files: dict[str, Path], source: _Source) -> None:
    wanted = source.hashes or {}
    wrong = [name for name, path in files.items() if not path.is_file() or file_hash(path) != wanted[name]]
    if wrong:
        raise IncompatibleError(
            f"{source.words}: {_some(wrong)} missing or not the file of that sha256; copy the set again, or "
            "write the manifest anew if the change was meant"
        )


def _decoded(files: dict[str, Path], words: str) -> tuple[list[ImageU8], int]:
    """Return the images, and how many of them were reduced."""
    images, problems, reduced = [], [], 0
    for path in files.values():
        try:
            image = _read(path)
        except UsageError as error:
            problems.append(str(error))
            continue
        images.append(_reduced(image))
        reduced += images[-1] is not image
    if problems:
        more = f"; and {len(problems) - SHOWN} more" if len(problems) > SHOWN else ""
        raise UsageError(
            f"{len(problems)} of {len(files)} photographs from {words} cannot be used for calibration: "
            f"{'; '.join(problems[:SHOWN])}{more}. Fix or remove them"
        )
    if all(map(_is_flat, images)):
        raise UsageError(
            f"{words} carries no signal: each image is of one color, so the ranges of a network cannot be "
            "learnt from it; give photographs as the network will be given them"
        )
    return images, reduced


def _read(path: Path) -> ImageU8:
    pixels: ImageU8 = read_rgb(path)
    height, width = pixels.shape[:2]
    if min(height, width) < LEAST_SIDE:
        raise UsageError(f"'{path}' is {width}×{height}; sides are at least {LEAST_SIDE} pixels")
    return pixels


def _is_flat(image: ImageU8) -> bool:
    return bool((np.ptp(image, axis=(0, 1)) <= FLAT).all())


def _reduced(image: ImageU8) -> ImageU8:
    """Bring the long side down to 768, but the short one not under 64, keeping proportions."""
    height, width = image.shape[:2]
    # a panorama keeps its short side, even if the long one stays above the limit
    scale = max(GREATEST_SIDE / max(height, width), LEAST_SIDE / min(height, width))
    if scale >= 1:
        return image
    size = (round(width * scale), round(height * scale))
    return np.asarray(Image.fromarray(image).resize(size, Image.Resampling.BOX))


def _notes(
    names: Sequence[str], images: Sequence[ImageU8], hashes: Sequence[str], reduced: int
) -> Iterator[str]:
    flat = [name for name, image in zip(names, images, strict=True) if _is_flat(image)]
    if flat:
        yield f"{_some(flat)} of one color: no signal there"
    # copies under other names add nothing to the ranges
    different = len(set(hashes))
    if different < len(hashes):
        yield f"{len(hashes) - different} of {len(hashes)} photographs are copies of others"
    if different < ADVISED:
        kinds = "1 photograph" if different == 1 else f"{different} different photographs"
        yield f"calibrated on {kinds}; {ADVISED} or more are advised"
    if reduced:
        yield f"{reduced} of {len(images)} photographs were reduced to {GREATEST_SIDE} pixels"


def _some(names: Sequence[str]) -> str:
    """Name a few files: "'a.png' is", "'a.png', 'b.png' and 3 more are"."""
    shown = ", ".join(f"'{name}'" for name in names[:SHOWN])
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return f"{shown}{more} {'is' if len(names) == 1 else 'are'}"
