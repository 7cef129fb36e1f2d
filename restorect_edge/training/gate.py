"""The gate alone: when a student leaves a photograph as it is, learnt in seconds with the rest frozen.

What the prior makes of each photograph, z, is computed once. What is learnt is one linear map of z: a
logistic regression of whether the photograph needs restoring, which is to say whether it lies less than
`CLEAR` from its clean form.
"""

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from tqdm import tqdm

from restorect_edge.errors import IncompatibleError, UsageError
from restorect_edge.evaluation.metrics import psnr
from restorect_edge.models import Student
from restorect_edge.models.blocks import Gate
from restorect_edge.spec import ImageU8
from restorect_edge.training.config import PriorTraining
from restorect_edge.training.data.sampling import Sampling, Tensors
from restorect_edge.training.data.sources import Source
from restorect_edge.training.engine.stage import Restore
from restorect_edge.training.losses.objective import Parts
from restorect_edge.training.prior import PriorStage, softened, thumbnail_of, view_of

__all__ = ["CLEAR", "GateBatch", "GateStage"]

CLEAR = 30.0
"""PSNR to its clean form, in dB, from which on a photograph is to be left alone."""
FULL = 0.5
"""Share of the degraded samples that are as the degradation makes them; the others are anywhere up to it."""
OPEN = 1.0
"""What the map has at even odds. It is clamped to [0, 1]: the gate is open from even odds on, and closed
where the odds against restoring are above e to 1. In doubt a photograph is restored."""


@dataclass(frozen=True, slots=True)
class GateBatch(Tensors):
    """Tensors of one step of the gate."""

    z: Tensor
    """(N, Z, 1, 1)."""
    wanted: Tensor
    """(N, 1, 1, 1): 1 to restore, 0 to leave alone."""


class GateStage(PriorStage):
    """Train the gate of a body on what its prior says of photographs that need restoring or do not.

    Args:
        config: the run's options; of those of the prior's stage `views` and `softened` take effect.
        clear: sources of which the clean images are to be left alone, beside those of the training data.

    Raises:
        IncompatibleError: the preset has no gate.
    """

    kind = "gate"

    def __init__(self, config: PriorTraining, clear: tuple[Source, ...]) -> None:
        super().__init__(config)
        self.clear = clear

    def _trained(self) -> tuple[nn.Module, ...]:
        if self.network.body.gate is None:
            raise IncompatibleError(
                f"'{self.config.preset}' has no gate to train; use nano-gated, small-gated or "
                "base-gated, which --init can begin as the preset without one"
            )
        return (self.network.body.gate,)

    def batches(self, source: Source, first: int, last: int, how: Sampling, workers: int) -> Iterator[Any]:
        """Yield batches of which half need restoring, from samples that are made at the first.

        The others are as often of the training data as of the clear photographs, of which there can be many
        more: else the gate would learn to tell the two apart.
        """
        z, wanted, kinds = self._samples(source)
        for step in range(first, last):
            rng = np.random.default_rng([how.seed, step, how.rank])
            index = torch.cat([_drawn_of(kind, how.batch // len(kinds), rng) for kind in kinds])
            yield GateBatch(z[index], wanted[index].float().view(-1, 1, 1, 1))

    @torch.no_grad()
    def _samples(self, source: Source) -> tuple[Tensor, Tensor, list[Tensor]]:
        """Return z of all samples, (M, Z, 1, 1), whether they need restoring, (M,), and indices by kind."""
        # a stream of its own: batches draw from seed, step and rank
        rng = np.random.default_rng([self.config.seed, 1])
        prior = self.network.prior.eval()
        z, wanted, own = [], [], []
        for image, needs, is_own in self._drawn(source, rng):
            if rng.random() < self.config.softened:
                image = softened(image, rng)
            z.append(prior(thumbnail_of(image, prior.size)[None]))
            wanted.append(needs)
            own.append(is_own)
        return torch.cat(z), torch.tensor(wanted), _kinds(torch.tensor(wanted), torch.tensor(own))

    def _drawn(self, source: Source, rng: np.random.Generator) -> Iterator[tuple[ImageU8, bool, bool]]:
        """Yield images, whether they need restoring, and whether they are of the training data."""
        sources = [(source, True), *((clear, False) for clear in self.clear)]
        draws = [(each, i, own) for each, own in sources for i in range(len(each) * self.config.views)]
        for each, index, own in tqdm(
            draws, unit="view", desc="latents", file=sys.stderr, disable=None, leave=False
        ):
            degraded, clean = view_of(each, index, rng)
            if own:
                image = _partly(degraded, clean, rng)
                yield image, psnr(image, clean) < CLEAR, own
            yield clean, False, own

    def losses(self, batch: Any, step: int) -> Parts:
        """Return the cross-entropy of the gate's odds."""
        gate = cast(Gate, self.network.body.gate)
        return {"gate": F.binary_cross_entropy_with_logits(gate.odds(batch.z) - OPEN, batch.wanted)}

    def restorer(self, average: nn.Module) -> Restore:
        """Return the whole averaged student: its body is trained."""
        assert isinstance(average, Student)
        network = average.deploy()
        return lambda degraded, clean: network(degraded)


def _kinds(wanted: Tensor, own: Tensor) -> list[Tensor]:
    """Return the indices of those to restore, twice, and of those to leave alone, by where they are from."""
    restored = torch.nonzero(wanted)[:, 0]
    if not len(restored):
        raise UsageError(
            f"nothing to restore in --data: no input is less than {CLEAR:g} dB from its clean image"
        )
    return [restored, torch.nonzero(~wanted & own)[:, 0], restored, torch.nonzero(~own)[:, 0]]


def _drawn_of(kind: Tensor, count: int, rng: np.random.Generator) -> Tensor:
    return kind[torch.from_numpy(rng.integers(len(kind), size=max(count, 1)))]


def _partly(degraded: ImageU8, clean: ImageU8, rng: np.random.Generator) -> ImageU8:
    """Return a degraded image, or a blend with the clean one: a degradation of any strength."""
    strength = np.float32(1.0 if rng.random() < FULL else rng.random())
    blend = clean + strength * (degraded.astype(np.float32) - clean)
    levels: ImageU8 = np.rint(blend).astype(np.uint8)
    return levels
