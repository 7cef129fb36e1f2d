"""Scoring: run a network on a folder of images, or take results that are there, and average its metrics."""

import sys
from collections.abc import Callable, Sequence
from dataclasses import KW_ONLY, dataclass
from pathlib import Path

from tqdm import tqdm

from restorect_edge.errors import UsageError
from restorect_edge.evaluation.protocols import PROTOCOLS, protocol
from restorect_edge.evaluation.report import Report, report
from restorect_edge.evaluation.scores import METRICS, Evaluator, choose
from restorect_edge.scoring.items import Item, find, fitted
from restorect_edge.scoring.methods import Method, opened
from restorect_edge.targets.running import OnDevice, Values
from restorect_edge.utils.options import argument, option, silent, takes

__all__ = ["Evaluate", "Scoring", "evaluate", "score"]


@dataclass(frozen=True, kw_only=True)
class Scoring(OnDevice, Values):
    """On which images a network is scored, and how."""

    data: str | Path = option(metavar="DIR")
    """Folder of pairs, or of images."""
    protocol: str = option("standard", metavar="NAME", more=", ".join(PROTOCOLS))
    """How images are compared."""
    correction: float | None = option(None, metavar="S", more="default 0.1")
    """Strength of restorect's correction, 0 to 1."""
    border: int | None = option(None, metavar="N")
    """Pixels left out at each edge; by default the protocol's."""
    metrics: Sequence[str] | str | None = option(
        None, metavar="LIST", more=f"{','.join(METRICS)}; default psnr,ssim,psnr_gt_mean for pairs"
    )
    """Which metrics."""
    progress: Callable[[str], None] = option(silent, python_only=True)
    """Is given a line per stage."""

    def evaluator(self, items: Sequence[Item], scale: int = 1) -> Evaluator:
        """Return what scores the images of a network that enlarges.

        Args:
            items: the images; the first tells whether there are clean ones.
            scale: the output's side over the input's.

        Raises:
            UsageError: no such protocol or metric, or one that needs clean images where there are none.
        """
        chosen = protocol(self.protocol, correction=self.correction, border=self.border, scale=scale)
        return Evaluator(chosen, choose(self._metrics, chosen, paired=items[0].clean is not None))

    @property
    def _metrics(self) -> str | None:
        names = self.metrics
        return names if names is None or isinstance(names, str) else ",".join(names)


@dataclass(frozen=True)
class Evaluate(Scoring):
    """What `evaluate` takes."""

    source: str | Path = argument(metavar="WEIGHTS_OR_ARTIFACT")
    """Weights by name or file, an artifact, or a folder of results that any method made."""
    _: KW_ONLY


@takes(Evaluate)
def evaluate(asked: Evaluate) -> Report:
    """Score a network on a folder of images.

        evaluate("lowlight-small", data="pairs/val", metrics=["psnr", "lpips"]).means["psnr"]

    Args:
        asked: the fields of `Evaluate`, each an argument of its own; all but the source are options of
            ``restorect-edge evaluate``.

    Returns:
        Means, and the scores of each image.

    Raises:
        UsageError: no such network, images, metric or protocol, or images that do not fit each other.
        MissingDependencyError: what runs the network, or a metric, is not installed.
        IncompatibleError, BackendError: see `restorect_edge.errors`.
    """
    asked.check_values([asked.source])
    items = find(Path(asked.data))
    asked.evaluator(items)  # refuses what is wrong before anything is loaded
    return score(str(asked.source), asked, items)


def score(source: str, asked: Scoring, items: Sequence[Item]) -> Report:
    """Score one of several sources on images that `find` returned; see `evaluate`.

    Args:
        source: weights, artifact or folder of results.
        asked: the options.
        items: the images.

    Raises:
        RestorectError: as `evaluate`.
    """
    run_by = {name: getattr(asked, name) for name in ("runtime", "device", "values", "progress")}
    with opened(source, items, **run_by) as method:
        scale = method.scale(items)
        evaluator = asked.evaluator(items, scale)
        for item in tqdm(items, unit="image", file=sys.stderr, disable=None):
            _add(evaluator, method, item, scale)
        return report(
            evaluator,
            source=source,
            data=str(asked.data),
            runtime=method.runtime,
            provider=method.provider,
        )


def _add(evaluator: Evaluator, method: Method, item: Item, scale: int) -> None:
    """Restore an image as uint8 and score it.

    Raises:
        UsageError: the images do not match in size, or are too small for a metric.
    """
    degraded, clean = item.read()
    if clean is not None:
        clean = fitted(item.name, clean, degraded, scale)
    restored = method.restored(item, degraded)
    wanted = (scale * degraded.shape[0], scale * degraded.shape[1], 3)
    if restored.shape != wanted:
        raise UsageError(
            f"the result for '{item.name}' is {restored.shape[1]}×{restored.shape[0]}, expected "
            f"{wanted[1]}×{wanted[0]}: {scale} times the degraded image"
        )
    evaluator.add(item.name, restored, clean, restoring=method.seconds)
