"""What a training loop trains: one network, the losses that train it, and how to judge it."""

from abc import abstractmethod
from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor, nn

from restorect_edge.training.config import Training
from restorect_edge.training.data.sampling import Batch, Sampling, batches
from restorect_edge.training.data.sources import Source
from restorect_edge.training.losses.objective import Parts

__all__ = ["Restore", "Stage"]

Restore = Callable[[Tensor, Tensor], Tensor]
"""Degraded and clean (1, 3, H, W) in [0, 1] → restored, the same; only a teacher looks at the clean one."""


class Stage(nn.Module):
    """Everything with trained parameters; `network` is what is averaged, validated and saved.

    Attributes:
        network: the teacher or the student.
        config: the run's options.
        kind: ``teacher`` or ``student``, written into its checkpoints.
        multiple: image sides that the network takes are multiples of this.
    """

    network: nn.Module
    config: Training
    kind: str
    multiple: int

    @property
    @abstractmethod
    def thumbnail(self) -> int:
        """Side of the thumbnails that its batches need, in pixels."""

    @property
    def deviation(self) -> bool:
        """Whether its thumbnails need the deviations inside blocks beside the means."""
        return False

    def batches(self, source: Source, first: int, last: int, how: Sampling, workers: int) -> Iterator[Any]:
        """Yield the batches of steps `first` to `last`; arguments are those of `sampling.batches`."""
        yield from batches(source, first, last, how, workers=workers)

    @abstractmethod
    def losses(self, batch: Batch, step: int) -> Parts:
        """Return the weighted losses of a step.

        Args:
            batch: as `batches` yields it, on the network's device.
            step: of the run.
        """

    @abstractmethod
    def restorer(self, average: nn.Module) -> Restore:
        """Return a function that restores with averaged weights, for validation."""

    def begin(self) -> None:
        """Change the network before its first step, when the weights to begin with are loaded."""

    def rates(self) -> dict[str, float]:
        """Return shares of the learning rate by the first part of parameters' names; the others have all."""
        return {}

    def facts(self) -> dict[str, Any]:
        """Return what else a checkpoint and its card should say."""
        return {}

    def autocast(self, step: int, device: torch.device) -> torch.autocast:
        """Return the context in which image networks compute: bfloat16 in the first share of the run.

        Args:
            step: of the run.
            device: where the network computes.
        """
        enabled = step < self.config.amp * self.config.iterations
        return torch.autocast(device.type, torch.bfloat16, enabled=enabled)
