"""Command line: ``python -m restorect_edge.evaluate WEIGHTS_OR_ARTIFACT --data DIR``."""

import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from restorect_edge.cli.command import run, say
from restorect_edge.cli.network import licenses
from restorect_edge.cli.options.parser import Parser
from restorect_edge.cli.options.shared import Json
from restorect_edge.errors import UsageError
from restorect_edge.evaluation.published import DATASETS, comparable, table
from restorect_edge.evaluation.report import Report, write_csv, write_markdown
from restorect_edge.media.formats import check_suffix
from restorect_edge.scoring.comparison import as_text, write_comparison, write_rows
from restorect_edge.scoring.evaluate import Scoring, score
from restorect_edge.scoring.items import find
from restorect_edge.scoring.sheets import write_sheet
from restorect_edge.utils.destination import require_writable
from restorect_edge.utils.options import argument, option

EXAMPLES = """  python -m restorect_edge.evaluate lowlight-small --data pairs/val
  python -m restorect_edge.evaluate lowlight-small --data pairs/val --runtime openvino --json
  python -m restorect_edge.evaluate lowlight-small --data pairs/val --metrics psnr,ssim,lpips --csv scores.csv
  python -m restorect_edge.evaluate lowlight-small --data pairs/val --markdown report.md --sheet sheet.jpg
  python -m restorect_edge.evaluate out/lowlight-small-onnx-fp32 --data pairs/val --protocol restorect
  python -m restorect_edge.evaluate lowlight-small --data photos --metrics niqe,brisque
  python -m restorect_edge.evaluate --outputs results/theirs --data pairs/val --published lol-v1
  python -m restorect_edge.evaluate --compare lowlight-small results/theirs theirs.pth --data pairs/val
  python -m restorect_edge.evaluate RealESRGAN_x4plus.pth --data Set5 --protocol sr

DIR holds low/ and high/, or input/ and target/, with files of the same names; or images alone, which only
metrics without a target can score. Clean images are as large as the output: 2, 3 or 4 times the degraded ones
for a network that enlarges. Scores are means over images, and of different protocols never comparable:

  standard   RGB, full resolution, 8-bit output; psnr_gt_mean, a column of its own, is the PSNR after scaling
             the output to the target's mean gray
  gt-mean    every metric after that scaling
  restorect  as the script published with RestoRect: bilinear 256x256, correction of mean and deviation
             towards the target by 0.1 (--correction), luma with red and blue exchanged, border of 5 pixels
  sr         super-resolution: luma, a border of as many pixels as the network enlarges by (--border)

lpips, fid and clip_iqa need the extra 'metrics' and download their weights; all others run everywhere, but
for biqi, whose models no package ships. Weights with a --runtime other than torch are exported first, to a
temporary folder.
"""


@dataclass(frozen=True, kw_only=True)
class Evaluate(Scoring, Json):
    """Options of `evaluate`."""

    source: str | None = argument(None, metavar="WEIGHTS_OR_ARTIFACT")
    """Weights by name or file, or an artifact."""
    outputs: str | None = option(None, metavar="DIR")
    """Score the pictures in DIR, which any method made, instead."""
    compare: tuple[str, ...] | None = option(None, metavar="SOURCE")
    """Several of these, folders of results as well, in one table and one sheet."""
    published: str | None = option(None, metavar="SET", more=", ".join(DATASETS))
    """Show published figures beside."""
    csv: Path | None = option(None, metavar="FILE")
    """Write the scores of each image."""
    markdown: Path | None = option(None, metavar="FILE")
    """Write a page with conditions and tables."""
    sheet: Path | None = option(None, metavar="FILE")
    """Write the best, median and worst image as a picture."""


def parser() -> Parser:
    """Return the parser."""
    description = "Score weights, an artifact or results on pairs of images."
    return Parser("evaluate", description, EXAMPLES, Evaluate)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command and return its exit code."""
    return run(_evaluate, parser(), argv)


def _evaluate(args: Evaluate) -> int:
    sources = _sources(args)
    args.check_values(sources)
    if args.sheet:
        check_suffix(args.sheet)
    for name in ("csv", "markdown", "sheet"):
        if (path := getattr(args, name)) is not None:
            require_writable(path, option=f"--{name}")
    if args.published:
        comparable(args.published, args.protocol)
    items = find(Path(args.data))
    for line in licenses(sources):
        print(line, file=sys.stderr)
    args.evaluator(items)  # refuses what is wrong before anything is loaded
    told = replace(args, progress=say)
    found = [score(source, told, items) for source in sources]
    if args.sheet:
        write_sheet(
            args.sheet, found, items, sources, runtime=args.runtime, device=args.device, values=args.values
        )
    _write(args, found)
    return 0


def _sources(args: Evaluate) -> list[str]:
    """Return what is to be scored: exactly one of the source, --outputs and --compare is given."""
    given = [
        name
        for name, value in (
            ("WEIGHTS_OR_ARTIFACT", args.source),
            ("--outputs", args.outputs),
            ("--compare", args.compare),
        )
        if value is not None
    ]
    if len(given) != 1:
        raise UsageError(
            "name what to score: WEIGHTS_OR_ARTIFACT, or --outputs DIR, or --compare SOURCE SOURCE …; got "
            f"{' and '.join(given) or 'none of these'}"
        )
    if args.outputs is not None:
        if not Path(args.outputs).is_dir():
            raise UsageError(f"--outputs takes a folder of results, got '{args.outputs}'")
        return [args.outputs]
    return list(args.compare or filter(None, [args.source]))


def _write(args: Evaluate, found: Sequence[Report]) -> None:
    """Print what was found, and write the files that were asked for."""
    beside = _published(args, found)
    if args.compare is None:
        (one,) = found
        if args.csv:
            write_csv(args.csv, one)
        if args.markdown:
            write_markdown(args.markdown, one, more=beside)
        content: Any = one.as_json()
        text = one.as_text()
    else:
        if args.csv:
            write_rows(args.csv, found)
        if args.markdown:
            write_comparison(args.markdown, found, more=beside)
        content, text = {"methods": [one.as_json() for one in found]}, as_text(found)
    if args.published:
        content["published"] = [f.as_json() for f in comparable(args.published, args.protocol)]
    print(
        json.dumps(content, indent=2) if args.json else "\n".join([text, *(["", *beside] if beside else [])])
    )


def _published(args: Evaluate, found: Sequence[Report]) -> list[str]:
    """Return the lines of the table of published figures, where one was asked for."""
    if not args.published:
        return []
    own = [(r.source, r.means["psnr"], r.means.get("ssim")) for r in found if "psnr" in r.means]
    return table(args.published, args.protocol, own)
