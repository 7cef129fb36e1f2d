"""Command line: ``python -m restorect_edge.run [NETWORK] INPUT... -o OUT``."""

import argparse
import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from numpy.typing import NDArray
from tqdm import tqdm

from restorect_edge.batch.jobs import Job, beside, check_outputs, plan
from restorect_edge.batch.journal import Row
from restorect_edge.batch.lanes import Blended, SideBySide
from restorect_edge.batch.pipeline import Settings
from restorect_edge.batch.session import Outcomes, Session
from restorect_edge.cli.command import Parser, run
from restorect_edge.cli.network import network_and_inputs
from restorect_edge.errors import MissingDependencyError, RestorectError, UsageError, did_you_mean
from restorect_edge.inference.base import Runtime
from restorect_edge.inference.video.stream import FrameRestorer
from restorect_edge.media import video
from restorect_edge.media.formats import READABLE, VIDEO_SUFFIXES
from restorect_edge.media.opening import MAX_PIXELS
from restorect_edge.targets.loading import load
from restorect_edge.targets.registry import RUNTIMES
from restorect_edge.weights import licence, names, ready

EXAMPLES = """  python -m restorect_edge.run dark.jpg
  python -m restorect_edge.run --product dark.jpg
  python -m restorect_edge.run lowlight-nano dark.jpg --precision int8
  python -m restorect_edge.run out/lowlight-small-openvino-fp32-split-dynamic photos --report report.csv
  python -m restorect_edge.run out/lowlight-small-onnx-fp32-split-dynamic big.png -o big-bright.png --tile 512
  python -m restorect_edge.run out/lowlight-small-onnx-fp32-split-dynamic dark.mp4 -o out.mp4 --prior-every 8
  python -m restorect_edge.run lowlight-nano --camera 0 -o bright.mp4

NETWORK is a folder that an export made, or weights by name or file; without one, lowlight-small restores. The
package carries most weights ready for ONNX Runtime and OpenVINO, so that no PyTorch is needed to run them.

OUT is a file for one input file and a folder for anything else; folders keep their structure and names.
Without -o the result lies beside the input: dark-restored.jpg, photos-restored/.

Photographs: JPEG, PNG, TIFF, WebP, AVIF, BMP, JPEG 2000, PPM, TGA and GIF, in gray, RGB, palette and CMYK,
with alpha, in 8 and 16 bits; with the extra 'photo' HEIC, raw files (written as 16-bit TIFF) and rare TIFFs.
EXIF (its preview is remade), XMP, IPTC, comments, PNG text, color profiles, resolution and date are kept;
what a format cannot hold is said. Gray stays gray, 16 bits stay 16, and lossless files stay lossless.

A file that cannot be restored is reported, the others go on, and the exit code is 1. A folder that was
interrupted (Ctrl-C, SIGTERM, a crash) goes on where it stopped when the same command is given again.

Videos: whatever FFmpeg opens (extra 'video'), written as .mp4, .m4v, .mov, .mkv or .webm with all sound and
subtitle tracks, chapters and metadata that the container holds. Ctrl-C ends a camera's recording, and leaves
no file of a video.
"""
WORKERS = 2


