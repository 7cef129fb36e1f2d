"""The supervised training loop of a student: resumable, validated, saved atomically, never pickled."""

import json
import math
import os
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from safetensors.torch import load_file, save_file
from torch import Tensor
from tqdm import tqdm

from restorect_edge.artifact import file_hash
from restorect_edge.errors import BackendError, UsageError
from restorect_edge.metrics import gt_mean, psnr, ssim
from restorect_edge.models import Student, build
from restorect_edge.training import losses
from restorect_edge.training.config import TrainConfig
from restorect_edge.training.data import find_pairs
from restorect_edge.training.sampling import Batch, Images, draw

__all__ = ["Trainer", "train"]


RETINEX_EVERY = 4
"""Steps between decomposition losses: D is a small network and the term is dear on a CPU."""


class Trainer:
    """Student, averaged student, optimiser and step of one run.

    Args:
        config: the run's options.
        images: decoded training pairs, each (H, W, 3) uint8.
    """

    def __init__(self, config: TrainConfig, images: Images) -> None:
        self.config, self.images = config, images
        self.student = _edge_student(config)
        self.average = _edge_student(config).eval()
        self.optimiser = torch.optim.AdamW(
            self.student.parameters(), lr=config.learning_rate, weight_decay=config.weight_decay
        )
        self.step = 0
        self.best = -math.inf
        self.seconds = 0.0

    def learning_rate(self) -> float:
        """Return the rate of the current step: linear warm-up, then a cosine to 1 % of the peak."""
        warm = min(1.0, (self.step + 1) / self.config.warmup)
        phase = min(1.0, self.step / self.config.iterations)
        return self.config.learning_rate * warm * (0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * phase)))

    def advance(self) -> float:
        """Take one optimiser step and return its loss."""
        started = time.perf_counter()
        for group in self.optimiser.param_groups:
            group["lr"] = self.learning_rate()
        loss = self._loss(self._batch())
        if not torch.isfinite(loss):
            raise BackendError(f"the loss is {loss.item()} at step {self.step}; lower --learning-rate")
        self.optimiser.zero_grad()
        torch.autograd.backward(loss)
        torch.nn.utils.clip_grad_norm_(self.student.parameters(), 1.0)
        self.optimiser.step()
        self._update_average()
        self.step += 1
        self.seconds += time.perf_counter() - started
        return float(loss.detach())

    def _batch(self) -> Batch:
        c = self.config
        size = self.student.config.thumbnail
        return draw(self.images, step=self.step, seed=c.seed, batch=c.batch, patch=c.patch, thumbnail=size)

    def _loss(self, batch: Batch) -> Tensor:
        self.student.train()
        self.student.prior.steps = (4, 1, 4, 2, 4, 8)[self.step % 6]
        amp = self.step < self.config.amp * self.config.iterations
        z = self.student.prior(batch.thumbnail)
        with torch.autocast("cpu", torch.bfloat16, enabled=amp):
            output = self.student.body(batch.degraded.contiguous(memory_format=torch.channels_last), z)
        loss = F.l1_loss(output, batch.clean) + 0.1 * losses.structural(output, batch.clean)
        if self.step % RETINEX_EVERY:
            return loss
        network = self.student.prior.decomposition
        return loss + 0.2 * losses.decomposition(network, batch.thumbnail, batch.clean_thumbnail)

    @torch.no_grad()
    def _update_average(self) -> None:
        decay = min(self.config.ema, (self.step + 1) / (self.step + 10))
        for mean, value in zip(self.average.parameters(), self.student.parameters(), strict=True):
            mean.lerp_(value, 1 - decay)

    def save(self, path: Path) -> None:
        """Write everything that `load` needs to go on exactly, atomically."""
        tensors = {f"student.{k}": v for k, v in self.student.state_dict().items()}
        tensors |= {f"average.{k}": v for k, v in self.average.state_dict().items()}
        for index, state in self.optimiser.state_dict()["state"].items():
            tensors |= {f"optimiser.{index}.{k}": torch.as_tensor(v) for k, v in state.items()}
        progress = {"step": self.step, "best": self.best, "seconds": self.seconds}
        _save_atomically(tensors, path, {"config": asdict(self.config), "progress": progress})

    def load(self, path: Path) -> None:
        """Go on from a checkpoint written by `save`."""
        tensors = load_file(path)
        part = {name: _part(tensors, name) for name in ("student", "average", "optimiser")}
        self.student.load_state_dict(part["student"])
        self.average.load_state_dict(part["average"])
        state: dict[int, dict[str, Tensor]] = {}
        for key, value in part["optimiser"].items():
            index, field = key.split(".")
            state.setdefault(int(index), {})[field] = value
        groups = self.optimiser.state_dict()["param_groups"]
        self.optimiser.load_state_dict({"state": state, "param_groups": groups})
        progress = _metadata(path)["progress"]
        self.step, self.best, self.seconds = progress["step"], progress["best"], progress["seconds"]


