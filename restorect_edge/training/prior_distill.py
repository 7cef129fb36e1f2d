"""A prior that is made of another: what it decides is kept, and well-exposed photographs are left alone.

A narrower student's prior fitted to a wider one's keeps its exposure, where one trained by itself loses
half a decibel and more. Fitted to a student's own prior, it learns beside that what pairs do not show: the
identity where there is nothing to restore.
"""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn

from restorect_edge.artifact import file_hash
from restorect_edge.errors import IncompatibleError
from restorect_edge.models import Student, build
from restorect_edge.training.config import PriorTraining
from restorect_edge.training.data.sampling import Sampling
from restorect_edge.training.data.sources import Source
from restorect_edge.training.engine import checkpoint
from restorect_edge.training.engine.stage import Restore
from restorect_edge.training.losses.objective import Parts
from restorect_edge.training.prior import PriorStage, ThumbnailCache, log_brightness
from restorect_edge.weights import card, locate

__all__ = ["DistilledPriorStage", "load_student"]

LATENT, EXPOSED, BRIGHTNESS = 1.0, 5.0, 2.0
"""Weights of the absolute errors of conditions and z, of the exposed thumbnail, and of its log brightness."""


class DistilledPriorStage(PriorStage):
    """Fit a prior to a teacher's on degraded photographs, and to the identity on clean ones.

    Tensors that both have in one shape begin as the teacher's, exposure and colors of the body among them;
    those two stay as they are, since the trunk has learnt with them.

    Args:
        config: the run's options; `PriorTraining.identity` is the share of clean photographs.
        teacher: a student whose prior looks at deviations.
        teacher_facts: what identifies it, for the card.

    Raises:
        IncompatibleError: its latents are of another width, or its prior looks at something else.
    """

    def __init__(self, config: PriorTraining, teacher: Student, teacher_facts: dict[str, Any]) -> None:
        super().__init__(config)
        mine, its = self.network.config, teacher.config
        if not teacher.prior.deviation or (mine.latent, mine.thumbnail) != (its.latent, its.thumbnail):
            raise IncompatibleError(
                f"the prior of '{config.preset}' looks at deviations in thumbnails of {mine.thumbnail} "
                f"pixels and has latents of {mine.latent} channels; the teacher does not: give weights of "
                "nano, small or base"
            )
        self.teacher_facts = teacher_facts
        self.others = {"teacher": teacher.eval().requires_grad_(False)}

    def begin(self) -> None:
        """Take over the teacher's tensors where they fit; after the weights to begin with are there."""
        state, given = self.network.state_dict(), self.others["teacher"].state_dict()
        ours = ("prior.", "body.exposure.", "body.colour.")
        state |= {k: v for k, v in given.items() if k.startswith(ours) and v.shape == state[k].shape}
        self.network.load_state_dict(state)

    def _trained(self) -> tuple[nn.Module, ...]:
        return (self.network.prior,)

    def batches(self, source: Source, first: int, last: int, how: Sampling, workers: int) -> Iterator[Any]:
        """Yield batches whose clean photographs are as they are: a dimmed one is not to be left alone."""
        cache = ThumbnailCache(source, self.network, self.config)
        undimmed = replace(self.config, dimmed=0.0)
        for step in range(first, last):
            yield cache.draw(step, how, undimmed)

    def facts(self) -> dict[str, Any]:
        """Name the teacher beside what every prior's run says."""
        return {**super().facts(), "teacher": self.teacher_facts}

    def losses(self, batch: Any, step: int) -> Parts:
        """Return the distances from what the teacher decides, and from the identity on clean photographs."""
        self.network.eval()  # without dropout: a function is copied here, not learnt from few scenes
        view, clean = batch.view[:, :6], batch.clean
        latents, exposed = _decided(self.network, view)
        with torch.no_grad():
            wanted_latents, wanted = _decided(self.others["teacher"], view)
        # samples whose input is the clean photograph, which is given as it is
        same = ((view[:, :3] - clean).abs().amax((1, 2, 3)) < 1e-6)[:, None, None, None]
        distance = sum((a - b).abs() for a, b in zip(latents, wanted_latents, strict=True))
        target = torch.where(same, clean, wanted)
        brightness = (log_brightness(exposed) - log_brightness(target)).abs().mean()
        return {
            "latent": LATENT * torch.where(same, 0.0, distance).mean(),
            "exposed": EXPOSED * (exposed - target).abs().mean(),
            "brightness": BRIGHTNESS * brightness,
        }

    def restorer(self, average: nn.Module) -> Restore:
        """Return the whole averaged student: its body is trained."""
        assert isinstance(average, Student)
        network = average.deploy()
        return lambda degraded, clean: network(degraded)


def _decided(network: Student, view: Tensor) -> tuple[tuple[Tensor, Tensor], Tensor]:
    """Return conditions joined and z, each (N, 2·latent, 1, 1), and the exposed means of thumbnails."""
    conditions = network.prior.conditions(view)
    z = network.prior.generated(conditions)
    return (torch.cat(conditions, 1), z), network.body.exposed(view[:, :3], z)


def load_student(source: str) -> tuple[Student, dict[str, Any]]:
    """Return a student as it is trained, by name or path, and what identifies it.

    Raises:
        UsageError: no such weights.
        IncompatibleError: they are not of an edge student.
    """
    path = locate(source)
    preset = str(card(path).get("preset"))
    student = build(preset)
    if not isinstance(student, Student):
        raise IncompatibleError(f"'{source}' is of preset '{preset}', which has no prior of its own")
    student.load_state_dict(checkpoint.read(path))
    return student, {"sha256": file_hash(path), "preset": preset}
