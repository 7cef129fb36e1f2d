"""A sheet of pictures: the best, the median and the worst image, each as input, output and target."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from restorect_edge.evaluation.scores import Metric, Score
from restorect_edge.spec import ImageU8

__all__ = ["GAIN", "Row", "caption", "draw", "error_map", "pick"]


WIDTH = 480
"""Widest a picture is shown, in pixels."""
MARGIN = 12
LINE = 24
"""Height of a line of text in pixels."""
INK, PAPER, FAINT = (24, 24, 24), (255, 255, 255), (110, 110, 110)


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One image's pictures, side by side."""

    title: str
    caption: str
    pictures: Sequence[tuple[str, ImageU8]]
    """What each is called, and its (H, W, 3) RGB pixels."""


def pick(scores: Sequence[Score], key: str, metric: Metric) -> dict[str, Score]:
    """Return the best, the median and the worst image by one metric; fewer where there are fewer images.

    Args:
        scores: at least one.
        key: of the metric in `Score.values`.
        metric: says whether more is better.

    Returns:
        Scores by ``best``, ``median`` and ``worst``.
    """
    # NaN has no place in an order, and would break the sort
    known = [s for s in scores if not np.isnan(s.values[key])] or list(scores)
    ranked = sorted(known, key=lambda score: score.values[key], reverse=metric.higher)
    places = {"best": 0, "median": (len(ranked) - 1) // 2, "worst": len(ranked) - 1}
    if len(ranked) < 3:
        del places["median"]
    if len(ranked) < 2:
        del places["worst"]
    return {title: ranked[place] for title, place in places.items()}


def caption(score: Score, metrics: Mapping[str, Metric]) -> str:
    """Return an image's scores in one line: of `score`, in the titles and units of `metrics`."""
    return "   ".join(f"{metrics[key].title} {metrics[key].shown(v)}" for key, v in score.values.items())


GAIN = 4
"""How much larger than it is an error is shown."""
COLORS = np.array(((0, 0, 4), (87, 16, 110), (188, 55, 84), (249, 142, 9), (252, 255, 164)), np.float64)
"""From no error to a large one; evenly spaced colors of matplotlib's ``inferno``."""


def error_map(output: ImageU8, target: ImageU8) -> ImageU8:
    """Return where an output differs from its target: `GAIN` times the mean over channels, in colors.

    Args:
        output: (H, W, 3).
        target: the same shape.
    """
    error = np.abs(output.astype(np.float64) - target).mean(axis=2) * (GAIN / 255)
    place = np.clip(error, 0, 1) * (len(COLORS) - 1)
    # the largest error is the upper end of the last interval, not the start of one beyond
    low = np.minimum(place.astype(int), len(COLORS) - 2)
    weight = (place - low)[..., None]
    colors: ImageU8 = np.rint(COLORS[low] * (1 - weight) + COLORS[low + 1] * weight).astype(np.uint8)
    return colors


def draw(heading: str, rows: Sequence[Row]) -> ImageU8:
    """Return the sheet, (H, W, 3) RGB.

    Args:
        heading: a line above all rows.
        rows: at least one; pictures wider than `WIDTH` are scaled down.
    """
    pictures = [[_scaled(pixels) for _, pixels in row.pictures] for row in rows]
    width = max(sum(p.width + MARGIN for p in line) for line in pictures) + MARGIN
    heights = [3 * LINE + max(p.height for p in line) + MARGIN for line in pictures]
    sheet = Image.new("RGB", (width, 2 * MARGIN + LINE + sum(heights)), PAPER)
    pen = ImageDraw.Draw(sheet)
    _write(pen, (MARGIN, MARGIN), heading, INK, width)
    top = MARGIN + LINE + MARGIN
    for row, line, height in zip(rows, pictures, heights, strict=True):
        _draw_row(sheet, pen, top, row, line)
        top += height
    return np.asarray(sheet)


def _draw_row(
    sheet: Image.Image, pen: ImageDraw.ImageDraw, top: int, row: Row, line: Sequence[Image.Image]
) -> None:
    _write(pen, (MARGIN, top), row.title, INK, sheet.width)
    _write(pen, (MARGIN, top + LINE), row.caption, FAINT, sheet.width)
    left = MARGIN
    for (name, _), picture in zip(row.pictures, line, strict=True):
        _write(pen, (left, top + 2 * LINE), name, FAINT, left + picture.width)
        sheet.paste(picture, (left, top + 3 * LINE))
        left += picture.width + MARGIN


def _write(
    pen: ImageDraw.ImageDraw, place: tuple[int, int], text: str, colour: tuple[int, int, int], right: int
) -> None:
    """Write a line, cut where it would leave the sheet."""
    # Pillow's own font is the same on every machine
    font = ImageFont.load_default(size=15)
    while len(text) > 1 and place[0] + pen.textlength(text, font=font) > right:
        text = text[:-2] + "…"
    pen.text(place, text, fill=colour, font=font)


def _scaled(pixels: ImageU8) -> Image.Image:
    picture = Image.fromarray(pixels)
    if picture.width <= WIDTH:
        return picture
    height = max(1, round(picture.height * WIDTH / picture.width))
    return picture.resize((WIDTH, height), Image.Resampling.LANCZOS)