def train(
    config: TrainConfig,
    data: Path,
    output: Path,
    *,
    validation: Path | None = None,
    resume: bool = False,
    log: Callable[[str], None] = lambda line: None,
) -> Path:
    """Train a student and return the path of its best averaged weights.

    Args:
        config: the run's options.
        data: folder of training pairs.
        output: folder for ``last.safetensors`` (to resume), ``best.safetensors`` and ``log.jsonl``.
        validation: folder of validation pairs; without it the last weights count as the best.
        resume: go on from ``last.safetensors`` in `output`.
        log: is given one line per validation.
    """
    if config.threads:
        torch.set_num_threads(config.threads)
    output.mkdir(parents=True, exist_ok=True)
    trainer = Trainer(config, _decoded(data, config.patch))
    held_out = [pair.read() for pair in find_pairs(validation)] if validation else []
    last, best = output / "last.safetensors", output / "best.safetensors"
    if resume:
        if not last.is_file():
            raise UsageError(f"nothing to resume: '{last}' does not exist; start without --resume")
        trainer.load(last)
    bar = tqdm(total=config.iterations, initial=trainer.step, unit="step", smoothing=0.05)
    running = 0.0
    with bar:
        while trainer.step < config.iterations:
            loss = trainer.advance()
            running = loss if running == 0.0 else 0.99 * running + 0.01 * loss
            bar.update()
            bar.set_postfix(loss=f"{running:.4f}", refresh=False)
            if trainer.step % config.validate_every == 0 or trainer.step == config.iterations:
                _checkpoint(trainer, held_out, running, last, best, log)
    return best


def validate(student: Student, pairs: Images) -> dict[str, float]:
    """Return mean PSNR, GT-mean PSNR and SSIM of the 8-bit outputs (protocol ``standard``)."""
    network = student.deploy()
    rows = []
    for degraded, clean in pairs:
        image = torch.from_numpy(degraded.transpose(2, 0, 1).astype(np.float32) / 255)[None]
        height, width = (side // 8 * 8 for side in degraded.shape[:2])
        with torch.no_grad():
            restored = network(image[:, :, :height, :width])[0].numpy().transpose(1, 2, 0)
        output, target = np.rint(restored * 255).astype(np.uint8), clean[:height, :width]
        rows.append((psnr(output, target), psnr(gt_mean(output, target), target), ssim(output, target)))
    means = np.mean(rows, axis=0)
    return dict(zip(("psnr", "psnr_gt_mean", "ssim"), (float(m) for m in means), strict=True))


def _edge_student(config: TrainConfig) -> Student:
    student = build(config.preset, seed=config.seed)
    if not isinstance(student, Student):
        raise UsageError(
            f"preset '{config.preset}' has no prior and local body, which this loop trains; "
            "choose nano, small or base"
        )
    for parameter in student.parameters():
        if parameter.ndim == 4:
            parameter.data = parameter.data.contiguous(memory_format=torch.channels_last)
    return student


def _checkpoint(
    trainer: Trainer, held_out: Images, loss: float, last: Path, best: Path, log: Callable[[str], None]
) -> None:
    trainer.average.prior.steps = trainer.student.config.steps
    scores = validate(trainer.average, held_out) if held_out else {}
    score = scores.get("psnr", float(trainer.step))
    if score > trainer.best:
        trainer.best = score
        metadata = {"config": asdict(trainer.config), "step": trainer.step, "validation": scores}
        _save_atomically(dict(trainer.average.state_dict()), best, metadata)
        _write_card(trainer, best, scores)
    trainer.save(last)
    row = {"step": trainer.step, "loss": loss, "seconds": trainer.seconds} | scores
    line = json.dumps({key: round(value, 4) for key, value in row.items()})
    with (last.parent / "log.jsonl").open("a") as stream:
        stream.write(line + "\n")
    log(line)


def _write_card(trainer: Trainer, best: Path, scores: dict[str, float]) -> None:
    """Write what is known of the weights beside them; what their data's licence allows is for a person."""
    c = trainer.config
    card = {
        "name": best.parent.name,
        "preset": c.preset,
        "task": c.task,
        "seed": c.seed,
        "step": trainer.step,
        "training_minutes": round(trainer.seconds / 60, 1),
        "config": asdict(c),
        "validation": {"protocol": "standard"} | {k: round(v, 4) for k, v in scores.items()},
        "licence": "not stated",
        "sha256": file_hash(best),
    }
    best.with_suffix(".json").write_text(json.dumps(card, indent=2) + "\n", encoding="utf-8")


def _decoded(folder: Path, patch: int) -> Images:
    images = []
    for pair in find_pairs(folder):
        degraded, clean = pair.read()
        if min(degraded.shape[:2]) < patch:
            raise UsageError(
                f"'{pair.degraded}' is smaller than the training patch of {patch} pixels; lower --patch"
            )
        images.append((degraded, clean))
    return images


def _save_atomically(tensors: dict[str, Tensor], path: Path, metadata: dict[str, Any]) -> None:
    partial = path.with_suffix(".partial")
    text = {key: json.dumps(value) for key, value in metadata.items()}
    save_file({k: v.contiguous() for k, v in tensors.items()}, partial, metadata=text)
    os.replace(partial, path)


def _metadata(path: Path) -> dict[str, Any]:
    from safetensors import safe_open

    with safe_open(path, framework="pt") as file:
        return {key: json.loads(value) for key, value in (file.metadata() or {}).items()}


def _part(tensors: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {k.removeprefix(prefix + "."): v for k, v in tensors.items() if k.startswith(prefix + ".")}
