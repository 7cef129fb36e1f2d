"""Part `images`: mutated pictures through ``restorect-edge run`` and the Python API."""

import os
import random
import subprocess
import sys
import warnings
from collections.abc import Iterator
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import png
import tifffile
from numpy.typing import NDArray
from PIL import Image, ImageOps
from robustness.judging import Done, leftovers, of_command, of_exception
from robustness.pictures import Picture, draw_array, draw_picture
from robustness.progress import Failure, Row, draw, fresh
from robustness.worker import command

import restorect_edge
from restorect_edge.cli.verbs import main

__all__ = ["BATCH", "case"]

BATCH = 10
"""Pictures of a case."""
RUN = {"onnx", "onnx-split", "onnx-int8", "openvino", "openvino-split", "litert"}
"""Artifacts that a CPU runs in milliseconds."""
PROCESSES = 0.04
"""Share of the cases whose commands run in processes of their own."""
LOSSLESS = (".png", ".tif", ".tiff", ".bmp")
ORIENTATION = 0x0112
NEAR = 12.0
"""Levels by which the mean of an 8x8 block may differ where a lossy format was written."""


def case(*, number: int, seed: int, artifacts: dict[str, str], folder: str) -> Row:
    """Restore a batch of pictures by command and by call, and compare."""
    warnings.simplefilter("ignore")
    rng, work = draw(seed, "images", number), fresh(Path(folder))
    name = rng.choice(sorted(artifacts.keys() & RUN) or sorted(artifacts))
    pictures = [draw_picture(rng, index) for index in range(BATCH)]
    for picture in pictures:
        path = work / "in" / picture.name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(picture.content)
    tried = _Tried(Path(artifacts[name]), work, own=rng.random() < PROCESSES)
    how = rng.choices(("folder", "files", "each"), (6, 2, 2))[0]
    failures = [*getattr(tried, how)(pictures, rng), *tried.api(pictures), *tried.arrays(rng)]
    facts = {"artifact": name, "how": how, "restored": tried.restored, "refused": tried.refused}
    return Row(case=number, units=BATCH, failures=failures, facts=facts)


class _Tried:
    """The ways in which a batch is restored."""

    def __init__(self, artifact: Path, work: Path, *, own: bool) -> None:
        self.artifact, self.work, self.own = artifact, work, own
        self.restored = self.refused = 0

    def folder(self, pictures: list[Picture], rng: random.Random) -> Iterator[Failure]:
        """Restore the folder."""
        done = self._run([str(self.work / "in"), "-o", str(self.work / "out")])
        yield from self._judged(pictures, done)

    def files(self, pictures: list[Picture], rng: random.Random) -> Iterator[Failure]:
        """Restore all files of one command line."""
        paths = [str(self.work / "in" / picture.name) for picture in pictures]
        yield from self._judged(pictures, self._run([*paths, "-o", f"{self.work / 'out'}/"]))

    def each(self, pictures: list[Picture], rng: random.Random) -> Iterator[Failure]:
        """Restore each file by a command of its own, which names the output."""
        for index, picture in enumerate(pictures):
            out = self.work / "out" / f"{index:02d}-{rng.choice(('x.png', 'x.jpg', 'x.webp', 'x.tif'))}"
            done = self._run([str(self.work / "in" / picture.name), "-o", str(out)])
            yield from of_command(done, "run")
            if done.code == 0 and not out.is_file():
                yield Failure("run: exit code 0 and no output", picture.mutation)
            yield from self._outcome(picture, out if out.is_file() else None, done)
        yield from _no_leftovers(self.work)

    def api(self, pictures: list[Picture]) -> Iterator[Failure]:
        """Call the runtime with each path."""
        for picture in pictures:
            path = self.work / "in" / picture.name
            try:
                restored = np.asarray(_runtime(self.artifact)(path))
            except Exception as error:
                yield from of_exception(error, "call")
                continue
            wanted = _expected(self.artifact, path) or []
            levels = [one for one in wanted if one.dtype == np.uint8]
            if levels and not any(_equal(restored, one) for one in levels):
                yield Failure("call: wrong picture", picture.mutation)

    def arrays(self, rng: random.Random) -> Iterator[Failure]:
        """Call the runtime with something that may be no picture."""
        given = draw_array(rng)
        words = f"{type(given).__name__} {getattr(given, 'dtype', '')} {getattr(given, 'shape', '')}"
        runtime = _runtime(self.artifact)
        try:
            restored = runtime(given)
        except Exception as error:
            for failure in of_exception(error, "call"):
                yield Failure(f"{failure.kind} for a {words.split()[0]}", words + "\n" + failure.detail)
            return
        if isinstance(given, np.ndarray):
            plain = np.ascontiguousarray(given)
            if restored.shape != given.shape or not _equal(
                restored, runtime(plain.astype(plain.dtype.newbyteorder("=")))
            ):
                yield Failure("call: an array's layout changes the result", words)

    def _run(self, arguments: list[str]) -> Done:
        arguments = ["run", str(self.artifact), *arguments, "--threads", "1"]
        if not self.own:
            return command(main, arguments)
        ran = subprocess.run(
            [sys.executable, "-m", "restorect_edge", *map(os.fsencode, arguments)],
            capture_output=True,
            stdin=subprocess.DEVNULL,
            timeout=240,
        )
        return Done(
            ran.returncode, ran.stdout.decode("utf-8", "replace"), ran.stderr.decode("utf-8", "replace")
        )

    def _judged(self, pictures: list[Picture], done: Done) -> Iterator[Failure]:
        yield from of_command(done, "run")
        for picture in pictures:
            yield from self._outcome(picture, _output(self.work / "out", picture), done)
        yield from _no_leftovers(self.work)

    def _outcome(self, picture: Picture, out: Path | None, done: Done) -> Iterator[Failure]:
        """Judge what became of one picture: restored rightly, or refused where it may be."""
        source = self.work / "in" / picture.name
        if out is None:
            self.refused += 1
            if picture.whole and _fits(self.artifact, source):
                yield Failure(f"run: a whole picture was not restored ({picture.mutation})", done.err[-1500:])
            return
        self.restored += 1
        try:
            found = _pixels(out)
        except Exception as error:
            yield Failure("run: an output that cannot be read", f"{picture.mutation}: {error}")
            return
        wanted = _expected(self.artifact, source)
        if wanted is not None and not any(_same(found, one, out) for one in wanted):
            yield Failure("run: wrong picture", f"{picture.mutation} to {out.suffix}")


