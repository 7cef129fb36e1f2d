"""Options that several verbs have, each said once."""

from dataclasses import dataclass

from restorect_edge.targets.registry import RUNTIMES
from restorect_edge.utils.options import option
from restorect_edge.weights import license

__all__ = ["Json", "Network", "OnDevice", "Overwrite", "Threads"]


@dataclass(frozen=True, kw_only=True)
class Json:
    """The form of what is printed."""

    json: bool = option(False)
    """Print one JSON object on standard output."""


@dataclass(frozen=True, kw_only=True)
class Overwrite:
    """What becomes of earlier results."""

    overwrite: bool = option(False)
    """Replace what exists under the name of a result."""


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


@dataclass(frozen=True, kw_only=True)
class Network:
    """Which network."""

    weights: str | None = option(
        None,
        "-w",
        metavar="NAME|PATH",
        more=f"default {license.DEFAULT}",
    )
    """Weights by name or file."""
    product: bool = option(False, more=f"default {license.PRODUCT} then")
    """Take only weights that may be shipped."""
