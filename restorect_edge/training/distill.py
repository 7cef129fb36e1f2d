"""Stage 2 of RestoRect (arXiv 2509.23480): a student learns to generate the teacher's latents, and use them.

In the first phase the flows learn to generate the teacher's latents, while the body learns to restore with
the teacher's own: it is not disturbed by guesses at the exposure. In the second everything learns through
the rollout, which is differentiable at each of its N steps. Without a teacher only the second phase is left.
"""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from restorect_edge.errors import IncompatibleError
from restorect_edge.models import Student, build
from restorect_edge.models.flow import STEPS_KEY, LatentFlow
from restorect_edge.models.paper import PaperStudent
from restorect_edge.models.teacher import Teacher
from restorect_edge.training.config import StudentTraining
from restorect_edge.training.data.sampling import Batch
from restorect_edge.training.engine.stage import Restore, Stage
from restorect_edge.training.losses import terms as losses
from restorect_edge.training.losses.flex import Flex
from restorect_edge.training.losses.objective import Objective, Parts

__all__ = ["Latents", "StudentStage"]

Latents = tuple[Tensor, Tensor]
"""Of Retinex and image, each (N, latent, 1, 1)."""


class StudentStage(Stage):
    """Train a student, with a teacher or without.

    Args:
        config: the run's options.
        teacher: without gradients; its latents must have the student's width.
        teacher_facts: what identifies it, for the card.

    Raises:
        IncompatibleError: the teacher's latents are of another width, or see something else.
    """

    network: Student | PaperStudent
    config: StudentTraining
    kind = "student"

    def __init__(
        self,
        config: StudentTraining,
        teacher: Teacher | None = None,
        teacher_facts: dict[str, Any] | None = None,
    ) -> None:
        super().__init__()
        self.config = config
        self.network = build(config.preset, seed=config.seed)
        self.frozen = config.prior_rate == 0 and isinstance(self.network, Student)
        if self.frozen:
            assert isinstance(self.network, Student)
            for part in (self.network.prior, self.network.body.exposure, self.network.body.colour):
                part.requires_grad_(False)
        self.multiple = 8
        self.objective = Objective(config)
        self.teacher_facts = teacher_facts or {}
        self.others = {"teacher": teacher}  # in a dictionary, so that it is not a part of this module
        self.flex = None
        if teacher is not None:
            _check_fit(self.network, teacher)
            # apart from the global generator, whose draws must not depend on whether there is a teacher
            with torch.random.fork_rng(devices=[]):
                torch.manual_seed(config.seed)
                self.flex = Flex(self.network.channels, teacher.channels)

    @property
    def thumbnail(self) -> int:
        """Side of the thumbnails that the prior looks at."""
        return self.network.prior.size if isinstance(self.network, Student) else 32

    @property
    def deviation(self) -> bool:
        """Whether the prior looks at deviations beside means."""
        return isinstance(self.network, Student) and self.network.prior.deviation

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> "StudentStage":
        """Take the teacher along to another device."""
        teacher = self.others["teacher"]
        if teacher is not None:
            teacher._apply(fn)  # type: ignore[no-untyped-call]
        super()._apply(fn, recurse)  # type: ignore[no-untyped-call]
        return self

    def rates(self) -> dict[str, float]:
        """Return the prior's share of the learning rate."""
        return {"network.prior.": self.config.prior_rate}

    def facts(self) -> dict[str, Any]:
        """Name the teacher, and the Euler steps that the flows learn with."""
        named = {"teacher": self.teacher_facts} if self.teacher_facts else {}
        return {STEPS_KEY: [self.network.config.steps], **named}

    def losses(self, batch: Batch, step: int) -> Parts:
        """Return the losses of latents, features, image and decomposition."""
        self.network.train()
        if self.frozen:
            self.network.generator.eval()
        teacher = self.others["teacher"]
        view, clean_view = self._views(batch)
        generator = self.network.generator
        conditions = generator.conditions(view)
        view = view[:, :3]
        latents = self._rollout(conditions, self.network.config.steps)
        truth = None if teacher is None else _truth(teacher, view, clean_view)
        # a frozen prior follows no teacher, and has set exposure and colors by its own latents
        learnt = None if self.frozen else truth
        parts: Parts = {} if learnt is None else self._latent_losses(conditions, latents, learnt)
        apart = learnt is not None and step < self.config.phase * self.config.iterations
        used = truth if apart and truth is not None else latents
        with self.autocast(step, batch.degraded.device):
            restored, features = self.network.restore(_channels_last(batch.degraded), *used)
        if truth is not None and teacher is not None and step % self.config.flex_every == 0:
            parts |= self._feature_loss(teacher, batch, truth, features, step)
        parts |= self.objective.image(restored.float(), batch.clean)
        if self.frozen:
            return parts
        parts |= self._exposure_loss(view, clean_view, latents)
        return parts | self.objective.retinex(generator.decomposition, view, clean_view, step)

    def restorer(self, average: nn.Module) -> Restore:
        """Return the averaged student, fused, with its usual number of steps."""
        assert isinstance(average, (Student, PaperStudent))
        average.set_steps(average.config.steps)
        network = average.deploy()

        def restore(degraded: Tensor, clean: Tensor) -> Tensor:
            restored: Tensor = network(degraded)
            return restored

        return restore

    def _views(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """Return what the latents are generated from, degraded and clean."""
        if isinstance(self.network, Student):
            return batch.thumbnail, batch.clean_thumbnail
        return batch.degraded, batch.clean

    def _flows(self) -> tuple[LatentFlow, LatentFlow]:
        generator = self.network.generator
        return generator.retinex_flow, generator.image_flow

    def _rollout(self, conditions: Latents, steps: int) -> Latents:
        retinex, image = (flow(c, steps) for flow, c in zip(self._flows(), conditions, strict=True))
        return retinex, image

    def _latent_losses(self, conditions: Latents, latents: Latents, truth: Latents) -> Parts:
        """Match the velocities on the rollout's way, and its end, with the teacher's latents."""
        parts: Parts = {}
        if self.config.velocity:
            parts["velocity"] = self.config.velocity * self._velocity_loss(conditions, truth)
        if self.config.latent:
            retinex, image = map(losses.latent_distillation, latents, truth)
            parts["latent"] = self.config.latent * (retinex + image)
        return parts

    def _velocity_loss(self, conditions: Latents, truth: Latents) -> Tensor:
        steps = self.network.config.steps
        flows = zip(self._flows(), truth, conditions, strict=True)
        retinex, image = (losses.rollout_matching(flow, z, c, steps) for flow, z, c in flows)
        return retinex + image

    def _exposure_loss(self, view: Tensor, clean_view: Tensor, latents: Latents) -> Parts:
        """Judge exposure and colors alone, on the whole image at once: the rest is up to the body."""
        if not self.config.exposure or not isinstance(self.network, Student):
            return {}
        exposed = self.network.body.exposed(view, torch.cat(latents, 1))
        return {"exposure": self.config.exposure * losses.pixel(exposed, clean_view)}

    def _feature_loss(
        self, teacher: Teacher, batch: Batch, truth: Latents, features: tuple[Tensor, ...], step: int
    ) -> Parts:
        """Compare decoder features with the teacher's of the same patches."""
        if self.flex is None or not self.config.flex:
            return {}
        with torch.no_grad(), self.autocast(step, batch.degraded.device):
            target = teacher.unet.features(batch.degraded, truth[0])
        return {"flex": self.config.flex * self.flex([f.float() for f in features], target)}


def _truth(teacher: Teacher, view: Tensor, clean_view: Tensor) -> Latents:
    with torch.no_grad():
        return teacher.latents(view, clean_view)


def _channels_last(image: Tensor) -> Tensor:
    return image.contiguous(memory_format=torch.channels_last)


def _check_fit(student: Student | PaperStudent, teacher: Teacher) -> None:
    mine, its = student.config, teacher.config
    sees = student.prior.size if isinstance(student, Student) else None
    if mine.latent != its.latent or sees != its.thumbnail:
        raise IncompatibleError(
            f"this teacher has latents of {its.latent} channels from {_view(its.thumbnail)}; the student's "
            f"have {mine.latent} from {_view(sees)}. Train a teacher of another preset: small and base teach "
            "the edge students, paper teaches paper"
        )


def _view(side: int | None) -> str:
    return "whole images" if side is None else f"thumbnails of {side} pixels"