def _no_leftovers(work: Path) -> Iterator[Failure]:
    for left in leftovers(work):
        yield Failure("run: a partial file is left", left)


def _output(folder: Path, picture: Picture) -> Path | None:
    number = picture.name[:3]
    found = [path for path in folder.glob("*") if path.name.startswith(number)] if folder.is_dir() else []
    return found[0] if found else None


@cache
def _runtime(artifact: Path) -> Any:
    return restorect_edge.load(artifact, threads=1)


def _fits(artifact: Path, source: Path) -> bool:
    """Whether the artifact's fixed sides take the picture."""
    shapes = [graph.shape for graph in _runtime(artifact).info.graphs if graph.role != "prior"]
    if any(shape is None for shape in shapes):
        return True
    with Image.open(source) as file:
        width, height = file.size
    return any(shape[0] >= max(height, width) for shape in shapes)


def _expected(artifact: Path, source: Path) -> list[NDArray[Any]] | None:
    """Restore what another decoder sees; None where that is not plain RGB.

    A file says how it is to be turned: the picture may be restored as it is stored, with that kept (which
    some readers then follow), or upright.
    """
    with suppress(Exception):
        seen = _seen(source)
        if seen is not None:
            restored = [_runtime(artifact)(one) for one in seen]
            return restored if restored[0].dtype != np.uint8 else [*restored, _turned(restored[0], source)]
    return None


def _turned(image: NDArray[np.uint8], source: Path) -> NDArray[np.uint8]:
    turned = Image.fromarray(image)
    with Image.open(source) as file:
        turned.getexif()[ORIENTATION] = file.getexif().get(ORIENTATION, 1)
    return np.asarray(ImageOps.exif_transpose(turned))


def _seen(source: Path) -> list[NDArray[Any]] | None:
    with Image.open(source) as file:
        if file.mode != "RGB" or "transparency" in file.info or getattr(file, "n_frames", 1) > 1:
            return None
        if file.format == "PNG" and source.read_bytes()[24] == 16:
            return [_pixels(source) / np.float32(65535)]
        if file.format == "TIFF" and set(file.tag_v2.get(258, ())) != {8}:
            return None
        file.load()
        return [np.asarray(file), np.asarray(ImageOps.exif_transpose(file))]


def _pixels(path: Path) -> NDArray[Any]:
    """Decode an output, of 16 bits too."""
    with Image.open(path) as file:
        file.load()
        if file.format == "TIFF" and set(file.tag_v2.get(258, ())) == {16}:
            return tifffile.imread(path)
        if file.format != "PNG" or path.read_bytes()[24] != 16:
            return np.asarray(file.convert("RGB"))
    width, height, rows, _ = png.Reader(str(path)).asDirect()
    return np.vstack([np.asarray(row, np.uint16) for row in rows]).reshape(height, width, 3)


def _equal(one: NDArray[Any], other: NDArray[Any]) -> bool:
    return one.shape == other.shape and bool(np.array_equal(one, other, equal_nan=one.dtype.kind == "f"))


def _same(found: NDArray[Any], wanted: NDArray[Any], out: Path) -> bool:
    """Whether a decoded output is the wanted picture, as far as its format can hold it."""
    if found.shape != wanted.shape:
        return False
    if wanted.dtype != np.uint8:
        peak = 65535 if found.dtype == np.uint16 else 255
        wanted = np.rint(wanted * np.float32(peak)).astype(found.dtype)
    if out.suffix.lower() in LOSSLESS:
        return bool(np.array_equal(found, wanted))
    thin = 8 / min(8, *found.shape[:2])  # a block of a picture that is less than 8 wide averages less away
    return float(np.abs(_blocks(found) - _blocks(wanted)).max()) <= NEAR * thin**0.5


def _blocks(image: NDArray[Any]) -> NDArray[np.float64]:
    rows, columns = (np.arange(0, side, 8) for side in image.shape[:2])
    sums = np.add.reduceat(np.add.reduceat(image.astype(np.float64), rows, 0), columns, 1)
    areas = np.diff(np.append(rows, image.shape[0]))[:, None] * np.diff(np.append(columns, image.shape[1]))
    return sums / areas[..., None]