def parser() -> Parser:
    """Return the parser."""
    p = Parser("run", "Restore photographs, whole folders of them, videos and cameras.", EXAMPLES)
    p.add_argument(
        "words", metavar="[NETWORK] INPUT", nargs="*", help="images and folders, or a video; a network before"
    )
    p.add_argument("-w", "--weights", metavar="NETWORK", help="the network; all words are inputs then")
    p.add_argument(
        "--product",
        action="store_true",
        help=f"only weights that may be shipped; default {licence.PRODUCT} then",
    )
    p.add_argument(
        "--precision", choices=ready.PRECISIONS, help="of weights by name; int8 is smaller and faster on CPUs"
    )
    p.add_argument("-o", "--output", metavar="OUT", help="file or folder; default: beside the input")
    p.add_argument("--overwrite", action="store_true", help="replace files that exist")
    p.add_argument(
        "--strength", type=float, default=1.0, metavar="S", help="0 (the input) to 1 (restored); default 1"
    )
    p.add_argument("--tile", type=int, metavar="N", help="side of what each tile contributes, in pixels")
    p.add_argument("--device", default="auto", metavar="D", help="such as cpu, gpu, cuda; default auto")
    p.add_argument(
        "--runtime", metavar="R", help=f"back end, if not the artifact's own: {', '.join(RUNTIMES)}"
    )
    p.add_argument("--threads", type=int, metavar="N", help="CPU threads; default: the back end decides")
    p.add_argument("-v", "--verbose", action="store_true", help="show the timing of each image")
    p.add_argument(
        "--at-once",
        type=int,
        metavar="N",
        help="images or frames restored side by side, sharing the threads; default: as many as there are "
        "threads, up to 4, where the back end gains by it; 1 for a camera, and for the least delay",
    )
    _add_photo_options(p)
    _add_video_options(p)
    return p


def _add_photo_options(p: Parser) -> None:
    g = p.add_argument_group("photographs and folders")
    g.add_argument(
        "--quality", type=int, default=95, metavar="Q", help="of JPEG, WebP, AVIF, HEIC, 1 to 100; default 95"
    )
    g.add_argument("--skip-existing", action="store_true", help="restore only files that have no output yet")
    g.add_argument(
        "--recursive",
        action=argparse.BooleanOptionalAction,
        default=True,
        help="look into sub-folders; default yes",
    )
    g.add_argument(
        "--report", type=Path, metavar="FILE", help="write what became of each file, .csv or .json"
    )
    g.add_argument(
        "--workers",
        type=int,
        metavar="N",
        help=f"threads that decode and encode beside the network; default {WORKERS}, 0: everything in turn; "
        "with --cluster: processes, default one per CPU",
    )
    g.add_argument(
        "--cluster",
        action="store_true",
        help="restore on Ray: the cluster of RAY_ADDRESS, or processes of this machine (extra 'ray')",
    )
    g.add_argument(
        "--max-megapixels",
        type=float,
        default=MAX_PIXELS / 1e6,
        metavar="M",
        help=f"largest photograph; default {MAX_PIXELS // 1_000_000}",
    )


