"""Options that several verbs have, each said once."""

from dataclasses import dataclass

from restorect_edge.utils.options import option
from restorect_edge.weights import license

__all__ = ["Json", "Network", "Overwrite"]


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
