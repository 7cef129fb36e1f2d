"""FLEX: pull a student's decoder features towards those of a teacher of another architecture."""

import math
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from restorect_edge.errors import UsageError

__all__ = ["Flex"]

PERCENTILE = 0.95
"""Share of a channel's elements that is kept; the differences beyond it are outliers."""

SAMPLE = 4096
"""A channel of twice as many elements or more is sampled for its percentile, at every odd n-th element."""

LATEST = 0.4
"""Flow time from which on features are too noisy to be compared."""

FLAT = 1e-5
"""Added to the student's variance, so that a flat channel has a finite scale."""


class Flex(nn.Module):
    """Feature Layer Extraction loss of RestoRect (arXiv 2509.23480) on decoder features.

    At each level the student's features pass a 1×1 adapter to the teacher's channels, and both maps are
    brought to the smaller of their two sizes by area averaging. With μ and σ the *student's* mean and
    standard deviation of a channel over N, H and W, the loss of a level is::

        (64² / (h·w))^0.25 · mean |(s − μ)/σ − (t − μ)/σ|

    over the elements whose difference does not exceed the channel's 95th percentile; the loss is the mean
    over the levels. The teacher gets no gradient. Nor do μ and σ: they are the unit of measure, and a
    student that may change the unit lowers the loss by inflating its variance instead of approaching the
    teacher. Differences are absolute: squared, in units of a student that explains the share r of the
    teacher's variance they grow as (1 − r)/r, without bound at the start of training.

    Args:
        student: channels of the student's features, one number per level.
        teacher: channels of the teacher's features, level by level.

    Raises:
        UsageError: the two have different numbers of levels.
    """

    def __init__(self, student: Sequence[int], teacher: Sequence[int]) -> None:
        super().__init__()
        if len(student) != len(teacher):
            raise UsageError(
                f"FLEX compares level with level: got {len(student)} student levels and {len(teacher)} "
                "teacher levels; name the channels of as many levels for both"
            )
        self.adapters = nn.ModuleList(nn.Conv2d(s, t, 1) for s, t in zip(student, teacher, strict=True))

    def forward(
        self, student: Sequence[Tensor], teacher: Sequence[Tensor], t: float | Tensor = 0.0
    ) -> Tensor:
        """Return the loss; features are (N, C, h, w), level by level in the constructor's order.

        Args:
            student: features with gradient, made from a latent at flow time `t`.
            teacher: features of the same images; h and w may differ from the student's.
            t: flow time of the student's latent, one for all or one per image. Only images with t < 0.4
                count, where signal outweighs noise; without any the loss is 0. A finished rollout has t = 0.
        """
        clear = torch.as_tensor(t).flatten() < LATEST
        if not clear.any():
            return student[0].new_zeros(())
        if not clear.all():
            student, teacher = [s[clear] for s in student], [f[clear] for f in teacher]
        levels = zip(self.adapters, student, teacher, strict=True)
        return torch.stack([_level(adapter, s, f.detach()) for adapter, s, f in levels]).mean()


def _level(adapter: nn.Module, student: Tensor, teacher: Tensor) -> Tensor:
    size = min(student.shape[2], teacher.shape[2]), min(student.shape[3], teacher.shape[3])
    # Averaging first is the same, both being linear, and adapts fewer pixels.
    adapted = adapter(_averaged(student, size)).float()
    # The student's mean is subtracted from both, and so from neither.
    difference = (adapted - _averaged(teacher, size).float()).abs() / _deviation(adapted.detach())
    kept = difference.detach() <= _percentile(difference.detach())
    weight = (64**2 / math.prod(size)) ** 0.25
    loss: Tensor = weight * (difference * kept).sum() / kept.sum()
    return loss


def _deviation(features: Tensor) -> Tensor:
    """(N, C, h, w) → (1, C, 1, 1); ``torch.var`` takes six times as long on a CPU."""
    centred = features - features.mean((0, 2, 3), keepdim=True)
    return torch.sqrt((centred * centred).mean((0, 2, 3), keepdim=True) + FLAT)


def _averaged(features: Tensor, size: tuple[int, int]) -> Tensor:
    return features if features.shape[2:] == size else F.adaptive_avg_pool2d(features, size)


def _percentile(difference: Tensor) -> Tensor:
    """(N, C, h, w) → (1, C, 1, 1): the 95th percentile of each channel, of a fixed subset if large."""
    channels = difference.transpose(0, 1).flatten(1)
    # An odd stride visits even and odd columns: pixel shuffling makes them differ.
    stride = channels.shape[1] // SAMPLE | 1
    sample = channels[:, ::stride]
    rank = math.ceil(PERCENTILE * sample.shape[1])
    return sample.kthvalue(rank, dim=1).values.view(1, -1, 1, 1)
