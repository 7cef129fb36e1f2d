"""Methods to score: a network that is run, or a folder of the results of any method."""

import tempfile
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import MappingProxyType
from typing import Any

from restorect_edge.errors import UsageError, unknown_name
from restorect_edge.inference.base import Runtime
from restorect_edge.media.decoding import read_rgb, size_of
from restorect_edge.scoring.items import Item
from restorect_edge.spec import ImageSpec, ImageU8
from restorect_edge.targets.loading import load
from restorect_edge.targets.models import spec_of
from restorect_edge.targets.registry import RUNTIMES
from restorect_edge.training.data.pairs import by_stem
from restorect_edge.utils.options import silent

__all__ = ["Method", "Network", "Outputs", "opened"]

SHOWN = 5
"""Missing results that a message names."""


class Method(ABC):
    """What makes a restored image of a degraded one.

    Attributes:
        name: as the user named it.
        runtime: what runs it, ``files`` for results that are there.
        provider: that in words.
        seconds: that the last result took; 0 for one that was there.
    """

    name: str
    runtime: str
    provider: str
    seconds: float = 0.0

    @abstractmethod
    def scale(self, items: Sequence[Item]) -> int:
        """Return the output's side over the input's."""

    @abstractmethod
    def restored(self, item: Item, degraded: ImageU8) -> ImageU8:
        """Return the result for `item`, (scale·H, scale·W, 3); `degraded` is its image, (H, W, 3)."""


class Network(Method):
    """Weights or an artifact, run by a backend."""

    def __init__(self, name: str, restore: Runtime) -> None:
        self.name, self.runtime, self.provider = name, restore.name, restore.provider
        self._restore = restore

    def scale(self, items: Sequence[Item]) -> int:
        return self._restore.info.spec.scale

    def restored(self, item: Item, degraded: ImageU8) -> ImageU8:
        started = time.perf_counter()
        result: ImageU8 = self._restore(degraded)
        self.seconds = time.perf_counter() - started
        return result


class Outputs(Method):
    """A folder of pictures that some method made, one for each image, of its name.

    What the names have beyond those of the images must be the same in all, such as ``_SwinIR``.

    Raises:
        UsageError: results are missing, or two could be meant.
    """

    def __init__(self, folder: Path, items: Sequence[Item]) -> None:
        if not folder.is_dir():
            raise UsageError(f"'{folder}' is no folder of results")
        self.name, self.runtime, self.provider = str(folder), "files", f"pictures in {folder}"
        self._found = _matched(folder, items)

    def scale(self, items: Sequence[Item]) -> int:
        first = items[0]
        (width, height), (w, h) = size_of(self._found[first.name]), size_of(first.degraded)
        if width % w == 0 and height % h == 0 and width // w == height // h:
            return width // w
        raise UsageError(
            f"'{self._found[first.name]}' is {width}×{height} and '{first.degraded}' {w}×{h}: results are as "
            "large as the images, or 2, 3, 4 … times"
        )

    def restored(self, item: Item, degraded: ImageU8) -> ImageU8:
        return read_rgb(self._found[item.name])


def _matched(folder: Path, items: Sequence[Item]) -> dict[str, Path]:
    """Return the result of each image by the image's name."""
    stems = by_stem(folder)
    names = {item.name: _stem(item) for item in items}
    # of the first image's candidates only: the ending must be the same for all of them
    for ending in ("", *_endings(stems, next(iter(names.values())))):
        if all(stem + ending in stems for stem in names.values()):
            return {name: stems[stem + ending] for name, stem in names.items()}
    missing = [stem for stem in names.values() if stem not in stems]
    shown = ", ".join(missing[:SHOWN])
    more = f" and {len(missing) - SHOWN} more" if len(missing) > SHOWN else ""
    raise UsageError(
        f"'{folder}' has no result for {shown}{more}: results have the names of the images, with one ending "
        "for all at most, such as NAME_method.png"
    )


def _stem(item: Item) -> str:
    """Return the name of an image without a suffix that is one of a picture's."""
    suffix = item.degraded.suffix
    return item.name.removesuffix(suffix) if suffix else item.name


def _endings(stems: dict[str, Path], first: str) -> list[str]:
    return sorted(stem[len(first) :] for stem in stems if stem.startswith(first) and stem != first)


@contextmanager
def opened(
    source: str,
    items: Sequence[Item],
    *,
    runtime: str | None = None,
    device: str = "auto",
    values: Mapping[str, Any] = MappingProxyType({}),
    progress: Callable[[str], None] = silent,
) -> Iterator[Method]:
    """Open a method: a folder without a manifest holds results, all else is loaded.

    Args:
        source: weights by name or file, an artifact, or a folder of results.
        items: the images.
        runtime: the backend; weights for another than their own are exported for it first.
        device: of the backend.
        values: of a model's inputs and outputs, by field of `ImageSpec`.
        progress: is given a line per stage of that export.
    """
    path = Path(source)
    if path.is_dir() and not (path / "manifest.json").exists() and by_stem(path):
        yield Outputs(path, items)
        return
    with _runtime(source, runtime, device, spec_of(source, values), progress) as restore:
        yield Network(source, restore)


@contextmanager
def _runtime(
    source: str,
    runtime: str | None,
    device: str,
    spec: ImageSpec | None,
    progress: Callable[[str], None],
) -> Iterator[Runtime]:
    """Load an artifact or weights; weights for another backend than torch are exported for it first."""
    if runtime is not None and runtime not in RUNTIMES:
        raise unknown_name("runtime", runtime, RUNTIMES)
    if Path(source).is_dir() or runtime in (None, "torch"):
        with load(source, device=device, runtime=runtime, spec=spec) as loaded:
            yield loaded
        return
    from restorect_edge.export import export

    with tempfile.TemporaryDirectory() as folder:
        target = RUNTIMES[runtime].targets[0]
        made = export(source, target=target, dynamic=True, spec=spec, output_dir=folder, progress=progress)
        with load(made.path, device=device, runtime=runtime) as loaded:
            yield loaded
