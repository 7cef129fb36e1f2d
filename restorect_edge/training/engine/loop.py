"""The training loop: resumable to the bit, validated, saved atomically; one for teacher and student."""

import copy
import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from restorect_edge.errors import BackendError, UsageError
from restorect_edge.models.flow import STEPS_KEY
from restorect_edge.training.data.pairs import Pair
from restorect_edge.training.data.sampling import Batch, Sampling
from restorect_edge.training.data.sources import Source
from restorect_edge.training.engine import checkpoint, parallel
from restorect_edge.training.engine.card import write_card
from restorect_edge.training.engine.journal import Journal
from restorect_edge.training.engine.progress import Progress
from restorect_edge.training.engine.stage import Stage
from restorect_edge.training.engine.validation import Scores, validate
from restorect_edge.training.losses.objective import Parts
from restorect_edge.utils.interruption import stoppable, uninterrupted

__all__ = ["BEST", "LAST", "Trainer", "fit"]

BEST, LAST = "best.safetensors", "last.safetensors"
"""Averaged weights to use (of the last validation or the best), and everything that resuming needs."""
TELL_EVERY = 50
"""Steps between points of TensorBoard's loss curves."""
CLIP = 1.0
"""Greatest norm of all gradients together."""


class Trainer:
    """Stage, averaged network, optimizer and step of one run.

    Args:
        stage: what is trained.
        device: where.
    """

    def __init__(self, stage: Stage, device: torch.device | None = None) -> None:
        self.device = device or torch.device("cpu")
        self.stage = stage.to(self.device)
        _channels_last(stage.network)
        self.config = stage.config
        self.average = copy.deepcopy(stage.network).eval()
        # listed once: looking parameters up took as long as averaging them
        self.means: list[Tensor] = [*self.average.parameters()]
        self.values: list[Tensor] = [*stage.network.parameters()]
        self.parameters = [p for p in stage.parameters() if p.requires_grad]
        self.optimiser = torch.optim.AdamW(
            self._groups(), lr=self.config.learning_rate, weight_decay=self.config.weight_decay
        )
        self.step = 0
        self.best = -math.inf
        self.seconds = 0.0

    def _groups(self) -> list[dict[str, Any]]:
        """Return the trained parameters by their share of the learning rate."""
        rates, groups = self.stage.rates(), dict[float, list[Tensor]]()
        for name, parameter in self.stage.named_parameters():
            if parameter.requires_grad:
                share = next((rate for part, rate in rates.items() if name.startswith(part)), 1.0)
                groups.setdefault(share, []).append(parameter)
        return [{"params": parameters, "share": share} for share, parameters in groups.items()]

    def sampling(self) -> Sampling:
        """Return how this process draws its batches."""
        c = self.config
        return Sampling(
            seed=c.seed,
            batch=c.batch,
            patch=c.patch,
            thumbnail=self.stage.thumbnail,
            mixup=c.mixup,
            jitter=c.jitter,
            window=c.window,
            deviation=self.stage.deviation,
            rank=parallel.rank(),
        )

    def learning_rate(self) -> float:
        """Return the rate of the current step: linear warm-up, then a cosine to 1 % of the peak."""
        warm = min(1.0, (self.step + 1) / self.config.warmup)
        phase = min(1.0, self.step / self.config.iterations)
        return self.config.learning_rate * warm * (0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * phase)))

    def advance(self, batch: Batch) -> dict[str, float]:
        """Take one optimizer step and return its weighted losses.

        Raises:
            BackendError: a loss or the gradient is not finite; the weights are those of the step before.
        """
        started = time.perf_counter()
        # dropout draws from torch's own generator: seeded by step, a resumed run drops the same
        torch.manual_seed(self.config.seed * 1_000_003 + self.step)
        parts = self.stage.losses(batch.to(self.device), self.step)
        values = {name: float(part.detach()) for name, part in parts.items()}
        if not all(map(math.isfinite, values.values())):
            raise BackendError(f"the losses at step {self.step} are {values}: lower --learning-rate")
        self._backward(parts)
        self._optimize()
        self._update_average()
        self.step += 1
        self.seconds += time.perf_counter() - started
        return values

    def _backward(self, parts: Parts) -> None:
        self.optimiser.zero_grad()
        torch.autograd.backward(sum(parts.values(), torch.zeros((), device=self.device)))
        parallel.average_gradients(self.parameters)

    def _optimize(self) -> None:
        norm = float(torch.nn.utils.clip_grad_norm_(self.parameters, CLIP))
        if not math.isfinite(norm):
            raise BackendError(f"the gradient's norm at step {self.step} is {norm}: lower --learning-rate")
        for group in self.optimiser.param_groups:
            group["lr"] = group["share"] * self.learning_rate()
        self.optimiser.step()

    @torch.no_grad()
    def _update_average(self) -> None:
        # early on the average follows quickly, and forgets what the network began as
        decay = min(self.config.ema, (self.step + 1) / (self.step + 10))
        torch._foreach_lerp_(self.means, self.values, 1 - decay)

    def save(self, path: Path) -> None:
        """Write everything that `load` needs to go on exactly, atomically."""
        tensors = {f"stage.{k}": v for k, v in self.stage.state_dict().items()}
        tensors |= {f"average.{k}": v for k, v in self.average.state_dict().items()}
        for index, state in self.optimiser.state_dict()["state"].items():
            tensors |= {f"optimiser.{index}.{k}": torch.as_tensor(v) for k, v in state.items()}
        checkpoint.write(path, tensors, {**self._facts(), "progress": self._progress()})

    def save_average(self, path: Path, scores: Scores) -> None:
        """Write the averaged network to `path` with its `scores`, and a card beside it.

        It is what `restorect_edge.load` and a student's run take.
        """
        facts = {**self._facts(), "step": self.step, "validation": scores}
        checkpoint.write(path, dict(self.average.state_dict()), facts)
        write_card(path, facts, minutes=self.seconds / 60)

    def load(self, path: Path) -> None:
        """Go on from a checkpoint written by `save`.

        Raises:
            UsageError: it was written by a run with other options.
        """
        facts = checkpoint.metadata(path)
        _check_same(path, facts, self._facts())
        tensors = checkpoint.read(path)
        self.stage.load_state_dict(checkpoint.part(tensors, "stage"))
        self.average.load_state_dict(checkpoint.part(tensors, "average"))
        state = checkpoint.nested(checkpoint.part(tensors, "optimiser"))
        groups = self.optimiser.state_dict()["param_groups"]
        self.optimiser.load_state_dict({"state": state, "param_groups": groups})
        progress = facts["progress"]
        self.step, self.best, self.seconds = progress["step"], progress["best"], progress["seconds"]

    def _facts(self) -> dict[str, Any]:
        return {"kind": self.stage.kind, "config": asdict(self.config), **self.stage.facts()}

    def _progress(self) -> dict[str, float]:
        return {"step": self.step, "best": self.best, "seconds": self.seconds}


