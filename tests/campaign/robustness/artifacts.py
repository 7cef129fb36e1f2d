"""Part `artifacts`: damaged artifacts through `load`, ``inspect`` and ``verify``."""

import shutil
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from robustness.judging import of_command, of_exception
from robustness.progress import Failure, Row, draw, fresh
from robustness.spoil import spoil
from robustness.worker import command

import restorect_edge
from restorect_edge.artifact import Artifact
from restorect_edge.cli.verbs import main
from restorect_edge.errors import RestorectError
from restorect_edge.evaluation.metrics import psnr

__all__ = ["case"]

LEAST_DB = 25.0
"""What a picture of an artifact that passes has in common with the undamaged one's, at least."""
SIDES = 64, 96


def case(*, number: int, seed: int, artifacts: dict[str, str], folder: str) -> Row:
    """Damage one artifact, then inspect, load, run and verify it."""
    warnings.simplefilter("ignore")
    rng, work = draw(seed, "artifacts", number), fresh(Path(folder))
    name = rng.choice(sorted(artifacts))
    copy = work / Path(artifacts[name]).name
    shutil.copytree(artifacts[name], copy)
    damage, noticeable = spoil(rng, copy)
    pictures = _pictures(work / "pictures")
    failures = [*of_command(command(main, ["inspect", str(copy)]), "inspect")]
    restored, problem = _restored(copy, pictures[0])
    failures += problem
    arguments = ["verify", str(copy), *(["--images", str(work / "pictures")] if rng.random() < 0.9 else [])]
    verified = command(main, arguments)
    failures += of_command(verified, "verify")
    loaded = restored is not None
    if noticeable and (loaded or verified.code == 0):
        failures.append(Failure("a changed file is not noticed", damage))
    if loaded and verified.code == 0:
        failures += _compared(restored, copy, Path(artifacts[name]), pictures[0], damage)
    facts = {
        "artifact": name,
        "damage": damage,
        "loaded": int(loaded),
        f"verify exits with {verified.code}": 1,
    }
    detailed = [Failure(f"{failure.kind}", f"{name}, {damage}\n{failure.detail}") for failure in failures]
    return Row(case=number, failures=detailed, facts=facts)


def _pictures(folder: Path) -> list[NDArray[np.uint8]]:
    """Write two dark pictures, and return them."""
    folder.mkdir()
    rows, columns = np.mgrid[0 : SIDES[0], 0 : SIDES[1]].astype(np.float32)
    first = np.stack([rows * 0.8, columns * 0.6, np.where(columns > 48, 40.0, 4.0)], axis=-1).astype(np.uint8)
    both = [first, np.ascontiguousarray(first[::-1, :, ::-1])]
    for index, picture in enumerate(both):
        Image.fromarray(picture).save(folder / f"{index}.png")
    return both


def _restored(path: Path, picture: NDArray[np.uint8]) -> tuple[Any, list[Failure]]:
    """Load an artifact and restore a picture; None where that is refused."""
    try:
        with _loaded(path) as restore:
            return restore(picture), []
    except RestorectError:
        return None, []
    except Exception as error:
        return None, [*of_exception(error, "load")]


def _loaded(path: Path) -> Any:
    """Load an artifact; one for a GPU with what its verification runs it by."""
    return restorect_edge.load(path, threads=1, runtime="onnxruntime" if "-tensorrt-" in path.name else None)


def _compared(
    found: Any, copy: Path, original: Path, picture: NDArray[np.uint8], damage: str
) -> Iterator[Failure]:
    """Compare what an artifact that passes makes with what it made before it was damaged.

    A manifest that was made to ask for larger images has them continued by reflection, which the prior sees.
    """
    (height, width), spec = picture.shape[:2], Artifact.open(copy).manifest.spec
    below, beside = (n - m for n, m in zip(spec.size.padded(height, width), (height, width), strict=True))
    with _loaded(original) as restore:
        if below >= height or beside >= width:
            picture = np.pad(picture, ((0, below), (0, beside), (0, 0)), mode="reflect")
        wanted = restore(picture)[: height * spec.scale, : width * spec.scale]
    if found.shape != wanted.shape:
        yield Failure("an artifact that passes gives another size", f"{found.shape}, not {wanted.shape}")
    elif psnr(found, wanted) < LEAST_DB:
        yield Failure("an artifact that passes gives a wrong picture", f"{psnr(found, wanted):.1f} dB")
