"""A flame-style picture of a profile: each module is a box as wide as its time, below what holds it."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from html import escape

__all__ = ["icicle"]

WIDTH, ROW, GAP = 960, 26, 1.5
LETTER = 6.6
"""Width of a letter of the labels, in the picture's units."""
LEAST = 1.0
"""Narrowest box that is drawn."""
SERIES = 6
"""Colors of the page's palette that boxes take turns with."""


@dataclass(slots=True)
class _Box:
    name: str
    path: str
    own: float = 0.0
    inner: dict[str, "_Box"] = field(default_factory=dict)

    @property
    def ms(self) -> float:
        return self.own + sum(box.ms for box in self.inner.values())

    @property
    def depth(self) -> int:
        return 1 + max((box.depth for box in self.inner.values()), default=0)


def icicle(modules_ms: Mapping[str, float], *, label: str) -> str:
    """Return an SVG element for a page that defines ``--ink``, ``--paper`` and ``--s0`` … ``--s5``.

    Args:
        modules_ms: time by module; names in brackets, which are no modules, get a box at the top.
        label: what the picture shows, for who does not see it.
    """
    root = _tree(modules_ms)
    whole = root.ms
    height = root.depth * (ROW + GAP)
    boxes = "".join(_drawn(root, 0.0, 0, WIDTH / whole if whole else 0.0, whole, 0))
    return (
        f'<svg class="icicle" role="img" aria-label="{escape(label)}" viewBox="0 0 {WIDTH} {height:g}" '
        f'width="{WIDTH}" height="{height:g}">{boxes}</svg>'
    )


def _tree(modules_ms: Mapping[str, float]) -> _Box:
    root = _Box("all", "all")
    for name, ms in modules_ms.items():
        box, path = root, []
        for part in [name] if name.startswith("(") else name.split("."):
            path.append(part)
            box = box.inner.setdefault(part, _Box(part, ".".join(path)))
        box.own += ms
    return root


def _drawn(box: _Box, x: float, level: int, scale: float, whole: float, colour: int) -> Iterator[str]:
    width = box.ms * scale
    # what is too narrow to be seen is left out, with all below it
    if width < LEAST:
        return
    share = 100 * box.ms / whole
    yield (
        f'<g><title>{escape(box.path)}: {box.ms:.3f} ms, {share:.1f} %</title><rect x="{x:.2f}" '
        f'y="{level * (ROW + GAP):g}" width="{max(LEAST, width - GAP):.2f}" height="{ROW}" rx="3" '
        f'class="{"other" if level == 0 or box.name.startswith("(") else f"c{colour % SERIES}"}"/>'
        f"{_label(box, x, level, width)}</g>"
    )
    for index, inner in enumerate(sorted(box.inner.values(), key=lambda inner: -inner.ms)):
        yield from _drawn(inner, x, level + 1, scale, whole, index if level == 0 else colour + (level == 1))
        x += inner.ms * scale


def _label(box: _Box, x: float, level: int, width: float) -> str:
    room = int((width - 10) / LETTER)
    text = f"{box.name} {box.ms:.2f} ms"
    if len(text) > room:
        text = box.name if len(box.name) <= room else ""
    middle = level * (ROW + GAP) + ROW / 2
    return f'<text x="{x + 5:.2f}" y="{middle:g}">{escape(text)}</text>' if text else ""
