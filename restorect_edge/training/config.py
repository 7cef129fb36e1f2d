"""Options of a training run, as data: the same names in Python, on the command line, in TOML and in the card.

No `torch` is needed to read them.
"""

from dataclasses import dataclass

from restorect_edge.errors import UsageError
from restorect_edge.utils.options import option

__all__ = ["PriorTraining", "StudentTraining", "TeacherTraining", "Training"]

TRAINING = "options of the run"
"""Heading of the options in a command's help."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Training:
    """What every run has.

    Raises:
        UsageError: a value out of range.
    """

    preset: str = option("small", group=TRAINING)
    """Size of the network."""
    task: str = option("lowlight", group=TRAINING)
    """What is being restored; chooses the degradation where clean photographs are the data."""
    iterations: int = option(16_000, group=TRAINING)
    """Optimizer steps of the whole run; the learning rate is fitted to them."""
    batch: int = option(8, "--batch-size", group=TRAINING)
    """Samples per step, in each process."""
    patch: int = option(128, group=TRAINING)
    """Side of the training patches in pixels, a multiple of 16."""
    learning_rate: float = option(1e-3, "--lr", group=TRAINING)
    """Peak of the one-cycle cosine schedule."""
    warmup: int = option(300, group=TRAINING)
    """Steps of linear warm-up."""
    weight_decay: float = option(1e-4, group=TRAINING)
    """AdamW's."""
    ema: float = option(0.999, group=TRAINING)
    """Decay of the averaged weights, the ones that are validated and saved."""
    amp: float = option(0.0, group=TRAINING)
    """Share of the run, from its start, whose image networks compute in bfloat16."""
    seed: int = option(0, group=TRAINING)
    """Of the first weights and of every draw."""
    validate_every: int = option(1_000, group=TRAINING)
    """Steps between validations and checkpoints."""
    keep: str = option("last", group=TRAINING)
    """Which averaged weights ``best.safetensors`` holds: those of the ``last`` validation, or the ``best`` of
    all, which rewards luck where validation pairs are few."""
    threads: int = option(0, group=TRAINING)
    """CPU threads; 0 lets torch choose."""
    mixup: float = option(0.0, group=TRAINING)
    """Share of the samples that are blended with another of the batch, input and target alike."""
    jitter: float = option(0.4, group=TRAINING)
    """Most that the exposure of an input varies, as a natural logarithm: 0.4 is 0.67 to 1.49 times."""
    window: float = option(0.7, group=TRAINING)
    """Least side of the part of an image that the prior looks at, as a share; 1 gives it whole frames."""
    workers: int = option(0, group=TRAINING)
    """Threads that prepare the next batches; 0 prepares each when it is needed."""
    pixel: float = option(1.0, group=TRAINING)
    """Weight of the absolute error."""
    gt_mean: float = option(0.5, group=TRAINING)
    """Weight of the absolute error after matching the mean brightness."""
    psnr: float = option(0.0, group=TRAINING)
    """Weight of the negative PSNR, in dB, after matching the mean brightness."""
    structural: float = option(0.1, group=TRAINING)
    """Weight of 1 − SSIM."""
    hvi: float = option(0.0, group=TRAINING)
    """Weight of the color loss in polarised HVI."""
    retinex: float = option(0.2, group=TRAINING)
    """Weight of the Retinex decomposition's losses."""
    diffusion: float = option(0.0, group=TRAINING)
    """Weight, within those, of the texture constraint by learnable anisotropic diffusion."""

    def __post_init__(self) -> None:
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

    iterations: int = option(4_000, group=TRAINING)
    learning_rate: float = option(5e-4, "--lr", group=TRAINING)
    hvi: float = option(0.05, group=TRAINING)


@dataclass(frozen=True, slots=True, kw_only=True)
class PriorTraining(Training):
    """The prior alone, on cached thumbnails of whole photographs."""

    iterations: int = option(3_000, group=TRAINING)
    batch: int = option(48, "--batch-size", group=TRAINING)
    patch: int = option(64, group=TRAINING)
    learning_rate: float = option(2e-3, "--lr", group=TRAINING)
    warmup: int = option(100, group=TRAINING)
    weight_decay: float = option(0.05, group=TRAINING)
    ema: float = option(0.995, group=TRAINING)
    varied: float = option(0.05, group=TRAINING)
    """Share of the samples whose exposure is changed; noise would no longer fit the level in many."""
    psnr: float = option(1.0, group=TRAINING)
    """Weight of the negative PSNR of the exposed thumbnails, in dB."""
    brightness: float = option(20.0, group=TRAINING)
    """Weight of the absolute error of the logarithm of mean brightness."""
    views: int = option(8, group=TRAINING)
    """Framings of each photograph that are cached; the first is the whole one."""
    softened: float = option(0.25, group=TRAINING)
    """Share of the framings whose noise is removed, so that denoised or compressed photographs get a sane
    exposure, although their noise says nothing."""
    identity: float = option(0.1, group=TRAINING)
    """Share of the samples whose input is the clean photograph."""
    dimmed: float = option(0.5, group=TRAINING, more="0 with a teacher")
    """Share of those clean photographs that are dimmed, and to be brightened again; the others are to be left
    alone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StudentTraining(Training):
    """Stage 2: a student; the options from `phase` on take effect with a teacher only."""

    exposure: float = option(0.5, group=TRAINING)
    """Weight of the absolute error of the exposed thumbnail: what the prior decides before the body works."""
    phase: float = option(0.3, group=TRAINING)
    """Share of the run, from its start, in which the body learns with the teacher's latents while the
    flows learn to generate them; after it everything learns through the rollout."""
    velocity: float = option(0.1, group=TRAINING)
    """Weight of velocity matching."""
    latent: float = option(0.05, group=TRAINING)
    """Weight of the distance between the rollout's latents and the teacher's."""
    flex: float = option(0.02, group=TRAINING)
    """Weight of the feature loss."""
    flex_every: int = option(4, group=TRAINING)
    """Steps between feature losses: the teacher's U-Net is dear on a CPU."""
    prior_rate: float = option(1.0, group=TRAINING)
    """Learning rate of the prior as a share of the body's; 0 keeps the prior and what it sets, exposure and
    colors, as they are: for a run that goes on from a trained prior."""
