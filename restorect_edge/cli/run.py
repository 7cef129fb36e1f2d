"""Command line: ``python -m restorect_edge.run ARTIFACT INPUT... -o OUT``."""

import argparse
import os
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tqdm import tqdm

from restorect_edge.cli.command import Parser, run
from restorect_edge.errors import RestorectError, UsageError
from restorect_edge.inference.base import Runtime
from restorect_edge.inference.video.stream import FrameRestorer
from restorect_edge.media import imagefiles, video
from restorect_edge.targets.loading import load
from restorect_edge.targets.registry import RUNTIMES

EXAMPLES = """  python -m restorect_edge.run lowlight-small dark.jpg -o bright.jpg
  python -m restorect_edge.run out/lowlight-small-openvino-fp32-400x600 photos -o restored
  python -m restorect_edge.run out/lowlight-small-onnx-fp32-split-dynamic big.png -o big-bright.png --tile 512
  python -m restorect_edge.run out/lowlight-small-onnx-fp32-split-dynamic dark.mp4 -o out.mp4 --prior-every 8
  python -m restorect_edge.run lowlight-nano --camera /dev/video0 -o bright.mp4

OUT is a file for one input file and a folder for anything else; folders keep their structure and names.
Videos are written with H.264 (.mp4, .m4v, .mov, .mkv), their audio copied; Ctrl-C ends a camera's recording,
and leaves no file of a video. They need the extra 'video'.

Reads and writes 8-bit JPEG, PNG, TIFF and WebP and 16-bit PNG. EXIF data with its orientation, colour
profile and resolution are kept. A file that cannot be restored is reported, the others go on, and the
exit code is 1.
"""


@dataclass(frozen=True, slots=True)
class Job:
    """An image to restore and where the result goes."""

    source: Path
    destination: Path


