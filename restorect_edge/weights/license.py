"""What may be done with weights: one line for every command that uses them, and the choice of a safe set."""

from collections.abc import Mapping
from typing import Any

from restorect_edge.errors import UsageError
from restorect_edge.weights import card, license_of, locate, names

__all__ = ["DEFAULT", "PRODUCT", "allowed_in_products", "chosen", "line"]

DEFAULT = "lowlight-small"
"""The weights of a command that names none: the best on LOL-v1."""
PRODUCT = "lowlight-open"
"""Those with ``--product``: 2 dB behind on LOL-v1, see the cards."""


def allowed_in_products() -> list[str]:
    """Return the shipped weights that may be part of a product, as their cards say."""
    return [name for name in names() if card(locate(name)).get("product") is True]


def chosen(asked: str | None, *, product: bool) -> str:
    """Return the weights to use: those asked for, or else the default of the case.

    Args:
        asked: a name or path; None for the default.
        product: only weights that may be shipped in a product will do.

    Raises:
        UsageError: with `product`, shipped weights that may not be; those that may are named.
    """
    if asked is None:
        return PRODUCT if product else DEFAULT
    if product and asked in names() and asked not in allowed_in_products():
        raise UsageError(
            f"--product: '{asked}' may not be shipped, its license is {license_of(card(locate(asked)))}; "
            f"these may: {', '.join(allowed_in_products())}"
        )
    return asked


def line(facts: Mapping[str, Any], *, option: bool = False) -> str:
    """Return what may be done with weights in one line, empty for a network that has none.

    Args:
        facts: ``name`` and ``license``, of a card or a manifest.
        option: whether the command has ``--product``.
    """
    if "name" not in facts:
        return ""
    told = f"license of {facts['name']}: {license_of(facts)}"
    if not option or facts["name"] in allowed_in_products() or facts["name"] not in names():
        return told
    return f"{told}; --product takes weights that may be shipped"
