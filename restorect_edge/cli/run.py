"""Command line: ``python -m restorect_edge.run [NETWORK] INPUT... -o OUT``."""

import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from numpy.typing import NDArray
from tqdm import tqdm

from restorect_edge.batch.jobs import Job, beside, check_outputs, plan
from restorect_edge.batch.journal import Row
from restorect_edge.batch.lanes import Blended, SideBySide
from restorect_edge.batch.pipeline import Settings
from restorect_edge.batch.session import Outcomes, Session
from restorect_edge.cli.command import run
from restorect_edge.cli.network import network_and_inputs
from restorect_edge.cli.options.parser import Parser
from restorect_edge.cli.options.shared import Network, Overwrite
from restorect_edge.errors import MissingDependencyError, RestorectError, UsageError, counted, did_you_mean
from restorect_edge.inference.base import Runtime
from restorect_edge.inference.video.stream import VideoRestorer
from restorect_edge.media import video
from restorect_edge.media.formats import READABLE, VIDEO_SUFFIXES
from restorect_edge.media.opening import MAX_PIXELS
from restorect_edge.media.video.options import VIDEOS, VideoOptions
from restorect_edge.targets.loading import load
from restorect_edge.targets.models import spec_of
from restorect_edge.targets.running import OnDevice, Threads, Values
from restorect_edge.utils.options import argument, option, taken
from restorect_edge.weights import license, names, ready

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

Photographs: JPEG, PNG, TIFF, WebP, AVIF, BMP, JPEG 2000, MPO, PPM, PSD, TGA and GIF, in gray, RGB, palette
and CMYK, with alpha, in 8 and 16 bits; with the extra 'photo' HEIC, raw files (written as 16-bit TIFF) and
rare TIFFs. EXIF (its preview is remade), XMP, IPTC, comments, PNG text, color profiles, resolution and date
are kept; what a format cannot hold is said. Gray stays gray, 16 bits stay 16, and lossless files lossless.

A file that cannot be restored is reported, the others go on, and the exit code is 1. A folder that was
interrupted (Ctrl-C, SIGTERM, a crash) goes on where it stopped when the same command is given again.

Videos: whatever FFmpeg opens (extra 'video'), written as .mp4, .m4v, .mov, .mkv or .webm with all sound and
subtitle tracks, chapters and metadata that the container holds. Ctrl-C ends a camera's recording, and leaves
no file of a video.
"""
WORKERS = 2


PHOTOGRAPHS = "photographs and folders"


@dataclass(frozen=True, kw_only=True)
class Run(Network, OnDevice, Threads, Overwrite, Settings, VideoOptions, Values):
    """Options of `run`."""

    words: tuple[str, ...] = argument((), metavar="[NETWORK] INPUT")
    """Images and folders, or a video; a network before."""
    weights: str | None = option(None, "-w", metavar="NETWORK")
    """The network, an artifact or weights; all words are inputs then."""
    precision: str | None = option(None, choices=ready.PRECISIONS)
    """Of weights by name; int8 is smaller and faster on CPUs."""
    output: str | None = option(None, "-o", metavar="OUT")
    """File or folder; by default beside the input."""
    verbose: bool = option(False, "-v")
    """Show the timing of each image."""
    at_once: int | None = option(
        None,
        metavar="N",
        more="default as many as there are threads, up to 4, where the backend gains by it; 1 for a camera, "
        "and for the least delay",
    )
    """Images or frames restored side by side, sharing the threads."""
    skip_existing: bool = option(False, group=PHOTOGRAPHS)
    """Restore only files that have no output yet."""
    recursive: bool = option(True, group=PHOTOGRAPHS)
    """Look into sub-folders."""
    report: Path | None = option(None, metavar="FILE", group=PHOTOGRAPHS)
    """Write what became of each file, .csv or .json."""
    workers: int | None = option(
        None,
        metavar="N",
        group=PHOTOGRAPHS,
        more=f"default {WORKERS}, 0: everything in turn; with --cluster: processes, default one per CPU",
    )
    """Threads that decode and encode beside the network."""
    cluster: bool = option(False, group=PHOTOGRAPHS)
    """Restore on Ray: the cluster of RAY_ADDRESS, or processes of this machine (extra 'ray')."""
    max_megapixels: float = option(MAX_PIXELS / 1e6, metavar="M", group=PHOTOGRAPHS)
    """Largest photograph."""
    camera: str | None = option(None, metavar="DEVICE", group=VIDEOS)
    """Record: a number, /dev/video0, or rtsp://HOST/PATH."""
    prior_every: int = option(1, metavar="K", group=VIDEOS)
    """Run the prior every K frames."""
    smooth: float = option(0.0, metavar="A", group=VIDEOS, more="default 0")
    """Share of latent and brightness kept from frame to frame, 0 to below 1."""
    no_fixed_copy: bool = option(False, group=VIDEOS)
    """Do not compile dynamic graphs for the video's size in the background (OpenVINO)."""

    @cached_property
    def named(self) -> tuple[str, list[Path]]:
        """The network and the inputs that the words name."""
        return network_and_inputs(self.words, self.weights, product=self.product)

    @property
    def artifact(self) -> str:
        """The network."""
        return self.named[0]

    @property
    def inputs(self) -> list[Path]:
        """What is restored."""
        return self.named[1]


