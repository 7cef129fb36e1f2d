"""The metrics by name, and scoring one image after another with them."""

import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from restorect_edge.errors import UsageError, unknown_name
from restorect_edge.evaluation import learned
from restorect_edge.evaluation.metrics import finite_psnr, gt_mean, ssim
from restorect_edge.evaluation.naturalness import BLOCK, brisque, niqe
from restorect_edge.evaluation.protocols import Protocol
from restorect_edge.evaluation.underwater import SMALLEST, uciqe, uiqm
from restorect_edge.spec import ImageU8

__all__ = ["METRICS", "Evaluator", "Metric", "Sample", "Score", "choose"]


DEFAULTS = ("psnr", "ssim", "psnr_gt_mean")
UNPAIRED_DEFAULTS = ("niqe", "brisque")


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """An output and its target as a protocol prepares them."""

    protocol: Protocol
    output: ImageU8
    """(H, W, 3) RGB."""
    target: ImageU8 | None
    """The same shape; None where there is no clean image."""

    @property
    def pair(self) -> tuple[ImageU8, ImageU8]:
        """Output and target, for metrics that need both; raises `UsageError` where there is no target."""
        if self.target is None:
            raise UsageError("this metric needs a clean image")
        return self.output, self.target

    @property
    def views(self) -> tuple[Any, Any]:
        """What PSNR and SSIM compare."""
        output, target = self.pair
        return self.protocol.view(output), self.protocol.view(target)


