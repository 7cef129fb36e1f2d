"""From inputs on a command line to files: what is restored, where it goes, and what is left out."""

import os
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from restorect_edge.errors import UsageError
from restorect_edge.media.folders import files_in
from restorect_edge.media.formats import (
    BY_SUFFIX,
    READABLE,
    READABLE_WORDS,
    VIDEO_SUFFIXES,
    WRITABLE,
    check_suffix,
)
from restorect_edge.utils.destination import require_writable

__all__ = ["RESTORED", "Job", "LeftOut", "Plan", "beside", "check_outputs", "plan"]

RESTORED = "-restored"
"""What a name gets where the output lies beside the input."""
NAME_BYTES = 255
"""Longest file name of the usual file systems."""
EARLIER = "what an earlier run made of the file beside it"
VIDEO, OTHER = "a video: restore it by a command of its own", "not a picture format that is read"
CLOSED, DANGLING, SPECIAL = "a folder that cannot be read", "a link that leads nowhere", "no regular file"


@dataclass(frozen=True, slots=True)
class Job:
    """An image to restore and where the result goes."""

    source: Path
    destination: Path


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A file in a folder that is not restored, and why."""

    source: Path
    reason: str


@dataclass(frozen=True, slots=True)
class Plan:
    """What one run does."""

    jobs: tuple[Job, ...]
    left_out: tuple[LeftOut, ...]
    outputs: tuple[Path, ...]
    """Files and folders that are written, to be shown."""

    @property
    def root(self) -> Path:
        """Folder that the first outputs lie in or below: the journal's place."""
        first = self.outputs[0]
        return first if first != self.jobs[0].destination else first.parent

    def left_out_words(self) -> str:
        """Return what is left out in one line: how many of which kinds, and why; empty for nothing."""
        counts = Counter(
            (item.source.suffix.lower() or "without suffix", item.reason) for item in self.left_out
        )
        reasons: dict[str, list[str]] = {}
        for (suffix, reason), count in sorted(counts.items()):
            reasons.setdefault(reason, []).append(f"{count} {suffix}")
        return "; ".join(f"{', '.join(kinds)} ({reason})" for reason, kinds in reasons.items())


def plan(inputs: Sequence[Path], output: str | None, *, recursive: bool = True) -> Plan:
    """Pair every image of the inputs with its destination.

    Args:
        inputs: files, whatever their suffix, and folders, of which pictures are taken by their suffix; hidden
            files are not, links are followed.
        output: a file if the only input is a file, else a folder; a name with a suffix is a file unless it
            ends in a slash or such a folder exists. None writes beside each input: ``a-restored.jpg`` for
            ``a.jpg``, the folder ``album-restored`` for ``album``.
        recursive: look into the folders' sub-folders.

    Raises:
        UsageError: a missing input, no image in a folder, an output that is not one, or two inputs that
            would get the same destination.
    """
    out = None if output is None else Path(output)
    if len(inputs) == 1 and inputs[0].is_file() and _names_file(out, output):
        assert out is not None
        _check_kind(inputs[0], out)
        return Plan((Job(inputs[0], out),), (), (out,))
    if out is not None and out.is_file():
        raise UsageError(f"'{out}' is a file; for several images or a folder, -o names a folder")
    jobs: list[Job] = []
    left_out: list[LeftOut] = []
    for source in inputs:
        more, left = _of_input(source, out, recursive)
        jobs += more
        left_out += left
    unique = tuple(dict.fromkeys(jobs))
    _check_distinct(unique)
    return Plan(unique, tuple(left_out), (out,) if out else tuple(map(_beside, inputs)))


def _names_file(out: Path | None, output: str | None) -> bool:
    return out is not None and bool(out.suffix) and not str(output).endswith("/") and not out.is_dir()


def _check_kind(source: Path, out: Path) -> None:
    if out.suffix.lower() in VIDEO_SUFFIXES and source.suffix.lower() in READABLE:
        raise UsageError(
            f"'{out}' names a video, and '{source}' is a picture, or an animation that FFmpeg does not play: "
            "name a picture, or save the animation as .gif or .png first"
        )
    check_suffix(out)


def _of_input(source: Path, out: Path | None, recursive: bool) -> tuple[list[Job], list[LeftOut]]:
    if source.is_file():
        return [_of_file(source, out)], []
    if not source.is_dir():
        raise UsageError(f"no image or folder at '{source}'")
    return _of_folder(source, out or beside(source), recursive)


def _of_file(source: Path, out: Path | None) -> Job:
    suffix = _written_suffix(source)
    if out is None:
        return Job(source, beside(source, suffix))
    return Job(
        source, out / source.name if suffix == source.suffix else (out / source.name).with_suffix(suffix)
    )


