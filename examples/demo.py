"""The main job from end to end: export to every target, verify, restore a dark photograph, compare.

python examples/demo.py -o out/demo
"""

import argparse
import sys
from pathlib import Path

from PIL import Image, ImageDraw

import restorect_edge
from restorect_edge.bench.measure.timing import interleaved
from restorect_edge.export import TARGETS, ExportRequest, prepare
from restorect_edge.media.photos import photo_paths

COLUMNS = ("target", "precision", "size", "PSNR vs torch", "ms here", "verified by")
RUNS = 5


def main() -> int:
    """Run the demonstration and return the exit code."""
    args = _parser().parse_args()
    plan = prepare(args.weights, list(TARGETS), ExportRequest(output_dir=args.output_dir))
    artifacts = plan.run(overwrite=True, progress=lambda line: print(line, file=sys.stderr, flush=True))
    photo = args.photo or photo_paths()[1]
    restored = _restore(args.weights, photo)
    rows = [("torch", "fp32", "-", "-", f"{restored[1]:.0f}", "is the reference")]
    rows += [_row(artifact, photo) for artifact in artifacts]
    print(_table(rows))
    picture = Path(args.output_dir) / "before-after.png"
    _side_by_side(Image.open(photo), restored[0]).save(picture)
    print(f"\nbefore and after: {picture}")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("-o", "--output-dir", default="out/demo")
    parser.add_argument("--weights", default="lowlight-small")
    parser.add_argument("--photo", type=Path, help="default: a shipped dark photograph, 600x400")
    return parser


def _row(artifact: restorect_edge.Artifact, photo: Path) -> tuple[str, ...]:
    manifest = artifact.manifest
    facts = manifest.verification
    return (
        manifest.target,
        manifest.precision,
        f"{artifact.bytes / 1e6:.2f} MB",
        f"{facts['psnr']:.1f} dB",
        _milliseconds(artifact, photo),
        facts["by"],
    )


def _milliseconds(artifact: restorect_edge.Artifact, photo: Path) -> str:
    """Time the artifact where its own runtime is here; an emulation's time says nothing of the device."""
    if artifact.manifest.target not in ("onnx", "openvino"):
        return "not measured"
    return f"{_restore(artifact.path, photo)[1]:.0f}"


def _restore(source: str | Path, photo: Path) -> tuple[Image.Image, float]:
    with restorect_edge.load(source) as restore:
        restored = restore(photo)
        times = interleaved({"photo": lambda: restore(photo)}, rounds=RUNS, warm_up=0)
    return restored, times["photo"].ms.value


def _table(rows: list[tuple[str, ...]]) -> str:
    widths = [max(map(len, column)) for column in zip(COLUMNS, *rows, strict=True)]
    lines = [
        "  ".join(cell.ljust(w) for cell, w in zip(row, widths, strict=True)) for row in (COLUMNS, *rows)
    ]
    return "\n".join([lines[0], "  ".join("-" * w for w in widths), *lines[1:]])


def _side_by_side(before: Image.Image, after: Image.Image) -> Image.Image:
    picture = Image.new("RGB", (2 * before.width + 8, before.height + 28), "white")
    draw = ImageDraw.Draw(picture)
    for left, title, image in ((0, "before", before), (before.width + 8, "after", after)):
        draw.text((left + 6, 6), title, fill="black", font_size=14)
        picture.paste(image.convert("RGB"), (left, 28))
    return picture


if __name__ == "__main__":
    sys.exit(main())
