"""The first part of the ablation: priors on cached thumbnails, and what a teacher adds to their training."""

import copy
from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from restorect_edge.models import build
from restorect_edge.models.flow import LatentFlow
from restorect_edge.models.teacher import Teacher
from restorect_edge.training.config import PriorTraining
from restorect_edge.training.data.sampling import Sampling
from restorect_edge.training.data.sources import Source
from restorect_edge.training.losses import terms as losses
from restorect_edge.training.losses.hvi import hvi
from restorect_edge.training.losses.objective import RETINEX_EVERY, Objective, Parts
from restorect_edge.training.prior import PriorStage, ThumbnailCache, with_decomposition

__all__ = [
    "SHARED",
    "AsBefore",
    "DetachedPrior",
    "OneStep",
    "RegressedPrior",
    "TaughtPrior",
    "TaughtPriorTraining",
    "ZeroPrior",
    "time_grid",
    "velocity_matching",
]

MIXED = (4, 1, 4, 2, 4, 8)
"""Euler steps of successive training steps, as they were."""
LESSONS = 300
"""Steps that the decomposition is trained for before its results are cached."""
LESSON = 8
"""Thumbnails of each of those steps."""

Latents = tuple[Tensor, Tensor]


@dataclass(frozen=True, slots=True, kw_only=True)
class TaughtPriorTraining(PriorTraining):
    """`PriorTraining` and a teacher's share in it. Weights are those of a student's run times 20: there the
    image is compared in absolute differences, here in decibels."""

    velocity: float = 2.0
    latent: float = 1.0
    phase: float = 0.0
    """Share of the run, from its start, in which exposure and colors are set by the teacher's latents."""
    lessons: int = LESSONS


@dataclass(frozen=True, slots=True)
class TaughtBatch:
    """Tensors of one step: of `ThumbnailBatch`, and the teacher's latents of the same pairs."""

    view: Tensor
    clean: Tensor
    retinex: Tensor
    image: Tensor

    def to(self, device: torch.device) -> "TaughtBatch":
        """Return the batch on a device."""
        return TaughtBatch(*(getattr(self, f.name).to(device) for f in fields(self)))


class TaughtCache:
    """Thumbnails with the teacher's latents of each framing, as it is and mirrored.

    Args:
        degraded: (N, 10, S, S), decomposed by the student that is to be trained.
        clean: (N, 6, S, S).
        latents: (2, N, latent, 1, 1) each.
    """

    def __init__(self, degraded: Tensor, clean: Tensor, latents: Latents) -> None:
        self.degraded, self.clean, self.latents = degraded, clean, latents

    def draw(self, step: int, how: Sampling) -> TaughtBatch:
        """Draw the batch of a step, the same for the same seed and step."""
        rng = np.random.default_rng([how.seed, step])
        index = torch.from_numpy(rng.integers(len(self.clean), size=how.batch))
        mirrored = torch.from_numpy(rng.random(how.batch) < 0.5)
        turned = mirrored[:, None, None, None]
        view, clean = (
            torch.where(turned, part.flip(3), part)
            for part in (self.degraded[index], self.clean[index][:, :3])
        )
        # a mirrored pair has latents of its own
        retinex, image = (both[mirrored.long(), index] for both in self.latents)
        return TaughtBatch(view, clean, retinex, image)


class Shared:
    """What all variants and seeds have in common, made once: thumbnails, decomposition, teacher's latents.

    It is kept in a folder, so that a run that goes on, or another process, does not make it again.
    """

    def __init__(self) -> None:
        self.folder: Path | None = None
        self.made: dict[str, dict[str, Tensor]] = {}

    def get(self, key: str, make: Callable[[], dict[str, Tensor]]) -> dict[str, Tensor]:
        """Return what was made before under that name, or make it."""
        if key in self.made:
            return self.made[key]
        path = self.folder / f"{key}.safetensors" if self.folder else None
        if path is not None and path.is_file():
            self.made[key] = load_file(path)
        else:
            self.made[key] = make()
            if path is not None:
                path.parent.mkdir(parents=True, exist_ok=True)
                # safetensors stores no views
                save_file({k: v.contiguous() for k, v in self.made[key].items()}, path)
        return self.made[key]


SHARED = Shared()


@torch.no_grad()
def _latents(degraded: Tensor, clean: Tensor, teacher: Teacher) -> dict[str, Tensor]:
    """Return the teacher's latents of all framings, (2, N, latent, 1, 1) each: as they are, and mirrored."""
    sides = []
    for mirrored in (False, True):
        pairs = zip(degraded[:, :3].split(64), clean[:, :3].split(64), strict=True)
        parts = [teacher.latents(*(x.flip(3) if mirrored else x for x in pair)) for pair in pairs]
        sides.append([torch.cat(part) for part in zip(*parts, strict=True)])
    retinex, image = (torch.stack(both) for both in zip(*sides, strict=True))
    return {"retinex": retinex, "image": image}