def fit(
    stage: Stage,
    source: Source,
    output: Path,
    *,
    validation: Sequence[Pair] = (),
    initial: Mapping[str, Tensor] | None = None,
    resume: bool = False,
    log: Callable[[str], None] = lambda line: None,
) -> Path:
    """Train, and return the path of the best averaged weights.

    Under ``torchrun`` every process takes part, and the first writes.

    Args:
        stage: what to train.
        source: where training examples come from.
        output: folder for ``last.safetensors`` (to resume), ``best.safetensors`` with its card,
            ``log.jsonl``, ``tensorboard/`` and ``pictures/``.
        validation: held-out pairs; without them the last weights count as the best.
        initial: weights of the network to begin with.
        resume: go on from ``last.safetensors`` in `output`.
        log: is given a line per validation.

    Raises:
        UsageError: nothing to resume, a run with other options, or not resumed where there is a run already.
        BackendError: the losses are no numbers, or the disk is full; the last good checkpoint is named.
    """
    if stage.config.threads:
        torch.set_num_threads(stage.config.threads)
    with parallel.processes() as device:
        if initial is not None:
            stage.network.load_state_dict(initial)
        stage.begin()
        trainer = Trainer(stage, device)
        if resume:
            trainer.load(_to_resume(output))
        elif (output / LAST).is_file():
            raise UsageError(f"'{output}' holds a run already: give --resume to go on, or another folder")
        output.mkdir(parents=True, exist_ok=True)
        run = _Run(trainer, output, validation, log)
        try:
            with stoppable():
                run.train(source)
        except BackendError as error:
            raise BackendError(f"{error}{run.last_good()}") from error
        except KeyboardInterrupt:
            run.stop()
            raise
        finally:
            run.close()
    return output / BEST