def _add_video_options(p: Parser) -> None:
    defaults = video.VideoOptions()
    g = p.add_argument_group("videos and cameras")
    g.add_argument("--camera", metavar="DEVICE", help="record: a number, /dev/video0, or rtsp://HOST/PATH")
    g.add_argument(
        "--prior-every", type=int, default=1, metavar="K", help="run the prior every K frames; default 1"
    )
    g.add_argument(
        "--smooth",
        type=float,
        default=0.0,
        metavar="A",
        help="share of latent and brightness kept from frame to frame, 0 to below 1; default 0",
    )
    g.add_argument(
        "--no-fixed-copy",
        action="store_true",
        help="do not compile dynamic graphs for the video's size in the background (OpenVINO)",
    )
    g.add_argument("--encoder", metavar="NAME", help="such as libx264 (default), libx265, libsvtav1, ffv1")
    g.add_argument("--crf", type=int, metavar="N", help="quality, 0 (best) to 63; default 18 for libx264")
    g.add_argument(
        "--audio",
        default=defaults.audio,
        metavar="HOW",
        help="copy (default), encode what the container cannot hold, or drop that",
    )
    g.add_argument(
        "--tone-map",
        action="store_true",
        help="bring HDR (PQ, HLG) to SDR, which is restored; of photographs too",
    )
    g.add_argument(
        "--deinterlace",
        action=argparse.BooleanOptionalAction,
        default=defaults.deinterlace,
        help="make whole frames of two fields; default yes",
    )
    g.add_argument(
        "--max-damaged",
        type=float,
        default=defaults.max_damaged,
        metavar="S",
        help=f"share of frames that may be damaged, 0 to 1; default {defaults.max_damaged:g}",
    )


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command and return its exit code."""
    return run(_run, parser(), argv)


def _run(args: argparse.Namespace) -> int:
    args.artifact, args.inputs = network_and_inputs(args.words, args.weights, product=args.product)
    settings = Settings(
        tile=args.tile,
        quality=args.quality,
        strength=args.strength,
        max_pixels=round(args.max_megapixels * 1e6),
        tone_map=args.tone_map,
    )
    if args.at_once is not None and args.at_once < 1:
        raise UsageError(f"--at-once is 1 image or more, got {args.at_once}")
    if args.cluster and args.workers == 0:
        raise UsageError("--cluster needs at least one process, got --workers 0")
    if args.workers is not None and args.workers < 0:
        raise UsageError(f"--workers is 0 or more, got {args.workers}")
    if args.cluster and (args.camera or _is_video(args.inputs, args.output)):
        raise UsageError("--cluster is for photographs; a video is restored by one process")
    if args.camera or _is_video(args.inputs, args.output):
        return _run_video(args)
    if not args.inputs:
        raise _nothing_to_restore(args)
    if args.prior_every != 1 or args.smooth:
        raise UsageError("--prior-every and --smooth are for videos and cameras; leave them out for images")
    return _run_photos(args, settings)


def _nothing_to_restore(args: argparse.Namespace) -> UsageError:
    """Return the error of a command without inputs; its one word may be an input that is not there."""
    word = args.words[0] if args.words else None
    if word is None or word in names() or Path(word).exists():
        return UsageError("give an INPUT to restore, or --camera DEVICE; see: restorect-edge run --help")
    hint = did_you_mean(word, names())
    return UsageError(f"'{word}' is no image or folder that is there, and no weights of the package{hint}")


def _is_video(inputs: Sequence[Path], output: str | None) -> bool:
    """Whether a video is meant: by an input's suffix, or, of files that can be both, by the output's."""
    files = [path for path in inputs if not path.is_dir()]
    if any(path.suffix.lower() in VIDEO_SUFFIXES for path in files):
        return True
    named = output is not None and Path(output).suffix.lower() in video.SUFFIXES and not Path(output).is_dir()
    still = {suffix for suffix in READABLE if suffix not in (".gif", ".png", ".avif")}
    return named and len(files) == len(inputs) == 1 and files[0].suffix.lower() not in still


def _load(args: argparse.Namespace) -> Runtime:
    loaded = load(**_network(args))
    if told := licence.line(loaded.info.weights, option=not args.product):
        _say(told)
    return loaded


def _network(args: argparse.Namespace) -> dict[str, Any]:
    """Return the arguments of `load`; on a cluster, a path must not depend on where a worker runs."""
    there = Path(args.artifact).exists()
    return {
        "source": str(Path(args.artifact).resolve()) if there else args.artifact,
        **{key: getattr(args, key) for key in ("device", "threads", "runtime", "precision")},
    }


def _run_photos(args: argparse.Namespace, settings: Settings) -> int:
    """Restore pictures, whole folders of them too."""
    found = plan(args.inputs, args.output, recursive=args.recursive)
    session = Session(
        found,
        settings,
        command={key: getattr(args, key) for key in ("artifact", "inputs", "runtime", "device", "precision")},
        overwrite=args.overwrite,
        skip_existing=args.skip_existing,
        report=args.report,
        say=_say,
    )
    try:
        with _load(args) as restore:
            _say(session.opening_words(restore.provider + (", by Ray" if args.cluster else "")))
            if args.cluster:
                outcomes = session.run_on_cluster(_network(args), workers=args.workers)
            else:
                workers = WORKERS if args.workers is None else args.workers
                at_once = restore.best_at_once if args.at_once is None else args.at_once
                outcomes = session.run(SideBySide(restore, at_once), workers=workers, at_once=at_once)
            errors = _restore_all(session, outcomes, args, single=len(found.jobs) == 1)
    except KeyboardInterrupt:
        _say(session.interrupted_words())
        raise
    for line in session.closing_words():
        _say(line)
    session.check(errors)
    for path in found.outputs:
        print(path)
    return 0


def _restore_all(
    session: Session, outcomes: Outcomes, args: argparse.Namespace, *, single: bool
) -> list[RestorectError]:
    """Restore every image and return the errors; a single one's own error is raised."""
    errors: list[RestorectError] = []
    extras: set[str] = set()
    for row, error in tqdm(outcomes, total=len(session.jobs), unit="image", file=sys.stderr, disable=None):
        if error is None:
            if args.verbose:
                _say(timing_line(row))
            continue
        if single:
            raise error
        errors.append(error)
        if isinstance(error, MissingDependencyError):
            if error.extra in extras:  # of a folder of HEIC files one line is enough
                continue
            extras.add(error.extra)
        _say(f"error: {_named(error, row.source)}")
    return errors