def parser() -> Parser:
    """Return the parser."""
    p = Parser("run", "Restore photographs, whole folders of them, videos and cameras.", EXAMPLES)
    p.add_argument(
        "artifact", metavar="ARTIFACT", help="directory that an export made; or weights, by name or file"
    )
    p.add_argument("inputs", metavar="INPUT", nargs="*", type=Path, help="images and folders, or a video")
    p.add_argument("--camera", metavar="DEVICE", help="record from a camera, such as /dev/video0")
    p.add_argument(
        "--prior-every", type=int, default=1, metavar="K", help="run the prior every K frames; default 1"
    )
    p.add_argument(
        "--smooth",
        type=float,
        default=0.0,
        metavar="A",
        help="share of latent and brightness kept from frame to frame, 0 to below 1; default 0",
    )
    p.add_argument("-o", "--output", metavar="OUT", required=True, help="file or folder")
    p.add_argument("--tile", type=int, metavar="N", help="side of what each tile contributes, in pixels")
    p.add_argument("--device", default="auto", metavar="D", help="such as cpu, gpu, cuda; default auto")
    p.add_argument(
        "--runtime", metavar="R", help=f"back end, if not the artifact's own: {', '.join(RUNTIMES)}"
    )
    p.add_argument("--threads", type=int, metavar="N", help="CPU threads; default: the back end decides")
    p.add_argument("--overwrite", action="store_true", help="replace files that exist")
    p.add_argument(
        "--quality", type=int, default=95, metavar="Q", help="of JPEG and WebP, 1 to 100; default 95"
    )
    p.add_argument("-v", "--verbose", action="store_true", help="show the timing of each image")
    return p


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command and return its exit code."""
    return run(_run, parser(), argv)


def _run(args: argparse.Namespace) -> int:
    if not 1 <= args.quality <= 100:
        raise UsageError(f"--quality is 1 to 100, got {args.quality}")
    if args.camera or any(path.suffix.lower() in video.READABLE for path in args.inputs):
        return _run_video(args)
    if not args.inputs:
        raise UsageError("give an INPUT to restore, or --camera DEVICE; see: restorect-edge run --help")
    if args.prior_every != 1 or args.smooth:
        raise UsageError("--prior-every and --smooth are for videos and cameras; leave them out for images")
    jobs = plan(args.inputs, args.output)
    check_outputs(jobs, overwrite=args.overwrite)
    with load(args.artifact, device=args.device, threads=args.threads, runtime=args.runtime) as restore:
        _say(f"{len(jobs)} image{'' if len(jobs) == 1 else 's'}, {restore.provider}")
        failed = _restore_all(restore, jobs, args)
    if failed:
        raise UsageError(f"{failed} of {len(jobs)} images were not restored; the messages above say why")
    print(args.output)
    return 0


def _run_video(args: argparse.Namespace) -> int:
    """Restore one video or camera into one file."""
    if len(args.inputs) + bool(args.camera) != 1:
        raise UsageError("one video or one --camera at a time, and no images beside it")
    if args.inputs and not args.inputs[0].is_file():
        raise UsageError(f"no video at '{args.inputs[0]}'")
    out = Path(args.output)
    if args.inputs and out.exists() and out.samefile(args.inputs[0]):
        raise UsageError(f"'{out}' is the input itself; choose another -o")
    video.check_destination(out)
    check_outputs([Job(out, out)], overwrite=args.overwrite)
    with load(args.artifact, device=args.device, threads=args.threads, runtime=args.runtime) as runtime:
        restore = FrameRestorer(runtime, prior_every=args.prior_every, smooth=args.smooth, tile=args.tile)
        if args.camera:
            frames, dropped = video.restore_camera(args.camera, out, restore)
            _say(f"{frames} frames, {dropped} dropped, {runtime.provider}")
        else:
            _say(f"{video.restore_video(args.inputs[0], out, restore)} frames, {runtime.provider}")
    print(out)
    return 0


def plan(inputs: Sequence[Path], output: str) -> list[Job]:
    """Pair every image of the inputs with its destination.

    Args:
        inputs: files and folders; folders are searched below, without hidden files.
        output: a file if the only input is a file, else a folder. A name with a suffix is a file unless it
            ends in a slash or such a folder exists.

    Raises:
        UsageError: a missing input, no image in a folder, an output that is not one, or two inputs that
            would get the same destination.
    """
    out = Path(output)
    if len(inputs) == 1 and inputs[0].is_file() and out.suffix and not (output.endswith("/") or out.is_dir()):
        imagefiles.check_suffix(out)
        return [Job(inputs[0], out)]
    if out.is_file():
        raise UsageError(f"'{out}' is a file; for several images or a folder, -o names a folder")
    jobs = [job for source in inputs for job in _jobs(source, out)]
    taken: dict[Path, Path] = {}
    for job in jobs:
        first = taken.setdefault(job.destination, job.source)
        if first != job.source:
            raise UsageError(
                f"'{first}' and '{job.source}' would both become '{job.destination}'; run them apart"
            )
    return list(dict.fromkeys(jobs))


def _jobs(source: Path, out: Path) -> list[Job]:
    if source.is_file():
        return [Job(source, out / source.name)]
    if not source.is_dir():
        raise UsageError(f"no image or folder at '{source}'")
    found = [path for path in sorted(source.rglob("*")) if _is_image(path, source)]
    if out.resolve() != source.resolve():  # what an earlier run left in a folder inside is no input
        found = [path for path in found if not path.resolve().is_relative_to(out.resolve())]
    if not found:
        raise UsageError(f"no images in '{source}'; readable: {', '.join(sorted(imagefiles.FORMATS))}")
    return [Job(path, out / path.relative_to(source)) for path in found]


def _is_image(path: Path, folder: Path) -> bool:
    hidden = any(part.startswith(".") for part in path.relative_to(folder).parts)
    return not hidden and path.suffix.lower() in imagefiles.FORMATS and path.is_file()


def check_outputs(jobs: Sequence[Job], *, overwrite: bool) -> None:
    """Raise `UsageError` before any work if a destination exists unwanted or cannot be made."""
    for folder in {job.destination.parent for job in jobs}:
        existing = next(path for path in (folder, *folder.parents) if path.exists())
        if not existing.is_dir() or not os.access(existing, os.W_OK):
            raise UsageError(f"cannot write below '{existing}'; choose another folder with -o")
    there = [] if overwrite else [job.destination for job in jobs if job.destination.exists()]
    if there:
        more = f" and {len(there) - 1} more" if len(there) > 1 else ""
        raise UsageError(f"'{there[0]}'{more} exists; use --overwrite to replace, or another -o")


def _restore_all(restore: Runtime, jobs: Sequence[Job], args: argparse.Namespace) -> int:
    """Restore every image and return how many failed; a single one's own error is raised."""
    failed = 0
    for job in tqdm(jobs, unit="image", file=sys.stderr, disable=None):
        try:
            line = restore_file(restore, job, tile=args.tile, quality=args.quality)
        except RestorectError as error:
            if len(jobs) == 1:
                raise
            failed += 1
            _say(f"error: {job.source}: {error}")
        else:
            if args.verbose:
                _say(line)
    return failed


def restore_file(restore: Runtime, job: Job, *, tile: int | None = None, quality: int = 95) -> str:
    """Restore one file, 16-bit ones in floating point, and return a line about the time it took."""
    started = time.perf_counter()
    photo = imagefiles.read(job.source)
    decoded = time.perf_counter()
    restored = restore(photo.image, tile=tile)
    done = time.perf_counter()
    imagefiles.write(job.destination, restored, like=photo, quality=quality)
    height, width = photo.pixels.shape[:2]
    stages = {"read": decoded - started, "write": time.perf_counter() - done}
    shown = {**{k: 1e3 * v for k, v in stages.items()}, **restore.timings}
    return f"{job.source} {width}×{height}: " + ", ".join(f"{k} {v:.1f} ms" for k, v in shown.items())


def _say(line: str) -> None:
    tqdm.write(line, file=sys.stderr)