class TaughtPrior(PriorStage):
    """A prior whose flows also learn to generate a teacher's latents; its decomposition is trained first."""

    config: TaughtPriorTraining
    steps: tuple[int, ...] = ()
    """Euler steps of successive training steps; those of the preset if empty."""

    def __init__(
        self,
        config: TaughtPriorTraining,
        teacher: Teacher | None = None,
        teacher_facts: dict[str, Any] | None = None,
    ) -> None:
        super().__init__(config)
        self.objective = Objective(config)
        self.others = {"teacher": teacher}
        self.teacher_facts = teacher_facts or {}
        for name in ("retinex_flow", "image_flow"):
            setattr(self.network.prior, name, self.flow(getattr(self.network.prior, name)))

    def flow(self, flow: LatentFlow) -> nn.Module:
        """Return what takes a flow's place."""
        return flow

    def facts(self) -> dict[str, Any]:
        """Name the teacher."""
        return {"teacher": self.teacher_facts} if self.teacher_facts else {}

    def batches(self, source: Source, first: int, last: int, how: Sampling, workers: int) -> Iterator[Any]:
        """Yield batches; before the first step, train the decomposition that they come from."""
        c, network, teacher = self.config, self.network, self.others["teacher"]
        made = SHARED.get(f"thumbnails-{c.preset}-{c.views}", lambda: self._thumbnails(source))
        degraded, clean = made["degraded"], made["clean"]
        if first == 0:
            name = f"decomposition-{c.preset}-{c.views}-{c.lessons}-{c.diffusion}"
            learnt = SHARED.get(name, lambda: self._learn_decomposition(degraded, clean))
            network.prior.decomposition.load_state_dict(learnt)
        if teacher is None:
            latents = (torch.zeros(2, len(clean), network.config.latent, 1, 1),) * 2
        else:
            found = SHARED.get(f"latents-{c.preset}-{c.views}", lambda: _latents(degraded, clean, teacher))
            latents = found["retinex"], found["image"]
        taught = TaughtCache(with_decomposition(degraded, network.prior.decomposition), clean, latents)
        for step in range(first, last):
            yield taught.draw(step, how)

    def _thumbnails(self, source: Source) -> dict[str, Tensor]:
        # of one seed, as all seeds share it, and without a decomposition, which is not trained yet
        cache = ThumbnailCache(source, self.network, replace(self.config, seed=0))
        return {"degraded": cache.degraded[:, :6], "clean": cache.clean[:, :6]}

    def _learn_decomposition(self, degraded: Tensor, clean: Tensor) -> dict[str, Tensor]:
        network = build(self.config.preset).prior.decomposition
        parameters = [*network.parameters()]
        if self.objective.diffusion is not None:
            parameters += self.objective.diffusion.parameters()
        optimiser = torch.optim.AdamW(parameters, 1e-3)
        rng = np.random.default_rng(2)
        for _ in range(self.config.lessons):
            index = torch.from_numpy(rng.integers(len(clean), size=LESSON))
            pair = degraded[index, :3], clean[index, :3]
            # that step, as one at which a decomposition is trained
            loss = sum(self.objective.retinex(network, *pair, RETINEX_EVERY).values())
            optimiser.zero_grad()
            torch.autograd.backward(loss)
            optimiser.step()
        return dict(network.state_dict())

    def losses(self, batch: TaughtBatch, step: int) -> Parts:
        """Return the losses of exposed thumbnails, of latents, and of the flows' velocities."""
        c, prior = self.config, self.network.prior
        self.network.train()
        conditions = prior.encoded(batch.view[:, :6], batch.view[:, 6:9], batch.view[:, 9:])
        truth = batch.retinex, batch.image
        steps = self.steps[step % len(self.steps)] if self.steps else prior.steps
        flows = prior.retinex_flow, prior.image_flow
        latents = self.rollout(flows, conditions, steps)
        used = truth if step < c.phase * c.iterations else latents
        exposed = self.network.body.exposed(batch.view[:, :3], torch.cat(used, 1))
        parts = self.compared(exposed, batch.clean)
        if self.objective.colour is not None:
            color = hvi(exposed.clamp(0.0, 1.0), batch.clean, self.objective.colour)
            parts["hvi"] = c.hvi * color
        if self.others["teacher"] is None:
            return parts
        if c.latent:
            parts["latent"] = c.latent * sum(map(losses.latent_distillation, latents, truth))
        if c.velocity:
            parts["velocity"] = c.velocity * self.velocities(flows, truth, conditions, step)
        return parts

    def rollout(self, flows: tuple[Any, Any], conditions: Latents, steps: int) -> Latents:
        """Return the flows' latents."""
        retinex, image = (flow(c, steps) for flow, c in zip(flows, conditions, strict=True))
        return retinex, image

    def velocities(self, flows: tuple[Any, Any], truth: Latents, conditions: Latents, step: int) -> Tensor:
        """Return the error of the velocities on the flows' own way."""
        steps = self.network.prior.steps
        terms = (losses.rollout_matching(*x, steps) for x in zip(flows, truth, conditions, strict=True))
        return sum(terms, torch.zeros(()))