def beside(source: Path, suffix: str | None = None) -> Path:
    """Return the name of an output beside its input, shortened where it would be too long.

    Args:
        source: a file or folder.
        suffix: of the output; None for the source's own.
    """
    ending = RESTORED + (source.suffix if suffix is None else suffix)
    # a folder such as '..' has no name of its own
    stem = source.stem if suffix is not None or source.is_file() else source.resolve().name
    # letter by letter: cut after so many bytes, one could be left in half
    while len(os.fsencode(stem + ending)) > NAME_BYTES:
        stem = stem[:-1]
    folder = source.resolve().parent if suffix is None and not source.name else source.parent
    return folder / (stem + ending)


def _beside(source: Path) -> Path:
    return _of_file(source, None).destination if source.is_file() else beside(source)


def _written_suffix(source: Path) -> str:
    """Return the suffix that a file's result gets: its own, or of a format that can be written."""
    entry = BY_SUFFIX.get(source.suffix.lower())
    if entry is not None:
        return entry.written_as or source.suffix
    # what a suffix does not tell, the content does
    try:
        with Image.open(source) as file:
            own = f".{(file.format or '').lower()}"
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise UsageError(
            f"'{source}' is no picture that can be read; pictures: {READABLE_WORDS}; of a video under such a "
            "name, name the output: -o NAME.mp4"
        ) from error
    usual = {".jpeg": ".jpg", ".tiff": ".tif", ".mpo": ".jpg"}.get(own, own)
    return source.suffix + usual if usual in WRITABLE else source.suffix + ".png"


def _of_folder(folder: Path, out: Path, recursive: bool) -> tuple[list[Job], list[LeftOut]]:
    found = files_in(folder, recursive=recursive)
    if out.resolve() != folder.resolve():  # what an earlier run left in a folder inside is no input
        inside = out.resolve()
        found = [path for path in found if not Path(os.path.realpath(path)).is_relative_to(inside)]
    earlier = _results(found)
    readable = {path: _is_picture(path) and path not in earlier for path in found}
    pictures = [path for path, taken in readable.items() if taken]
    left_out = [
        LeftOut(path, EARLIER if path in earlier else _why(path))
        for path, taken in readable.items()
        if not taken
    ]
    if not pictures:
        more = f"; there are {Plan((), tuple(left_out), ()).left_out_words()}" if left_out else ""
        raise UsageError(f"no images in '{folder}'; readable: {READABLE_WORDS}{more}")
    return _paired(folder, out, pictures), left_out


def _results(found: Sequence[Path]) -> set[Path]:
    """Return the files that a run without ``-o`` wrote beside one of the others."""
    made = {_beside(path) for path in found if _is_picture(path)}
    return made.intersection(found)


def _is_picture(path: Path) -> bool:
    return path.suffix.lower() in READABLE and os.path.isfile(path)  # noqa: PTH113  # Path's own may raise


def _why(path: Path) -> str:
    if os.path.isdir(path):  # noqa: PTH112
        return CLOSED
    if not os.path.isfile(path):  # noqa: PTH113
        return SPECIAL if os.path.exists(path) else DANGLING  # noqa: PTH110
    return VIDEO if path.suffix.lower() in VIDEO_SUFFIXES else OTHER


def _paired(folder: Path, out: Path, pictures: Iterable[Path]) -> list[Job]:
    names = {path: path.relative_to(folder) for path in pictures}
    taken = set(names.values())
    jobs = []
    for path, name in names.items():
        suffix = BY_SUFFIX[path.suffix.lower()].written_as
        if suffix:
            # a.gif becomes a.png, but a.gif.png where there is an a.png as well
            plain = name.with_suffix(suffix)
            name = name.with_name(name.name + suffix) if plain in taken else plain
            taken.add(name)
        jobs.append(Job(path, out / name))
    return jobs


def _check_distinct(jobs: Iterable[Job]) -> None:
    taken: dict[Path, Path] = {}
    for job in jobs:
        first = taken.setdefault(job.destination, job.source)
        if first != job.source:
            raise UsageError(
                f"'{first}' and '{job.source}' would both become '{job.destination}'; run them apart"
            )


def check_outputs(jobs: Sequence[Job], *, overwrite: bool = False) -> None:
    """Raise `UsageError` if what `jobs` write cannot be made, or exists and is not to be replaced.

    Args:
        jobs: all of a run, before any of its work.
        overwrite: replace outputs that exist.
    """
    for folder in {job.destination.parent for job in jobs}:
        require_writable(folder, folder=True)
    there = [] if overwrite else [job.destination for job in jobs if job.destination.exists()]
    if there:
        more = f" and {len(there) - 1} more exist" if len(there) > 1 else " exists"
        others = "--skip-existing to restore the others, " if len(jobs) > 1 else ""
        raise UsageError(f"'{there[0]}'{more}; use {others}--overwrite to replace, or another -o")
