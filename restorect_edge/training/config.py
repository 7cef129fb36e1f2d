"""Options of a training run, as data: the same names in Python, on the command line, in TOML and in the card.

No `torch` is needed to read them.
"""

import dataclasses
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, TypeVar

from restorect_edge.errors import UsageError, unknown_name
from restorect_edge.utils.toml import read_toml

__all__ = [
    "PriorTraining",
    "StudentTraining",
    "TeacherTraining",
    "Training",
    "documented",
    "merged",
    "to_toml",
]

C = TypeVar("C", bound="Training")


@dataclass(frozen=True, slots=True, kw_only=True)
class Training:
    """What every run has."""

    preset: str = "small"
    """Size of the network."""
    task: str = "lowlight"
    """What is being restored; chooses the degradation where clean photographs are the data."""
    iterations: int = 16_000
    """Optimizer steps of the whole run; the learning rate is fitted to them."""
    batch: int = 8
    """Samples per step, in each process."""
    patch: int = 128
    """Side of the training patches in pixels, a multiple of 16."""
    learning_rate: float = 1e-3
    """Peak of the one-cycle cosine schedule."""
    warmup: int = 300
    """Steps of linear warm-up."""
    weight_decay: float = 1e-4
    """AdamW's."""
    ema: float = 0.999
    """Decay of the averaged weights, the ones that are validated and saved."""
    amp: float = 0.0
    """Share of the run, from its start, whose image networks compute in bfloat16."""
    seed: int = 0
    """Of the first weights and of every draw."""
    validate_every: int = 1_000
    """Steps between validations and checkpoints."""
    keep: str = "last"
    """Which averaged weights ``best.safetensors`` holds: those of the ``last`` validation, or the ``best`` of
    all, which rewards luck where validation pairs are few."""
    threads: int = 0
    """CPU threads; 0 lets torch choose."""
    mixup: float = 0.0
    """Share of the samples that are blended with another of the batch, input and target alike."""
    jitter: float = 0.4
    """Most that the exposure of an input varies, as a natural logarithm: 0.4 is 0.67 to 1.49 times."""
    window: float = 0.7
    """Least side of the part of an image that the prior looks at, as a share; 1 gives it whole frames."""
    workers: int = 0
    """Threads that prepare the next batches; 0 prepares each when it is needed."""
    pixel: float = 1.0
    """Weight of the absolute error."""
    gt_mean: float = 0.5
    """Weight of the absolute error after matching the mean brightness."""
    psnr: float = 0.0
    """Weight of the negative PSNR, in dB, after matching the mean brightness."""
    structural: float = 0.1
    """Weight of 1 − SSIM."""
    hvi: float = 0.0
    """Weight of the color loss in polarised HVI."""
    retinex: float = 0.2
    """Weight of the Retinex decomposition's losses."""
    diffusion: float = 0.0
    """Weight, within those, of the texture constraint by learnable anisotropic diffusion."""

    def check(self) -> None:
        """Raise `UsageError` for values out of range."""
        for name in ("iterations", "batch", "patch", "validate_every", "warmup"):
            if getattr(self, name) < 1:
                raise UsageError(f"{name} must be at least 1, got {getattr(self, name)}")
        if self.patch % 16:
            raise UsageError(f"patch must be a multiple of 16 pixels, got {self.patch}")
        if self.jitter < 0.0:
            raise UsageError(f"jitter must be at least 0, got {self.jitter}")
        if self.keep not in ("last", "best"):
            raise UsageError(f"keep must be 'last' or 'best', got {self.keep!r}")
        for name in ("ema", "amp", "mixup"):
            if not 0.0 <= getattr(self, name) <= 1.0:
                raise UsageError(f"{name} must lie in [0, 1], got {getattr(self, name)}")
        if not 0.1 <= self.window <= 1.0:
            raise UsageError(f"window must lie in [0.1, 1], got {self.window}")
        if not 0.0 < self.learning_rate < 1.0:
            raise UsageError(f"learning_rate must lie between 0 and 1, got {self.learning_rate}")


