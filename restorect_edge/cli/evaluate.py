"""Command line: ``python -m restorect_edge.evaluate WEIGHTS_OR_ARTIFACT --data DIR``."""

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from restorect_edge.cli.command import Parser, run
from restorect_edge.errors import UsageError, unknown_name
from restorect_edge.evaluation import sheet
from restorect_edge.evaluation.protocols import PROTOCOLS, protocol
from restorect_edge.evaluation.report import Report, report, write_csv, write_markdown
from restorect_edge.evaluation.scores import METRICS, Evaluator, choose
from restorect_edge.inference.base import Runtime
from restorect_edge.media.decoding import read_rgb
from restorect_edge.media.encoding import write as write_image
from restorect_edge.media.folders import images_in
from restorect_edge.media.formats import check_suffix
from restorect_edge.media.photo import Photo
from restorect_edge.targets.loading import load
from restorect_edge.targets.registry import RUNTIMES
from restorect_edge.training.data.folders import Pair, find_pairs, has_pairs
from restorect_edge.utils.destination import require_writable

EXAMPLES = """  python -m restorect_edge.evaluate lowlight-small --data pairs/val
  python -m restorect_edge.evaluate lowlight-small --data pairs/val --runtime openvino --json
  python -m restorect_edge.evaluate lowlight-small --data pairs/val --metrics psnr,ssim,lpips --csv scores.csv
  python -m restorect_edge.evaluate lowlight-small --data pairs/val --markdown report.md --sheet sheet.jpg
  python -m restorect_edge.evaluate out/lowlight-small-onnx-fp32 --data pairs/val --protocol restorect
  python -m restorect_edge.evaluate lowlight-small --data photos --metrics niqe,brisque

DIR holds low/ and high/, or input/ and target/, with files of the same names; or images alone, which only
metrics without a target can score. Scores are means over images, and of different protocols never comparable:

  standard   RGB, full resolution, 8-bit output; psnr_gt_mean, a column of its own, is the PSNR after scaling
             the output to the target's mean grey
  gt-mean    every metric after that scaling
  restorect  as the script published with RestoRect: bilinear 256x256, correction of mean and deviation
             towards the target by 0.1 (--correction), luma with red and blue exchanged, border of 5 pixels

lpips, fid and clip_iqa need the extra 'metrics' and download their weights; all others run everywhere, but
for biqi, whose models no package ships. Weights with a --runtime other than torch are exported first, to a
temporary folder.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """One image to restore, as files."""

    name: str
    degraded: Path
    clean: Path | None

    def read(self) -> tuple[NDArray[np.uint8], NDArray[np.uint8] | None]:
        """Decode it as (H, W, 3) uint8 RGB, with its clean image if it has one."""
        if self.clean is None:
            return read_rgb(self.degraded), None
        return Pair(self.name, self.degraded, self.clean).read()


def parser() -> Parser:
    """Return the parser."""
    p = Parser("evaluate", "Score weights or an artifact on pairs of degraded and clean images.", EXAMPLES)
    p.add_argument("source", metavar="WEIGHTS_OR_ARTIFACT", help="weights by name or file, or an artifact")
    p.add_argument("--data", type=Path, required=True, metavar="DIR", help="folder of pairs, or of images")
    p.add_argument(
        "--runtime", metavar="NAME", help=f"back end: {', '.join(RUNTIMES)}; default the source's own"
    )
    p.add_argument("--device", default="auto", metavar="D", help="such as cpu, gpu, cuda; default auto")
    p.add_argument(
        "--protocol", default="standard", metavar="NAME", help=f"{', '.join(PROTOCOLS)}; default standard"
    )
    p.add_argument(
        "--correction",
        type=float,
        metavar="S",
        help="strength of restorect's correction, 0 to 1; default 0.1",
    )
    p.add_argument(
        "--metrics", metavar="LIST", help=f"of {','.join(METRICS)}; default psnr,ssim,psnr_gt_mean for pairs"
    )
    p.add_argument("--json", action="store_true", help="one JSON object on standard output")
    p.add_argument("--csv", type=Path, metavar="FILE", help="write the scores of each image")
    p.add_argument("--markdown", type=Path, metavar="FILE", help="write a page with conditions and tables")
    p.add_argument(
        "--sheet", type=Path, metavar="FILE", help="write the best, median and worst image as a picture"
    )
    return p


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command and return its exit code."""
    return run(_evaluate, parser(), argv)


def _evaluate(args: argparse.Namespace) -> int:
    if args.sheet:
        check_suffix(args.sheet)
    for option in ("csv", "markdown", "sheet"):
        if (path := getattr(args, option)) is not None:
            require_writable(path, option=f"--{option}")
    items = find(args.data)
    chosen = protocol(args.protocol, correction=args.correction)
    evaluator = Evaluator(chosen, choose(args.metrics, chosen, paired=items[0].clean is not None))
    with _runtime(args.source, args.runtime, args.device) as restore:
        for item in tqdm(items, unit="image", file=sys.stderr, disable=None):
            add(evaluator, restore, item)
        found = report(
            evaluator,
            source=args.source,
            data=str(args.data),
            runtime=restore.name,
            provider=restore.provider,
        )
        if args.sheet:
            write_sheet(args.sheet, found, restore, items)
    if args.csv:
        write_csv(args.csv, found)
    if args.markdown:
        write_markdown(args.markdown, found)
    print(json.dumps(found.as_json(), indent=2) if args.json else found.as_text())
    return 0


def find(folder: Path) -> list[Item]:
    """List the pairs below a folder, or the images in it and its sub-folders if it holds no pairs.

    Raises:
        UsageError: neither.
    """
    if folder.is_dir() and not has_pairs(folder) and (found := images_in(folder, recursive=True)):
        return [Item(name=p.relative_to(folder).as_posix(), degraded=p, clean=None) for p in found]
    return [Item(name=p.name, degraded=p.degraded, clean=p.clean) for p in find_pairs(folder)]


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


def add(evaluator: Evaluator, restore: Runtime, item: Item) -> None:
    """Restore an image as uint8 and score it.

    Raises:
        UsageError: the images do not match in size, or are too small for a metric.
    """
    degraded, clean = item.read()
    started = time.perf_counter()
    restored = restore(degraded)
    seconds = time.perf_counter() - started
    if clean is not None and restored.shape != clean.shape:
        raise UsageError(
            f"pair '{item.name}': the output is {restored.shape}, the clean image {clean.shape}; "
            f"this network enlarges by {restore.info.spec.scale}, which pairs of one size cannot score"
        )
    evaluator.add(item.name, restored, clean, restoring=seconds)


def write_sheet(path: Path, found: Report, restore: Runtime, items: Sequence[Item]) -> None:
    """Restore the best, the median and the worst image again and draw them; by the first metric per image."""
    key, metric = next((key, metric) for key, metric in found.metrics.items() if not metric.pooled)
    by_name = {item.name: item for item in items}
    rows = []
    for place, score in sheet.pick(found.scores, key, metric).items():
        degraded, clean = by_name[score.name].read()
        pictures = [("input", degraded), ("output", restore(degraded))]
        if clean is not None:
            pictures.append(("target", clean))
        title = f"{place} by {metric.title}: {score.name}"
        rows.append(sheet.Row(title=title, caption=sheet.caption(score, found.metrics), pictures=pictures))
    heading = f"{found.source} on {found.data}, {len(found.scores)} images, protocol {found.protocol.name}"
    pixels = sheet.draw(heading, rows)
    write_image(path, pixels, like=Photo(pixels=pixels))


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)
