"""Stage 1 of RestoRect (arXiv 2509.23480): the teacher, whose latents see degraded and clean image."""

from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from restorect_edge.artifact import file_hash
from restorect_edge.errors import IncompatibleError, UsageError, unknown_name
from restorect_edge.models.blocks import area_thumbnail
from restorect_edge.models.teacher import MULTIPLE, TEACHERS, Teacher
from restorect_edge.training.config import TeacherTraining
from restorect_edge.training.data.sampling import Batch
from restorect_edge.training.engine import checkpoint
from restorect_edge.training.engine.stage import Restore, Stage
from restorect_edge.training.losses.objective import Objective, Parts

__all__ = ["TeacherStage", "load_teacher"]

UNUSED = 32
"""Side of the thumbnails of a teacher that encodes the images themselves: none looks at them."""


class TeacherStage(Stage):
    """Train latents, decomposition and transformer U-Net together on pairs."""

    network: Teacher
    config: TeacherTraining
    kind = "teacher"

    def __init__(self, config: TeacherTraining) -> None:
        super().__init__()
        if config.preset not in TEACHERS:
            raise unknown_name("teacher preset", config.preset, TEACHERS)
        self.config = config
        sizes = TEACHERS[config.preset]
        self.multiple = MULTIPLE * sizes.fold
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(config.seed)
            self.network = Teacher(sizes)
        self.objective = Objective(config)

    @property
    def thumbnail(self) -> int:
        """Side of the thumbnails that its latents are encoded from."""
        return self.network.config.thumbnail or UNUSED

    def losses(self, batch: Batch, step: int) -> Parts:
        """Return the image losses of the restored patch and those of the decomposition."""
        self.network.train()
        seen = _seen(self.network, batch)
        z = self.network.latents(*seen)
        with self.autocast(step, batch.degraded.device):
            restored = self.network.unet(batch.degraded, *z)
        parts = self.objective.image(restored.float(), batch.clean)
        return parts | self.objective.retinex(self.network.decomposition, *seen, step)

    def restorer(self, average: nn.Module) -> Restore:
        """Return the averaged teacher; its latents see the clean image."""
        assert isinstance(average, Teacher)
        side = average.config.thumbnail

        def restore(degraded: Tensor, clean: Tensor) -> Tensor:
            seen = (degraded, clean) if side is None else [area_thumbnail(x, side) for x in (degraded, clean)]
            restored: Tensor = average(degraded, *seen).clamp(0.0, 1.0)
            return restored

        return restore


def _seen(teacher: Teacher, batch: Batch) -> tuple[Tensor, Tensor]:
    """Return the pair that the latents are encoded from."""
    if teacher.config.thumbnail is None:
        return batch.degraded, batch.clean
    return batch.thumbnail, batch.clean_thumbnail


def load_teacher(path: Path) -> tuple[Teacher, dict[str, Any]]:
    """Return a teacher that `restorect_edge.train` wrote, without gradients, and what identifies it.

    Raises:
        UsageError: no such file.
        IncompatibleError: it is no teacher's checkpoint.
    """
    if not path.is_file():
        raise UsageError(f"no teacher at '{path}'; train one: python -m restorect_edge.train teacher --help")
    try:
        facts = checkpoint.metadata(path)
        if facts.get("kind") != "teacher":
            raise ValueError(f"it holds a {facts.get('kind', 'network of another kind')}")
        teacher = Teacher(TEACHERS[facts["config"]["preset"]])
        teacher.load_state_dict(checkpoint.read(path))
    except Exception as error:  # safetensors, JSON and torch errors share no base
        raise IncompatibleError(f"'{path}' is not a teacher's best.safetensors: {error}") from error
    teacher.requires_grad_(False)
    return teacher.eval(), {"sha256": file_hash(path), "preset": facts["config"]["preset"]}