class Regressed(nn.Module):
    """In the place of a flow: the condition is the latent."""

    def forward(self, condition: Tensor, steps: int) -> Tensor:
        return condition


class Absent(nn.Module):
    """In the place of a flow: the latent is 0 for every image."""

    def forward(self, condition: Tensor, steps: int) -> Tensor:
        return torch.zeros_like(condition)


class RegressedPrior(TaughtPrior):
    """The condition encoders regress the latents; give it no velocity loss."""

    def flow(self, flow: LatentFlow) -> nn.Module:
        """Return its condition."""
        return Regressed()


class ZeroPrior(TaughtPrior):
    """Exposure and colors are the same for every image; give it no losses of latents."""

    def flow(self, flow: LatentFlow) -> nn.Module:
        """Return 0."""
        return Absent()


class DetachedPrior(TaughtPrior):
    """The rollout runs without gradient, as in RestoRect's public code: only velocities train the flows."""

    def rollout(self, flows: tuple[Any, Any], conditions: Latents, steps: int) -> Latents:
        """Return the flows' latents, without gradient."""
        retinex, image = super().rollout(flows, conditions, steps)
        return retinex.detach(), image.detach()


class OneStep(TaughtPrior):
    """The flow makes its way in one Euler step, in training and in validation."""

    def __init__(self, *given: Any) -> None:
        super().__init__(*given)
        self.network.set_steps(1)


class AsBefore(TaughtPrior):
    """Before the flow was repaired: any weights to begin with, velocities on the straight path to the
    teacher's latent, all numbers of Euler steps in turn; give it a first phase of 0.3."""

    steps = MIXED

    def flow(self, flow: LatentFlow) -> nn.Module:
        """Return a flow with PyTorch's own first weights."""
        fresh = copy.deepcopy(flow)
        for layer in fresh.modules():
            if isinstance(layer, nn.Conv2d):
                layer.reset_parameters()
        nn.init.normal_(fresh.from_time, std=0.1)
        return fresh

    def velocities(self, flows: tuple[Any, Any], truth: Latents, conditions: Latents, step: int) -> Tensor:
        """Return the error of the velocities on the straight path."""
        # farther apart than any run is long: no two seeds share draws
        random = torch.Generator().manual_seed(self.config.seed * 1_000_003 + step)
        t = time_grid(self.network.prior.steps, len(truth[0]), random)
        terms = (velocity_matching(f, z, t, c) for f, z, c in zip(flows, truth, conditions, strict=True))
        return sum(terms, torch.zeros(()))


def velocity_matching(flow: LatentFlow, z: Tensor, t: Tensor, condition: Tensor) -> Tensor:
    """Mean of (v(z_t, t, c) − (ε − z))², z_t = (1 − t)·z + t·ε: rectified flow (arXiv 2209.03003).

    ε is the flow's own stored noise, so training and rollout start from the same point. Trains the
    velocity network and, through c, the condition encoder; z counts as data and gets no gradient.

    Args:
        flow: the velocity network and its noise.
        z: the latents to generate, (N, dim, 1, 1).
        t: times in [0, 1], (N, 1, 1, 1): draw them with `time_grid`.
        condition: (N, dim, 1, 1).
    """
    z = z.detach()
    z_t = (1.0 - t) * z + t * flow.noise
    return F.mse_loss(flow.velocity(z_t, t, condition), flow.noise - z)


def time_grid(steps: int, count: int, generator: torch.Generator) -> Tensor:
    """Draw `count` times (N, 1, 1, 1) uniformly from {1/steps, …, 1}, those an Euler rollout visits."""
    visited = torch.randint(1, steps + 1, (count, 1, 1, 1), generator=generator, device=generator.device)
    return visited / steps
