"""Whether a difference between runs is more than the luck of their seeds."""

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass

__all__ = ["RULE", "Noise", "pooled", "verdict"]

RULE = (
    "per seed, the score with the ingredient less the score without; helps (does not help) where the mean "
    "difference lies above (below) zero by more than Student's 95 % margin t·s/√n, n seeds and s the "
    "standard deviation of the differences, pooled over the comparisons of one kind; else within noise"
)
QUANTILES = (12.71, 4.30, 3.18, 2.78, 2.57, 2.45, 2.36, 2.31, 2.26, 2.23)
"""Student's t, 97.5 %, for 1 to 10 degrees of freedom; beyond, the tenth, which errs on the side of noise."""


@dataclass(frozen=True, slots=True)
class Noise:
    """How far the differences of one comparison lie apart because of the seed alone."""

    deviation: float
    freedom: int

    def margin(self, seeds: int) -> float:
        """Return half the width of the 95 % interval of a mean over that many seeds."""
        quantile = QUANTILES[min(self.freedom, len(QUANTILES)) - 1]
        return quantile * self.deviation / math.sqrt(seeds)


def pooled(comparisons: Sequence[Sequence[float]]) -> Noise | None:
    """Return the noise within comparisons, each given by its difference per seed; None with one seed."""
    freedom = sum(len(differences) - 1 for differences in comparisons)
    if freedom < 1:
        return None
    squares = sum(statistics.pvariance(d) * len(d) for d in comparisons)
    return Noise(math.sqrt(squares / freedom), freedom)


def verdict(differences: Sequence[float], noise: Noise | None) -> str:
    """Return "helps", "does not help" or "within noise" by `RULE`; "one seed" where nothing can be said."""
    if noise is None:
        return "one seed"
    mean, margin = statistics.fmean(differences), noise.margin(len(differences))
    if mean > margin:
        return "helps"
    return "does not help" if mean < -margin else "within noise"