class _Run:
    """A training run and the files it writes; only the first process writes."""

    def __init__(
        self, trainer: Trainer, output: Path, validation: Sequence[Pair], log: Callable[[str], None]
    ) -> None:
        self.trainer, self.output, self.validation, self.log = trainer, output, validation, log
        self.writes = parallel.rank() == 0
        self.journal = Journal(output, trainer.step) if self.writes else None
        if self.journal is not None and not self.journal.draws:
            log("TensorBoard is not installed (pip install tensorboard): curves are in log.jsonl alone")

    def train(self, source: Source) -> None:
        t = self.trainer
        last = t.config.iterations
        running: dict[str, float] = {}
        if self.writes:
            self.log(self._header(len(source.names)))
        drawn = t.stage.batches(source, t.step, last, t.sampling(), t.config.workers)
        first = t.step + 1
        if self._is_due() and self.journal is not None and self.journal.last < t.step:
            self._checkpoint(running)  # it was stopped before it had validated this step
        with Progress(last, t.step, self.log, shown=self.writes) as progress:
            for batch in drawn:
                with uninterrupted():
                    values = t.advance(batch)
                for name, value in values.items():
                    # smoothed over about fifty steps: one batch's loss is noise
                    running[name] = 0.98 * running.get(name, value) + 0.02 * value
                progress.step(running)
                if (t.step % TELL_EVERY == 0 or t.step == first) and self.journal is not None:
                    self.journal.scalars(t.step, running, "loss")
                    rates = {"learning": t.learning_rate(), "steps_per_second": progress.rate()}
                    self.journal.scalars(t.step, rates, "rate")
                if self._is_due():
                    self._checkpoint(running)

    def _is_due(self) -> bool:
        """Whether this process validates and saves at this step."""
        step, c = self.trainer.step, self.trainer.config
        return self.writes and step > 0 and (step % c.validate_every == 0 or step == c.iterations)

    def _header(self, files: int) -> str:
        """Return what is about to be done, in a line."""
        t, c = self.trainer, self.trainer.config
        count = sum(p.numel() for p in t.stage.network.parameters())
        trained = sum(p.numel() for p in t.parameters)
        threads = f", {torch.get_num_threads()} threads" if t.device.type == "cpu" else ""
        begun = f" from step {t.step}" if t.step else ""
        return (
            f"{t.stage.kind}: {count / 1e6:.2f} M parameters, {trained / 1e6:.2f} M trained; "
            f"{c.iterations} steps{begun}, batches of {c.batch}, {c.patch}×{c.patch}; {files} to train on, "
            f"{len(self.validation)} to validate; {t.device}{threads}; into {self.output}"
        )

    def _checkpoint(self, running: dict[str, float]) -> None:
        t = self.trainer
        scores = self._validate()
        score = scores.get("psnr", float(t.step))
        better = score > t.best
        t.best = max(score, t.best)
        if better or t.config.keep == "last":
            t.save_average(self.output / BEST, scores)
        if self.journal is not None:
            self.journal.scalars(t.step, scores, "validation")
            loss = {"loss": sum(running.values())} if running else {}  # none yet where it goes on
            loss["seconds"] = t.seconds
            self.log(self.journal.row(t.step, {**loss, **scores}))
        t.save(self.output / LAST)  # at last: what a killed run wrote before it is written again

    def _validate(self) -> Scores:
        if not self.validation:
            return {}
        t = self.trainer
        sheet = self.output / "pictures" / f"{t.step:06d}.jpg"
        restore = t.stage.restorer(t.average)
        scores = validate(restore, self.validation, t.stage.multiple, t.device, sheet)
        if self.journal is not None:
            self.journal.picture(t.step, sheet)
        return scores

    def stop(self) -> None:
        """Keep what was reached when the user interrupts."""
        if self.writes:
            self.trainer.save(self.output / LAST)
            self.log(f"stopped at step {self.trainer.step}; go on with --resume -o {self.output}")

    def last_good(self) -> str:
        """Name the checkpoint that is still there."""
        path = self.output / LAST
        if not path.is_file():
            return "; there is no checkpoint yet"
        step = checkpoint.metadata(path)["progress"]["step"]
        return f"; the last good checkpoint is '{path}' at step {step}"

    def close(self) -> None:
        if self.journal is not None and (problem := self.journal.close()):
            self.log(problem)


def _to_resume(output: Path) -> Path:
    path = output / LAST
    if not path.is_file():
        raise UsageError(f"nothing to resume: '{path}' does not exist; start without --resume")
    return path


def _check_same(path: Path, found: dict[str, Any], wanted: dict[str, Any]) -> None:
    """Refuse to go on with other options: the result would equal no run."""
    before, now = ({**f["config"], **{k: v for k, v in f.items() if k != "config"}} for f in (found, wanted))
    free = {"threads", "workers", "validate_every", "keep", "progress", STEPS_KEY}
    changed = [k for k in now if k not in free and before.get(k) != now[k]]
    if changed:
        told = ", ".join(f"{k} was {before.get(k)!r}, is {now[k]!r}" for k in changed)
        raise UsageError(
            f"'{path}' is of a run with other options ({told}); give the same, or another folder"
        )


def _channels_last(network: torch.nn.Module) -> None:
    """Lay weights out as CPU convolutions like them."""
    for parameter in network.parameters():
        if parameter.ndim == 4:
            parameter.data = parameter.data.contiguous(memory_format=torch.channels_last)
