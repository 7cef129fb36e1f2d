"""Mean brightness over time, a panel for each scene."""

import io
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from PIL import Image

__all__ = ["plot"]

Setting = tuple[int, float]

INK, LINE = "#2b2b2b", "#e6e6e6"
COLOURS = ("#c96a2c", "#2f6f5e")
TITLES = {
    "static": "on a stand",
    "shake": "in a hand",
    "mains": "on a stand, lamps at 100 Hz",
}
ROWS = ("of the picture, levels", "of the latent alone")
SIZE, DPI = (8.5, 4.0), 100
COLOURS_KEPT = 32
"""Of the file, which makes it small."""


def plot(curves: Mapping[str, Mapping[Setting, Any]], shown: Sequence[Setting], rate: int) -> bytes:
    """Draw each scene's brightness, less its mean, and return a PNG file.

    Args:
        curves: (2, frames), mean level of each frame restored, and of one frame restored with the latent of
            each; by scene and by (prior_every, smooth).
        shown: the settings to draw.
        rate: frames per second.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=SIZE, layout="constrained")
    FigureCanvasAgg(figure)
    panels = figure.subplots(len(ROWS), len(curves), sharex=True, sharey="col", squeeze=False)
    for column, (scene, found) in zip(panels.T, curves.items(), strict=True):
        for row, axis in enumerate(column):
            for setting, colour in zip(shown, COLOURS, strict=True):
                levels = np.asarray(found[setting])[row]
                axis.plot(np.arange(len(levels)) / rate, levels - levels.mean(), color=colour, lw=1.1)
            _frame(axis)
        column[0].set_title(TITLES[scene], loc="left", fontsize=8.5, color=INK)
        column[-1].set_xlabel("seconds", fontsize=7.5, color=INK)
    for axis, name in zip(panels[:, 0], ROWS, strict=True):
        axis.set_ylabel(f"brightness\n{name}", fontsize=7.5, color=INK)
    names = [f"prior every {every}, smooth {smooth:g}" for every, smooth in shown]
    figure.legend(panels[0, 0].lines, names, fontsize=7.5, frameon=False, loc="outside upper right", ncols=2)
    stream = io.BytesIO()
    figure.savefig(stream, format="png", dpi=DPI)
    with Image.open(stream) as drawn:
        few = drawn.convert("RGB").quantize(COLOURS_KEPT)
    stream = io.BytesIO()
    few.save(stream, format="png", optimize=True)
    return stream.getvalue()


def _frame(axis: Any) -> None:
    axis.tick_params(length=0, labelsize=7.5, labelcolor=INK)
    axis.grid(color=LINE, lw=0.7)
    for side in axis.spines.values():
        side.set_visible(False)
