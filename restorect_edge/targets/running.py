"""Options that say what computes, which several verbs have."""

from dataclasses import dataclass

from restorect_edge.targets.registry import RUNTIMES
from restorect_edge.utils.options import option

__all__ = ["OnDevice", "Threads"]


@dataclass(frozen=True, kw_only=True)
class OnDevice:
    """What computes."""

    runtime: str | None = option(None, metavar="R", more=", ".join(RUNTIMES))
    """Backend, if not the artifact's or the weights' own."""
    device: str = option("auto", metavar="D")
    """Device, such as cpu, gpu or cuda."""


@dataclass(frozen=True, kw_only=True)
class Threads:
    """How many CPU threads compute."""

    threads: int | None = option(None, metavar="N", more="by default the backend decides")
    """CPU threads."""
