"""What one export makes for each target: the form, the sides, and the paths of the results."""

from dataclasses import dataclass
from pathlib import Path

from restorect_edge.export.options import UINT8, ExportOptions, ExportRequest
from restorect_edge.export.source import Source
from restorect_edge.spec import Shape
from restorect_edge.targets.base import Target

__all__ = ["Job", "Layout", "form_for", "layout_for"]

OWN_FORM = "whole"
"""Of a network of one's own, which has no prior that could be split off."""
TILES: Shape = (512, 512)
"""(height, width) of the tiles of a split form whose sides are fixed, unless the target says otherwise."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """How the graphs of an artifact are cut; targets with the same layout share one trace."""

    form: str
    dynamic: bool
    shapes: tuple[Shape, ...]
    """(height, width) of each; of dynamic shape, what the graph is traced at."""
    levels: bool = False
    """Whether images are 8-bit levels at its inputs and outputs."""

    @property
    def only_shape(self) -> Shape | None:
        """The (height, width) of its one graph; None where sides are free."""
        return None if self.dynamic else self.shapes[0]

    def words(self) -> str:
        """Return the layout in prose, such as ``split, any size``."""
        sides = "any size" if self.dynamic else ", ".join(f"{h}x{w}" for h, w in self.shapes)
        return f"{self.form}, {sides}{', uint8 in and out' if self.levels else ''}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One artifact to make."""

    source: Source
    target: Target
    options: ExportOptions
    layout: Layout

    def path(self, folder: Path) -> Path:
        """Return where it goes: ``<name>-<target>-<precision>[-vnni][-split][-uint8]-<HxW or dynamic>``."""
        layout, options = self.layout, self.options
        sizes = "dynamic" if layout.dynamic else "_".join(f"{h}x{w}" for h, w in layout.shapes)
        cpu = ["vnni"] if options.cpu == "vnni" else []
        form = ["split"] if layout.form == "split" else []
        kind = [*cpu, *form, *(["uint8"] if layout.levels else [])]
        return folder / "-".join([self.source.name, self.target.name, options.precision, *kind, sizes])


def layout_for(target: Target, request: ExportRequest, source: Source) -> Layout:
    """Return the form and sides of an artifact: as asked for, or else what the target's users need.

    Where neither sides nor a form are asked for, the target decides (`Target.form` and `Target.sides`). Sides
    alone ask for one graph of just those.

    Args:
        target: what the artifact is for.
        request: what the caller asked for.
        source: the network, in the form that `form_for` gave.

    Raises:
        UsageError: sides that the network does not take.
    """
    asked = tuple(request.shapes or ())
    dynamic = request.dynamic
    if dynamic is None:
        dynamic = target.free_sides and not (asked or target.sides or source.only_shape)
    shapes = source.shapes(asked, (TILES,) if dynamic else target.sides or (TILES,), dynamic)
    return Layout(form=source.form, dynamic=dynamic, shapes=shapes, levels=request.io == UINT8)


def form_for(target: Target, request: ExportRequest, *, own: bool) -> str:
    """Return the form of an artifact; that of a network of one's own is whole.

    Args:
        target: what the artifact is made for.
        request: the options; its form counts, where one is asked for.
        own: whether the network is one's own.
    """
    sized = bool(request.shapes or request.dynamic)
    return request.form or (OWN_FORM if own or sized else target.form)
