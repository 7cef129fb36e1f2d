"""matplotlib's figures as SVG elements, whose colors are variables of the page, light or dark.

They are laid out with stand-in colors, which are replaced in matplotlib's output.
"""

import importlib.util
import io
import re
from collections.abc import Callable
from html import escape
from typing import Any

__all__ = ["INK", "LINE", "MUTED", "PAPER", "SERIES", "available", "svg"]

SIZE = 4.8
"""Width in inches; at 72 units an inch a phone shows it at about its own size."""
INK, MUTED, LINE, PAPER = "#101011", "#707172", "#d8d7d6", "#fefdfc"
SERIES = (
    "#2f6fa1",
    "#c7602b",
    "#3d8a5c",
    "#8a4f9e",
    "#b38a1e",
    "#5b6770",
    "#b03a5b",
    "#138a91",
    "#6b7d1f",
    "#4a4fb3",
)
VARIABLES = {INK: "ink", MUTED: "muted", LINE: "line", PAPER: "paper"} | {
    colour: f"s{index}" for index, colour in enumerate(SERIES)
}
STYLE = {
    "svg.fonttype": "none",
    "font.size": 8.5,
    "axes.edgecolor": LINE,
    "axes.labelcolor": MUTED,
    "axes.titlecolor": INK,
    "axes.titlesize": 9,
    "axes.titlelocation": "left",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "axes.grid": True,
    "grid.color": LINE,
    "grid.linewidth": 0.6,
    "xtick.color": MUTED,
    "ytick.color": MUTED,
    "xtick.major.size": 0,
    "ytick.major.size": 0,
    "xtick.minor.size": 0,
    "ytick.minor.size": 0,
    "text.color": INK,
    "legend.frameon": False,
    "legend.fontsize": 8,
    "lines.linewidth": 1.6,
}
IDENTIFIER = re.compile(r' id="([^"]*)"')


def available() -> bool:
    """Whether matplotlib, of the extra ``report``, is installed."""
    return importlib.util.find_spec("matplotlib") is not None


def svg(name: str, draw: Callable[[Any], None], height: float, label: str) -> str:
    """Return a figure as an SVG element for a page that defines the colors in `VARIABLES`.

    Args:
        name: of the element; also what makes its identifiers, so that equal figures are equal text.
        draw: is given the empty figure.
        height: in inches.
        label: what it shows, for who does not see it.
    """
    import matplotlib
    from matplotlib.backends.backend_svg import FigureCanvasSVG
    from matplotlib.figure import Figure

    style: Any = {**STYLE, "svg.hashsalt": name}
    with matplotlib.rc_context(style):
        figure = Figure(figsize=(SIZE, height), layout="constrained")
        FigureCanvasSVG(figure)
        figure.patch.set_visible(False)
        draw(figure)
        for axis in figure.axes:
            axis.patch.set_visible(False)
        stream = io.StringIO()
        # without the date, equal reports have equal pages
        figure.savefig(stream, format="svg", metadata={"Date": None})
    return _inlined(stream.getvalue(), name, label)


def _inlined(svg: str, name: str, label: str) -> str:
    """Make matplotlib's file an element of a page: its colors, its typeface, no identifier twice."""
    svg = svg[svg.index("<svg") :]
    svg = re.sub(r"<metadata>.*?</metadata>", "", svg, flags=re.DOTALL)
    # other plots of the page may have identifiers of the same names
    used = set(re.findall(r"#([\w.]+)[\")]", svg))
    svg = IDENTIFIER.sub(lambda found: found[0] if found[1] in used else "", svg)
    svg = re.sub(r"font-family:[^;\"]*;?", "", svg)
    svg = re.sub(r"(font: (?:[\w.]+ )*?[\d.]+px)[^;\"]*", r"\1 var(--face)", svg)
    for colour, variable in VARIABLES.items():
        svg = svg.replace(colour, f"var(--{variable})")
    start = svg.index(">")
    box = re.search(r'viewBox="[^"]*"', svg[:start])
    return (
        f'<svg class="plot" id="{name}" role="img" aria-label="{escape(label)}" {box[0] if box else ""} '
        + (
            'xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink">'
            + svg[start + 1 :]
        )
    )
