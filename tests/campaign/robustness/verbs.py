"""Commands that write, how they are asked to go on, and what of their output is finished."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from robustness.worker import command

from restorect_edge.artifact import Artifact
from restorect_edge.cli.verbs import main
from restorect_edge.media.photos import photos

__all__ = ["VERBS", "Verb", "finished", "inputs"]

SIDES = 64, 96
PICTURES = 16
Context = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Verb:
    """A row of the table."""

    arguments: Callable[[Path, Path, Context], list[str]]
    """Inputs, output folder and context → arguments."""
    again: Callable[[Path], list[str]] = lambda out: []
    """What is added to go on with what is in the output folder."""
    exact: bool = True
    """Whether the same command always writes the same bytes."""


def _run(data: Path, out: Path, context: Context) -> list[str]:
    return ["run", context["artifact"], str(data / "dark"), "-o", str(out / "restored"), "--threads", "1"]


def _export(target: str) -> Callable[[Path, Path, Context], list[str]]:
    def arguments(data: Path, out: Path, context: Context) -> list[str]:
        return [
            "export",
            "--weights",
            "lowlight-nano",
            "--target",
            target,
            "--shapes",
            "64x96",
            "-o",
            str(out),
        ]

    return arguments


def _calibrate(data: Path, out: Path, context: Context) -> list[str]:
    pairs = str(data / "pairs")
    options = ["--data", pairs, "--num", "2", "--validation", pairs, "--max-psnr-drop", "9"]
    return ["calibrate", "--weights", "lowlight-nano", *options, "-o", str(out / "plan.json")]


def _train(data: Path, out: Path, context: Context) -> list[str]:
    sizes = ["--iterations", "24", "--batch", "2", "--patch", "32", "--validate-every", "3", "--warmup", "1"]
    pairs = str(data / "pairs")
    return [
        *(
            "train",
            "student",
            "--preset",
            "nano",
            "--data",
            pairs,
            "--validation",
            pairs,
            "-o",
            str(out / "run"),
        ),
        *(*sizes, "--threads", "1"),
    ]


def _evaluate(data: Path, out: Path, context: Context) -> list[str]:
    return ["evaluate", context["artifact"], "--data", str(data / "pairs"), "--csv", str(out / "scores.csv")]


def _overwrite(out: Path) -> list[str]:
    return ["--overwrite"] if any(not path.name.startswith(".") for path in out.glob("*")) else []


VERBS: Mapping[str, Verb] = {
    "run": Verb(_run),
    "export": Verb(_export("onnx"), _overwrite, exact=False),
    "export openvino": Verb(_export("openvino"), _overwrite, exact=False),
    "calibrate": Verb(_calibrate),
    "train": Verb(_train, lambda out: ["--resume"] if (out / "run" / "last.safetensors").is_file() else []),
    "evaluate": Verb(_evaluate),
}


def inputs(folder: Path) -> Path:
    """Make the pictures and pairs that all commands read, once."""
    if not folder.is_dir():
        partial = folder.with_name(f"{folder.name}-unfinished")
        for name in ("dark", "pairs/low", "pairs/high"):
            (partial / name).mkdir(parents=True, exist_ok=True)
        found = [*photos(SIDES).values()]
        for index in range(PICTURES):
            picture = np.roll(found[index % len(found)], index * 5, axis=1)
            Image.fromarray(picture).save(partial / "dark" / f"{index:02d}.png")
        for index, dark in enumerate(found):
            bright = np.minimum(dark.astype(np.int64) * 5, 255).astype(np.uint8)
            Image.fromarray(dark).save(partial / "pairs" / "low" / f"{index}.png")
            Image.fromarray(bright).save(partial / "pairs" / "high" / f"{index}.png")
        partial.rename(folder)
    return folder


def finished(out: Path) -> dict[str, Any]:
    """Read everything below an output folder that has the name of something finished.

    Returns:
        By relative path what it says: pixels, JSON, tensors; an artifact as a whole.

    Raises:
        Exception: something is not whole: half a picture, broken JSON, files that do not fit their hashes.
    """
    found: dict[str, Any] = {}
    for path in sorted(out.glob("*")):
        if path.name.startswith("."):
            continue
        if (path / "report.json").exists() or (path / "golden").exists():
            found[path.name] = sorted(Artifact.open(path).manifest.files)
            continue
        for file in [path] if path.is_file() else sorted(path.rglob("*")):
            if file.is_file() and not file.name.startswith(".") and "tensorboard" not in file.parts:
                found[file.relative_to(out).as_posix()] = _content(file)
    return found


def _content(file: Path) -> Any:
    if file.suffix in (".png", ".jpg"):
        with Image.open(file) as image:
            return np.asarray(image).tobytes() if file.suffix == ".png" else image.convert("RGB").size
    if file.suffix == ".json":
        return _timeless(json.loads(file.read_text(encoding="utf-8")))
    if file.suffix == ".jsonl":
        return [json.loads(line)["step"] for line in file.read_text(encoding="utf-8").splitlines()]
    if file.suffix == ".safetensors":
        from safetensors.numpy import load_file

        return {name: value.tobytes() for name, value in load_file(file).items()}
    return file.read_bytes()


def _timeless(data: Any) -> Any:
    """Return JSON without the entries that depend on the clock."""
    if isinstance(data, dict):
        clock = ("minutes", "seconds", "created", "date", "took", "time")
        return {
            key: _timeless(value) for key, value in data.items() if not any(word in key for word in clock)
        }
    return [_timeless(value) for value in data] if isinstance(data, list) else data


def clean(name: str, data: Path, out: Path, context: Context) -> dict[str, Any]:
    """Run a command undisturbed and return what it finished.

    Raises:
        RuntimeError: it failed.
    """
    out.mkdir(parents=True, exist_ok=True)
    done = command(main, VERBS[name].arguments(data, out, context))
    if done.code:
        raise RuntimeError(f"{name} fails undisturbed: {done.err[-1500:]}")
    return finished(out)
