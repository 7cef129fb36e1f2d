"""The drift report as a picture: a row per module, the flows in a panel of their own."""

import io
import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from restorect_edge.utils.extras import require

if TYPE_CHECKING:
    from restorect_edge.quantization.drift.measure import ModuleDrift

__all__ = ["plot", "require_matplotlib"]

LIMIT = 80.0
"""SNR in dB beyond which a mark stays at the right edge."""
SCALE = (10.0, 60.0)
"""SNR in dB of the ends of the color scale, from dark red to dark green."""
COLOURS = ("#8c2d19", "#c96a2c", "#d9b44a", "#7fa86b", "#2f6f5e")
INK, LINE = "#2b2b2b", "#e6e6e6"
TITLES = {
    "prior": "prior: float, weights stored as int8 or float16",
    "flow": "flows: float, latent after each step",
    "body": "body: int8, but for what the plan leaves in float",
}
KEY = "SNR in dB, more is closer. Bar: as it runs, on drifted inputs. Ring: on the float network's inputs."
ROW, WIDTH, DPI = 0.18, 8.5, 120
"""Height of a row and width of the picture in inches; pixels per inch."""


def require_matplotlib() -> None:
    """Raise `MissingDependencyError` unless matplotlib is installed."""
    require("the drift plot", "report", "matplotlib")


def plot(rows: "Sequence[ModuleDrift]", *, title: str) -> bytes:
    """Draw the rows that differ at all and return a PNG file.

    Args:
        rows: of `measure`.
        title: line above the picture.

    Raises:
        MissingDependencyError: the extra ``report`` is not installed.
    """
    require_matplotlib()
    from matplotlib import colors
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    panels = {stage: [r for r in rows if r.stage == stage and r.snr < math.inf] for stage in TITLES}
    panels = {stage: found for stage, found in panels.items() if found}
    heights = [len(found) + 1 for found in panels.values()]
    figure = Figure(figsize=(WIDTH, ROW * (sum(heights) + 3 * len(heights) + 2)), layout="constrained")
    # without pyplot, which would open a window system and keep every figure
    FigureCanvasAgg(figure)
    figure.suptitle(f"INT8 against float32, {title}", x=0.01, ha="left", fontsize=9.5, color=INK)
    colour = colors.LinearSegmentedColormap.from_list("drift", COLOURS)
    shade = lambda snr: colour(colors.Normalize(*SCALE, clip=True)(snr))  # noqa: E731
    axes = figure.subplots(len(panels), 1, sharex=True, squeeze=False, height_ratios=heights)[:, 0]
    for axis, (stage, found) in zip(axes, panels.items(), strict=True):
        _panel(axis, TITLES[stage], found, shade)
    axes[-1].set_xlabel(KEY, color=INK, fontsize=8)
    stream = io.BytesIO()
    # no version of matplotlib in the file: equal runs give equal bytes
    figure.savefig(stream, format="png", dpi=DPI, metadata={"Software": None})
    return stream.getvalue()


def _panel(axis: Any, title: str, rows: "Sequence[ModuleDrift]", shade: Any) -> None:
    places = range(len(rows))
    values = [min(max(row.snr, 0.0), LIMIT) for row in rows]
    axis.barh(places, values, height=0.62, color=[shade(value) for value in values])
    alone = [(p, r.alone_snr) for p, r in zip(places, rows, strict=True) if r.alone_snr is not None]
    rings = [(p, snr) for p, snr in alone if 0.0 <= snr <= LIMIT]
    axis.scatter(
        [snr for _, snr in rings], [p for p, _ in rings], s=16, facecolors="white", edgecolors=INK, lw=0.9
    )
    for place, row in zip(places, rows, strict=True):
        axis.text(LIMIT + 5, place, f"{row.snr:.1f}", va="center", ha="right", fontsize=7, color=INK)
    _frame(axis, title, [row.name for row in rows])


def _frame(axis: Any, title: str, names: Sequence[str]) -> None:
    axis.set_title(title, loc="left", fontsize=8.5, color=INK)
    axis.set_yticks(range(len(names)), names, fontsize=7.5, color=INK, family="monospace")
    axis.set_ylim(len(names) - 0.4, -0.6)
    axis.set_xlim(0, LIMIT)
    axis.tick_params(length=0, labelsize=7.5, labelcolor=INK)
    axis.grid(axis="x", color=LINE, lw=0.7)
    axis.set_axisbelow(True)
    for side in axis.spines.values():
        side.set_visible(False)