Scorer = Callable[[Sample], float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Metric:
    """A metric: how it is shown, what it needs and what computes it."""

    title: str
    make: Callable[[], Any]
    """Loads what it needs and returns a `Scorer`, or for a pooled metric what has `add` and `value`."""
    unit: str = ""
    digits: int = 4
    """Decimal places that are shown."""
    higher: bool = True
    """Whether more is better."""
    paired: bool = False
    """Whether it needs clean images."""
    pooled: bool = False
    """Whether it has one value for all images instead of one for each."""
    smallest: int = 1
    """Smallest side of an image in pixels."""

    def shown(self, value: float) -> str:
        """Return a value with its unit; a dash where it is undefined."""
        if math.isnan(value):
            return "–"
        return f"{value:.{self.digits}f}{f' {self.unit}' if self.unit else ''}"


def _of_output(function: Callable[[ImageU8], float]) -> Callable[[], Scorer]:
    return lambda: lambda sample: function(sample.output)


def _of_pair(make: Callable[[], Callable[[ImageU8, ImageU8], float]]) -> Callable[[], Scorer]:
    def scorer() -> Scorer:
        function = make()
        return lambda sample: function(*sample.pair)

    return scorer


def _clip() -> Scorer:
    network = learned.Clip()
    return lambda sample: network(sample.output)


def _psnr(sample: Sample) -> float:
    return finite_psnr(*sample.views)


def _psnr_gt_mean(output: ImageU8, target: ImageU8) -> float:
    return finite_psnr(gt_mean(output, target), target)


def _biqi() -> Scorer:
    raise UsageError(
        "metric 'biqi' cannot be computed: no maintained package ships the support vector machines of its "
        "authors' release (Moorthy and Bovik, 2010), and the BIQI of the RestoRect tables is another formula "
        "of that name; the nearest by the same authors is 'brisque'"
    )


METRICS: Mapping[str, Metric] = {
    "psnr": Metric(title="PSNR", unit="dB", digits=2, paired=True, make=lambda: _psnr),
    "ssim": Metric(title="SSIM", paired=True, smallest=11, make=lambda: lambda sample: ssim(*sample.views)),
    "psnr_gt_mean": Metric(
        title="PSNR with GT-mean", unit="dB", digits=2, paired=True, make=_of_pair(lambda: _psnr_gt_mean)
    ),
    "fid": Metric(title="FID", digits=2, higher=False, paired=True, pooled=True, make=learned.Frechet),
    "niqe": Metric(
        title="NIQE",
        digits=3,
        higher=False,
        smallest=BLOCK,
        make=lambda: lambda sample: niqe(sample.protocol.cropped(sample.output)),
    ),
    "lpips": Metric(
        title="LPIPS (VGG)", higher=False, paired=True, smallest=32, make=_of_pair(learned.Perceptual)
    ),
    "brisque": Metric(title="BRISQUE", digits=2, higher=False, smallest=16, make=_of_output(brisque)),
    "biqi": Metric(title="BIQI", digits=2, higher=False, make=_biqi),
    "uciqe": Metric(title="UCIQE", make=_of_output(uciqe)),
    "uiqm": Metric(title="UIQM", smallest=SMALLEST, make=_of_output(uiqm)),
    "clip_iqa": Metric(title="CLIP-IQA", make=_clip),
}
"""Every metric by the name that options and reports use."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """One image's scores; not a number where a metric is undefined, as NIQE is for a flat image."""

    name: str
    values: dict[str, float]
    """By metric, in its unit."""
    restoring: float = 0.0
    """Seconds that the network took."""
    scoring: float = 0.0
    """Seconds that the metrics took."""


def choose(names: str | None, protocol: Protocol, *, paired: bool) -> dict[str, Metric]:
    """Return the metrics to compute, in the order asked for.

    Args:
        names: separated by commas; None chooses those that need no extra.
        protocol: what they are computed under.
        paired: whether there are clean images.

    Raises:
        UsageError: no such metric, or one that needs clean images where there are none.
    """
    if not paired and protocol.needs_target:
        raise UsageError(
            f"the protocol '{protocol.name}' changes outputs towards clean images; there are none"
        )
    if names is None:
        defaults = DEFAULTS if paired else UNPAIRED_DEFAULTS
        # under another protocol outputs are corrected already, or compared as something else than RGB
        return {n: METRICS[n] for n in defaults if n != "psnr_gt_mean" or protocol.name == "standard"}
    chosen = {name: _metric(name) for name in (word.strip() for word in names.split(","))}
    lonely = [name for name, metric in chosen.items() if metric.paired and not paired]
    if lonely:
        others = ", ".join(name for name, metric in METRICS.items() if not metric.paired)
        raise UsageError(f"{', '.join(lonely)} need clean images, and there are none; without: {others}")
    if "psnr_gt_mean" in chosen and protocol.name != "standard":
        raise UsageError(f"psnr_gt_mean is a column of the protocol 'standard', not of '{protocol.name}'")
    return chosen


def _metric(name: str) -> Metric:
    if name not in METRICS:
        raise unknown_name("metric", name, METRICS)
    return METRICS[name]


@dataclass(slots=True)
class Evaluator:
    """Scores images one at a time, keeping nothing of them but their scores.

    Args:
        protocol: what is done to the images before they are compared.
        metrics: by name, as `choose` returns them; their networks are loaded at once.

    Raises:
        MissingDependencyError: a metric's library or weights are missing.
    """

    protocol: Protocol
    metrics: Mapping[str, Metric]
    scores: list[Score] = field(default_factory=list)
    _scorers: dict[str, Any] = field(init=False)

    def __post_init__(self) -> None:
        self._scorers = {name: metric.make() for name, metric in self.metrics.items()}

    def add(self, name: str, output: ImageU8, target: ImageU8 | None, *, restoring: float = 0.0) -> Score:
        """Score one image.

        Args:
            name: of the image.
            output: (H, W, 3) RGB.
            target: the same shape, or None.
            restoring: seconds that the network took.

        Raises:
            UsageError: the image is smaller than a metric is defined for.
        """
        started = time.perf_counter()
        prepared, clean = self.protocol.prepare(output, target)
        sample = Sample(protocol=self.protocol, output=prepared, target=clean)
        # before any metric runs: a later one must not fail when pooled ones have the image already
        self._check_size(name, self.protocol.cropped(prepared))
        values = {}
        for key, metric in self.metrics.items():
            if metric.pooled:
                self._scorers[key].add(*sample.pair)
            else:
                values[key] = float(self._scorers[key](sample))
        score = Score(name=name, values=values, restoring=restoring, scoring=time.perf_counter() - started)
        self.scores.append(score)
        return score

    def _check_size(self, name: str, image: ImageU8) -> None:
        height, width = image.shape[:2]
        for metric in self.metrics.values():
            if min(height, width) < metric.smallest:
                raise UsageError(
                    f"image '{name}' is {width}×{height}; {metric.title} needs sides of at least "
                    f"{metric.smallest} pixels"
                )

    def means(self) -> dict[str, float]:
        """Return each metric over all images: the mean where it is defined, or a pooled metric's value."""
        return {
            key: float(self._scorers[key].value()) if metric.pooled else _mean(self.values(key))
            for key, metric in self.metrics.items()
        }

    def values(self, key: str) -> list[float]:
        """Return a metric's value for each image in which it is defined."""
        found = (score.values[key] for score in self.scores if key in score.values)
        return [value for value in found if not math.isnan(value)]


def _mean(values: Sequence[float]) -> float:
    return float(np.mean(values)) if values else math.nan
