"""The picture sheet: the best, the median and the worst image, of one method or of several side by side."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from restorect_edge.evaluation import sheet
from restorect_edge.evaluation.report import Report
from restorect_edge.media.encoding import write as write_image
from restorect_edge.media.photo import Photo
from restorect_edge.scoring.items import Item, fitted
from restorect_edge.scoring.methods import opened
from restorect_edge.spec import ImageU8

__all__ = ["write_sheet"]


def write_sheet(
    path: Path,
    found: Sequence[Report],
    items: Sequence[Item],
    sources: Sequence[str],
    *,
    runtime: str | None,
    device: str,
    values: Mapping[str, Any],
) -> None:
    """Restore the best, the median and the worst image again and draw them.

    They are chosen by the first method's first metric per image. Several methods are drawn side by side, with
    a second row that shows where each differs from the target.

    Args:
        path: of the picture.
        found: what was scored, one report per source.
        items: the images.
        sources: as `opened` takes them.
        runtime: as `opened` takes it.
        device: as `opened` takes it.
        values: as `opened` takes them.
    """
    first = found[0]
    key, metric = next((key, metric) for key, metric in first.metrics.items() if not metric.pooled)
    by_name = {item.name: item for item in items}
    picked = sheet.pick(first.scores, key, metric)
    chosen = [by_name[score.name] for score in picked.values()]
    outputs = [_restored(source, items, chosen, runtime, device, values) for source in sources]
    rows: list[sheet.Row] = []
    for number, (place, score) in enumerate(picked.items()):
        title = f"{place} by {metric.title}: {score.name}"
        results = [results[number] for results in outputs]
        rows += _rows(title, chosen[number], results, found)
    heading = (
        f"{', '.join(sources)} on {first.data}, {len(first.scores)} images, protocol {first.protocol.name}"
    )
    pixels = sheet.draw(heading, rows)
    write_image(path, pixels, like=Photo(pixels=pixels))


def _restored(
    source: str,
    items: Sequence[Item],
    chosen: Sequence[Item],
    runtime: str | None,
    device: str,
    values: Mapping[str, Any],
) -> list[ImageU8]:
    with opened(source, items, runtime=runtime, device=device, values=values) as method:
        return [method.restored(item, item.read()[0]) for item in chosen]


def _rows(title: str, item: Item, results: Sequence[ImageU8], found: Sequence[Report]) -> list[sheet.Row]:
    """Return the row of an image, and for several methods one of their errors."""
    degraded, clean = item.read()
    if clean is not None:
        # the scale is that of the results: items do not know it
        clean = fitted(item.name, clean, degraded, results[0].shape[0] // degraded.shape[0])
    names = ["output"] if len(found) == 1 else [report.source for report in found]
    target = [] if clean is None else [("target", clean)]
    pictures = [("input", degraded), *zip(names, results, strict=True), *target]
    scores = [next(s for s in report.scores if s.name == item.name) for report in found]
    captions = [sheet.caption(score, found[0].metrics) for score in scores]
    caption = (
        captions[0]
        if len(found) == 1
        else "   |   ".join(f"{name}: {text}" for name, text in zip(names, captions, strict=True))
    )
    rows = [sheet.Row(title=title, caption=caption, pictures=pictures)]
    if len(found) > 1 and clean is not None:
        errors = [(name, sheet.error_map(result, clean)) for name, result in zip(names, results, strict=True)]
        about = f"difference from the target, {sheet.GAIN} times as large as it is"
        rows.append(sheet.Row(title=f"errors: {item.name}", caption=about, pictures=errors))
    return rows
