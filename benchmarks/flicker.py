"""How much does restored video flicker, with and without smoothing, and how soon does it follow a cut?

    python benchmarks/flicker.py [--weights NAME] [--frames N] [--plot FILE] [-o FILE]

Photographs are filmed in the dark by the noise model of training: from a stand, from a hand, and from a
stand under lamps that flicker. Flicker is the root mean square of the change of mean brightness from frame
to frame, in levels of 255, of what all frames of a scene show. Two of it stand side by side:

- `picture_levels`: of the restored video. Where the latent is held, it is the sensor's and the lamps' own.
- `latent_levels`: of one frame restored with the latent of each, so what the prior does by itself.

A cut has been followed from the frame on whose picture is the one that its own latent gives, to
a mean of one level. Exits with 2 where smoothing leaves more than half of the picture's flicker from the
stand, or where a cut takes more frames than the prior's.
"""

import argparse
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from _flicker_plot import plot
from _options import parser
from _results import conditions, write
from _scenes import FRAMES_PER_SECOND, SCENES, SIZE, Frame, filmed
from tqdm import tqdm

import restorect_edge
from restorect_edge.inference.video.stream import Light, VideoRestorer
from restorect_edge.media.photos import clean

EVERY, SMOOTH = 8, 0.8
FOLLOWING = ((EVERY, 0.0), (EVERY, SMOOTH))
HELD = (1000, 0.0)
"""The latent of the first frame for all: what is left is the sensor's flicker, and the lamps'."""
SETTINGS = ((1, 0.0), (1, SMOOTH), *FOLLOWING, HELD)
"""prior_every and smooth."""
SMOOTHED = [setting for setting in SETTINGS if setting[1]]
LIMIT = 0.5
RECOVERED = 1.0
"""Levels, mean over the picture."""
PLOT = Path(__file__).parents[1] / "docs" / "flicker.png"

Row = dict[str, Any]


def main() -> int:
    options = _parser().parse_args()
    facts = conditions(
        weights=options.weights,
        runtime="torch",
        frames=options.frames,
        frames_per_second=FRAMES_PER_SECOND,
        size=list(SIZE),
        limit_of_the_share_kept_on_a_stand=LIMIT,
    )
    photos = clean()
    rows: list[Row] = []
    curves: dict[str, dict[tuple[int, float], Any]] = {}
    with restorect_edge.load(options.weights, device="cpu", threads=options.threads) as runtime:
        jobs = [(scene, name) for scene in SCENES for name in photos]
        for scene, name in tqdm(jobs, desc="flicker"):
            frames = list(filmed(photos[name], scene, options.frames))
            for setting in SETTINGS:
                levels = brightness(runtime, frames, *setting)
                rows.append(_row(scene, name, setting, _flicker(levels[0]), _flicker(levels[1]), None))
                # of the first photograph alone: the plot has room for one
                curves.setdefault(scene, {}).setdefault(setting, levels)
        for setting in FOLLOWING:
            rows += cuts(runtime, photos, setting)
    write(options.output, "flicker", facts, rows)
    options.plot.write_bytes(plot(curves, (SETTINGS[0], FOLLOWING[-1]), FRAMES_PER_SECOND))
    return _report(rows, options.output)


def brightness(runtime: restorect_edge.Runtime, frames: Sequence[Frame], every: int, smooth: float) -> Any:
    """Return the mean level of each restored frame, and of the first with the latent of each, (2, frames)."""
    restore = VideoRestorer(runtime, prior_every=every, smooth=smooth)
    levels = np.empty((2, len(frames)))
    for index, frame in enumerate(frames):
        levels[0, index] = frame.shared(restore(frame.pixels)).mean()
        levels[1, index] = _with_latent_of(restore, runtime, frames[0].pixels).mean()
    return levels


def cuts(
    runtime: restorect_edge.Runtime, photos: dict[str, Any], setting: tuple[int, float]
) -> Iterator[Row]:
    """Yield, for each photograph, the frames that a cut to it takes at worst, wherever it falls."""
    names = list(photos)
    for before, after in zip([names[-1], *names], names, strict=False):
        old = [f.pixels for f in filmed(photos[before], "static", setting[0], seed=1)]
        new = [f.pixels for f in filmed(photos[after], "static", 2 * setting[0], seed=2)]
        # a cut falls anywhere between two runs of the prior
        worst = max(_followed(runtime, old[:count], new, setting) for count in range(1, setting[0] + 1))
        yield _row("cut", after, setting, None, None, worst)


def _followed(
    runtime: restorect_edge.Runtime, old: Sequence[Any], new: Sequence[Any], setting: tuple[int, float]
) -> int:
    """Return how many frames after a cut differ from what their own latent gives."""
    restore = VideoRestorer(runtime, prior_every=setting[0], smooth=setting[1])
    for frame in old:
        restore(frame)
    off = [np.abs(restore(frame).astype(int) - runtime(frame)).mean() > RECOVERED for frame in new]
    return max((index + 1 for index, differs in enumerate(off) if differs), default=0)


def _with_latent_of(restore: VideoRestorer, runtime: restorect_edge.Runtime, pixels: Any) -> Any:
    z = restore.track._z
    assert z is not None
    return runtime._call(pixels, None, lambda _pixels, _padded: Light({"z": z}))


def _flicker(levels: Any) -> float:
    return round(float(np.sqrt(np.mean(np.diff(levels) ** 2))), 4)


def _row(
    scene: str,
    photograph: str,
    setting: tuple[int, float],
    picture: float | None,
    latent: float | None,
    frames: int | None,
) -> Row:
    return {
        "scene": scene,
        "photograph": photograph,
        "prior_every": setting[0],
        "smooth": setting[1],
        "picture_levels": picture,
        "latent_levels": latent,
        "frames_after_a_cut": frames,
    }


def _report(rows: Sequence[Row], path: Path) -> int:
    def mean(scene: str, setting: tuple[int, float], key: str) -> float:
        return float(np.mean([row[key] for row in rows if _is(row, scene, setting)]))

    for scene in SCENES:
        for setting in SETTINGS:
            print(
                f"{scene:7} prior {_every(setting)}, smooth {setting[1]:.1f}: flicker of the picture "
                f"{mean(scene, setting, 'picture_levels'):.3f} levels, of the latent alone "
                f"{mean(scene, setting, 'latent_levels'):.3f}"
            )
    late = {s: max(r["frames_after_a_cut"] for r in rows if _is(r, "cut", s)) for s in FOLLOWING}
    for (every, smooth), frames in late.items():
        print(
            f"cut     prior every {every}, smooth {smooth:.1f}: {frames} frames of the scene before at most"
        )
    alone = mean("static", SETTINGS[0], "picture_levels")
    kept = [mean("static", setting, "picture_levels") / alone for setting in SMOOTHED]
    print(f"smoothing leaves {', '.join(f'{share:.0%}' for share in kept)} of the flicker on a stand")
    print(path)
    return 2 if max(kept) > LIMIT or max(late.values()) > EVERY else 0


def _every(setting: tuple[int, float]) -> str:
    return "held" if setting == HELD else f"every {setting[0]}"


def _is(row: Row, scene: str, setting: tuple[int, float]) -> bool:
    return (row["scene"], row["prior_every"], row["smooth"]) == (scene, *setting)


def _parser() -> argparse.ArgumentParser:
    found = parser(__doc__, "flicker", weights="lowlight-nano", threads=1, frames=48)
    found.add_argument("--plot", type=Path, default=PLOT, help="PNG of the brightness over time")
    return found


if __name__ == "__main__":
    sys.exit(main())
