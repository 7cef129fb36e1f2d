"""Whether a network gives pictures at all: most of what lies outside [0, 1] would be clipped away, and two
clipped pictures agree however wrong both are."""

import numpy as np
from numpy.typing import NDArray

from restorect_edge.errors import IncompatibleError
from restorect_edge.export.verify.pictures import Picture

__all__ = ["OVERSHOOT", "TOLERATED", "OutputRange"]

OVERSHOOT = 0.25
"""How far outside [0, 1] a value may be the overshoot of an edge or a lamp, which clipping is meant for."""
TOLERATED = 0.20
"""Share of the values of photographs that may lie beyond that: a range of 0 to 255 or -1 to 1 leaves four
fifths there, a network that brightens without clipping a twentieth."""


class OutputRange:
    """Collects what a float32 network gives, picture by picture.

    Args:
        name: of the network, for messages.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._shares: list[float] = []
        self._lowest, self._highest = np.inf, -np.inf

    def add(self, picture: Picture, output: NDArray[np.float32]) -> None:
        """Take in the output for a picture.

        Args:
            picture: what was restored.
            output: (H, W, 3), not clipped.

        Raises:
            IncompatibleError: values that are not numbers.
        """
        if not np.isfinite(output).all():
            raise IncompatibleError(
                f"the network '{self._name}' gives values that are not numbers (NaN or infinite) in float32 "
                f"for the picture '{picture.name}': guard its divisions, roots and logarithms, for example "
                "with a small constant in the denominator"
            )
        if picture.kind == "photograph":  # a flat frame may overshoot as a whole, and by little
            self._shares.append(float(np.mean((output < -OVERSHOOT) | (output > 1 + OVERSHOOT))))
            self._lowest = min(self._lowest, float(output.min()))
            self._highest = max(self._highest, float(output.max()))

    def check(self) -> None:
        """Raise `IncompatibleError` if too many of the values are far outside [0, 1]."""
        share = float(np.mean(self._shares)) if self._shares else 0.0
        if share > TOLERATED:
            raise IncompatibleError(
                f"the network '{self._name}' gives {self._lowest:.3g} to {self._highest:.3g} for pictures: "
                f"{share:.0%} of the values are far outside [0, 1], where pictures lie. Say which ranges its "
                "input and output have, such as --input-range 0 255 --output-range 0 255 (or -1 1, or --mean "
                "and --std); in Python, spec=ImageSpec(input_range=(0, 255), output_range=(0, 255)); or end "
                "it with clamp(0, 1)"
            )