@dataclass(frozen=True, slots=True, kw_only=True)
class TeacherTraining(Training):
    """Stage 1: the teacher, whose latents see degraded and clean image."""

    iterations: int = 4_000
    learning_rate: float = 5e-4
    hvi: float = 0.05


@dataclass(frozen=True, slots=True, kw_only=True)
class PriorTraining(Training):
    """The prior alone, on cached thumbnails of whole photographs."""

    iterations: int = 3_000
    batch: int = 48
    patch: int = 64
    learning_rate: float = 2e-3
    warmup: int = 100
    weight_decay: float = 0.05
    ema: float = 0.995
    varied: float = 0.05
    """Share of the samples whose exposure is changed; noise would no longer fit the level in many."""
    psnr: float = 1.0
    """Weight of the negative PSNR of the exposed thumbnails, in dB."""
    brightness: float = 20.0
    """Weight of the absolute error of the logarithm of mean brightness."""
    views: int = 8
    """Framings of each photograph that are cached; the first is the whole one."""
    softened: float = 0.25
    """Share of the framings whose noise is removed, so that denoised or compressed photographs get a sane
    exposure, although their noise says nothing."""
    identity: float = 0.1
    """Share of the samples whose input is the clean photograph, half of them dimmed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StudentTraining(Training):
    """Stage 2: a student; the options from `phase` on take effect with a teacher only."""

    exposure: float = 0.5
    """Weight of the absolute error of the exposed thumbnail: what the prior decides before the body works."""
    phase: float = 0.3
    """Share of the run, from its start, in which the body learns with the teacher's latents while the
    flows learn to generate them; after it everything learns through the rollout."""
    velocity: float = 0.1
    """Weight of velocity matching."""
    latent: float = 0.05
    """Weight of the distance between the rollout's latents and the teacher's."""
    flex: float = 0.02
    """Weight of the feature loss."""
    flex_every: int = 4
    """Steps between feature losses: the teacher's U-Net is dear on a CPU."""
    prior_rate: float = 1.0
    """Learning rate of the prior as a share of the body's; 0 keeps the prior and what it sets, exposure and
    colors, as they are: for a run that goes on from a trained prior."""


def documented(kind: type[Training]) -> Iterator[tuple["dataclasses.Field[Any]", str]]:
    """Yield the fields of a configuration with the first sentence of what they mean."""
    meanings: dict[str, str] = {}
    for cls in reversed(kind.__mro__[:-1]):
        meanings |= _meanings(cls)
    for field in fields(kind):
        yield field, meanings.get(field.name, "")


def _meanings(cls: type) -> dict[str, str]:
    """Read the strings below a class's fields off its source."""
    import ast
    import inspect

    body = ast.parse(inspect.getsource(cls)).body[0]
    assert isinstance(body, ast.ClassDef)
    found = {}
    for line, following in zip(body.body, body.body[1:], strict=False):
        if isinstance(line, ast.AnnAssign) and isinstance(line.target, ast.Name):
            text = following.value if isinstance(following, ast.Expr) else None
            if isinstance(text, ast.Constant):
                found[line.target.id] = " ".join(str(text.value).split()).rstrip(".")
    return found


def merged(kind: type[C], file: Path | None, given: Mapping[str, Any]) -> C:
    """Return the options: what is given, over the file, over the defaults.

    Raises:
        UsageError: the file is no TOML, has an unknown key or a value of the wrong type, or a value is out
            of range.
    """
    known = {field.name: type(field.default) for field in fields(kind)}
    content = read_toml(file, "configuration") if file else {}
    for key, value in content.items():
        if key not in known:
            raise unknown_name(f"key in '{file}'", key, known)
        if known[key] is float and type(value) is int:
            content[key] = float(value)
        elif type(value) is not known[key]:
            raise UsageError(f"'{key}' in '{file}' must be a {known[key].__name__}, got {value!r}")
    config = kind(**{**content, **given})
    config.check()
    return config


def to_toml(config: Training) -> str:
    """Return the options as TOML that `merged` reads, each with its meaning."""
    lines = []
    for field, meaning in documented(type(config)):
        value = getattr(config, field.name)
        lines.append(f"{field.name} = {json.dumps(value)}  # {meaning}")
    return "\n".join(lines) + "\n"