def parser() -> Parser:
    """Return the parser."""
    return Parser("run", "Restore photographs, whole folders of them, videos and cameras.", EXAMPLES, Run)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command and return its exit code."""
    return run(_run, parser(), argv)


def _run(args: Run) -> int:
    args.check_values([args.artifact])
    settings = replace(taken(Settings, args), max_pixels=round(args.max_megapixels * 1e6))
    _refuse_addresses(args.words)
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


def _refuse_addresses(words: Sequence[str]) -> None:
    for word in words:
        # a file may be called so
        if "://" in word and not os.path.lexists(word):
            raise UsageError(
                f"'{word}' is a web address: download the file first, or give a camera's stream to --camera"
            )


def _nothing_to_restore(args: Run) -> UsageError:
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
    # these three may hold an animation or a picture: what is asked for decides
    still = {suffix for suffix in READABLE if suffix not in (".gif", ".png", ".avif")}
    return named and len(files) == len(inputs) == 1 and files[0].suffix.lower() not in still


def _load(args: Run) -> Runtime:
    loaded = load(**_network(args))
    if told := license.line(loaded.info.weights, option=not args.product):
        _say(told)
    return loaded


def _network(args: Run) -> dict[str, Any]:
    """Return the arguments of `load`; on a cluster, a path must not depend on where a worker runs."""
    there = Path(args.artifact).exists()
    return {
        # workers may be started in another folder
        "source": str(Path(args.artifact).resolve()) if there else args.artifact,
        "spec": spec_of(args.artifact, args.values),
        **{key: getattr(args, key) for key in ("device", "threads", "runtime", "precision")},
    }


def _run_photos(args: Run, settings: Settings) -> int:
    """Restore pictures, whole folders of them too."""
    found = plan(args.inputs, args.output, recursive=args.recursive)
    keys = ("artifact", "inputs", "runtime", "device", "precision")
    session = Session(
        found,
        settings,
        command={key: getattr(args, key) for key in keys} | args.values,
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


def _restore_all(session: Session, outcomes: Outcomes, args: Run, *, single: bool) -> list[RestorectError]:
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


def _run_video(args: Run) -> int:
    """Restore one video or camera into one file."""
    out = _video_output(args)
    options = taken(VideoOptions, args)
    with _load(args) as runtime:
        restore = _frames(runtime, args)
        if args.camera:
            frames, dropped = video.restore_camera(args.camera, out, restore, options=options)
            _say(f"{frames} frames, {dropped} dropped, {runtime.provider}")
        else:
            done = video.restore_video(args.inputs[0], out, restore, options=options, say=_say)
            _say(f"{counted(done.frames, 'frame')}, {runtime.provider}")
    print(out)
    return 0


def _video_output(args: Run) -> Path:
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
        # what ends in a slash is a folder, also one that is not there yet
        if args.inputs and (out.is_dir() or args.output.endswith(os.sep)):
            out = out / args.inputs[0].name
    # the output would replace the file while it is read
    if args.inputs and out.exists() and out.samefile(args.inputs[0]):
        raise UsageError(f"'{out}' is the input itself; choose another -o")
    video.check_destination(out)
    check_outputs([Job(out, out)], overwrite=args.overwrite)
    return out


def _frames(runtime: Runtime, args: Run) -> Callable[[NDArray[Any]], NDArray[Any]]:
    """Return what restores frames: one call each, or a file's by its `stream`."""
    at_once = runtime.best_at_once if args.at_once is None else args.at_once
    restore = VideoRestorer(
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