def _named(error: RestorectError, source: str) -> str:
    """Return an error's words with the file in them, once."""
    words = " ".join(str(error).splitlines())
    return words if source in words else f"'{source}': {words}"


def timing_line(row: Row) -> str:
    """Return a line about the time that an image took."""
    stages = {key.removesuffix("_ms"): value for key, value in asdict(row).items() if key.endswith("_ms")}
    shown = ", ".join(f"{stage} {value:.1f} ms" for stage, value in stages.items() if value is not None)
    return f"{row.source} {row.width}×{row.height}: {shown}"


def _run_video(args: argparse.Namespace) -> int:
    """Restore one video or camera into one file."""
    out = _video_output(args)
    options = video.VideoOptions(
        encoder=args.encoder,
        crf=args.crf,
        audio=args.audio,
        tone_map=args.tone_map,
        deinterlace=args.deinterlace,
        max_damaged=args.max_damaged,
    )
    with _load(args) as runtime:
        restore = _frames(runtime, args)
        if args.camera:
            frames, dropped = video.restore_camera(args.camera, out, restore, options=options)
            _say(f"{frames} frames, {dropped} dropped, {runtime.provider}")
        else:
            done = video.restore_video(args.inputs[0], out, restore, options=options, say=_say)
            _say(f"{done.frames} frame{'' if done.frames == 1 else 's'}, {runtime.provider}")
    print(out)
    return 0


def _video_output(args: argparse.Namespace) -> Path:
    """Return where a video goes.

    Raises:
        UsageError: more than one input, none, or an output that cannot be written.
    """
    if len(args.inputs) + bool(args.camera) != 1:
        raise UsageError("one video or one --camera at a time, and no images beside it")
    if args.inputs and not args.inputs[0].is_file():
        raise UsageError(f"no video at '{args.inputs[0]}'")
    if args.output is None and args.camera:
        raise UsageError("a camera's recording needs a name: -o NAME.mp4")
    if args.output is None:
        source = args.inputs[0]
        own = source.suffix if source.suffix.lower() in video.SUFFIXES else ".mp4"
        out = beside(source, own)
    else:
        out = Path(args.output)
        if args.inputs and (out.is_dir() or args.output.endswith(os.sep)):
            out = out / args.inputs[0].name
    if args.inputs and out.exists() and out.samefile(args.inputs[0]):
        raise UsageError(f"'{out}' is the input itself; choose another -o")
    video.check_destination(out)
    check_outputs([Job(out, out)], overwrite=args.overwrite)
    return out


def _frames(runtime: Runtime, args: argparse.Namespace) -> Callable[[NDArray[Any]], NDArray[Any]]:
    """Return what restores frames: one call each, or a file's by its `stream`."""
    at_once = runtime.best_at_once if args.at_once is None else args.at_once
    restore = FrameRestorer(
        runtime,
        prior_every=args.prior_every,
        smooth=args.smooth,
        tile=args.tile,
        fixed_copy=not args.no_fixed_copy,
        at_once=1 if args.camera and args.at_once is None else at_once,
    )
    return restore if args.strength == 1 else Blended(restore, args.strength)


def _say(line: str) -> None:
    tqdm.write(line, file=sys.stderr)
