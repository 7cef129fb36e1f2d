"""Command line: ``python -m restorect_edge.evaluate WEIGHTS_OR_ARTIFACT --data DIR``."""

import argparse
import csv
import io
import json
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from restorect_edge._command import Parser, run
from restorect_edge._files import replacing
from restorect_edge.errors import UsageError, unknown_name
from restorect_edge.metrics import gt_mean, psnr, ssim
from restorect_edge.runtimes import RUNTIMES, Runtime, load
from restorect_edge.training.data import Pair, find_pairs

EXAMPLES = """  python -m restorect_edge.evaluate lowlight-small --data pairs/val
  python -m restorect_edge.evaluate lowlight-small --data pairs/val --runtime openvino --json
  python -m restorect_edge.evaluate out/lowlight-small-coreml-fp16-400x600 --data pairs/val --csv scores.csv

DIR holds low/ and high/, or input/ and target/, with files of the same names. Scores follow the protocol
'standard': RGB, full resolution, 8-bit output, means over images; psnr_gt_mean is the PSNR after scaling
the output to the target's mean grey. Weights with a --runtime other than torch are exported first, to a
temporary folder.
"""

PROTOCOL = "standard"
WINDOW = 11
"""Smallest side that SSIM is defined for, in pixels."""
EQUAL = 200.0
"""What stands for the infinite PSNR of equal images, so that means stay numbers."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """One image's scores; PSNR in dB."""

    name: str
    psnr: float
    ssim: float
    psnr_gt_mean: float


def parser() -> Parser:
    """Return the parser."""
    p = Parser("evaluate", "Score weights or an artifact on pairs of degraded and clean images.", EXAMPLES)
    p.add_argument("source", metavar="WEIGHTS_OR_ARTIFACT", help="weights by name or file, or an artifact")
    p.add_argument("--data", type=Path, required=True, metavar="DIR", help="folder of pairs")
    p.add_argument(
        "--runtime", metavar="NAME", help=f"back end: {', '.join(RUNTIMES)}; default the source's own"
    )
    p.add_argument("--device", default="auto", metavar="D", help="such as cpu, gpu, cuda; default auto")
    p.add_argument("--json", action="store_true", help="one JSON object on standard output")
    p.add_argument("--csv", type=Path, metavar="FILE", help="write the scores of each image")
    return p


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command and return its exit code."""
    return run(_evaluate, parser(), argv)


def _evaluate(args: argparse.Namespace) -> int:
    pairs = find_pairs(args.data)
    with _runtime(args.source, args.runtime, args.device) as restore:
        scores = [score(restore, pair) for pair in tqdm(pairs, unit="image", file=sys.stderr, disable=None)]
        summary = summarise(scores, restore)
    if args.csv:
        write_csv(args.csv, scores)
    print(json.dumps(summary, indent=2) if args.json else _text(summary))
    return 0


@contextmanager
def _runtime(source: str, runtime: str | None, device: str) -> Iterator[Runtime]:
    """Load an artifact or weights; weights for another back end than torch are exported for it first."""
    if runtime is not None and runtime not in RUNTIMES:
        raise unknown_name("runtime", runtime, RUNTIMES)
    if Path(source).is_dir() or runtime in (None, "torch"):
        with load(source, device=device, runtime=runtime) as loaded:
            yield loaded
        return
    from restorect_edge.export import export

    target = RUNTIMES[runtime].targets[0]
    with tempfile.TemporaryDirectory() as folder:
        artifact = export(source, target=target, dynamic=True, output_dir=folder, progress=_say)
        with load(artifact.path, device=device, runtime=runtime) as loaded:
            yield loaded


def score(restore: Runtime, pair: Pair) -> Score:
    """Restore the degraded image as uint8 and compare it with the clean one.

    Raises:
        UsageError: the images do not match in size, or have a side under 11 pixels.
    """
    degraded, clean = pair.read()
    if min(degraded.shape[:2]) < WINDOW:
        height, width = degraded.shape[:2]
        raise UsageError(
            f"pair '{pair.name}' is {width}×{height}; SSIM needs sides of at least {WINDOW} pixels"
        )
    restored = restore(degraded)
    if restored.shape != clean.shape:
        raise UsageError(
            f"pair '{pair.name}': the output is {restored.shape}, the clean image {clean.shape}; "
            f"this network enlarges by {restore.info.spec.scale}, which pairs of one size cannot score"
        )
    return Score(
        name=pair.name,
        psnr=min(psnr(restored, clean), EQUAL),
        ssim=ssim(restored, clean),
        psnr_gt_mean=min(psnr(gt_mean(restored, clean), clean), EQUAL),
    )


def summarise(scores: Sequence[Score], restore: Runtime) -> dict[str, Any]:
    """Return the means over images, the protocol and what ran."""
    means = {
        key: round(float(np.mean([getattr(s, key) for s in scores])), 4)
        for key in ("psnr", "ssim", "psnr_gt_mean")
    }
    return {
        "images": len(scores),
        **means,
        "protocol": PROTOCOL,
        "runtime": restore.name,
        "provider": restore.provider,
    }


def write_csv(path: Path, scores: Sequence[Score]) -> None:
    """Write a line per image; the file appears whole or not at all."""
    try:
        with replacing(path) as stream, io.TextIOWrapper(stream, "utf-8", newline="") as text:
            writer = csv.DictWriter(text, [field.name for field in fields(Score)])
            writer.writeheader()
            writer.writerows(asdict(s) for s in scores)
    except OSError as error:
        raise UsageError(f"cannot write '{path}': {error.strerror}") from error


def _text(summary: dict[str, Any]) -> str:
    return (
        f"PSNR {summary['psnr']:.2f} dB, SSIM {summary['ssim']:.4f}, "
        f"with GT-mean {summary['psnr_gt_mean']:.2f} dB "
        f"({summary['images']} images, protocol {summary['protocol']}, {summary['provider']})"
    )


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
