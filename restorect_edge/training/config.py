"""Options of a training run, as data: the same names in Python, on the command line and in the card."""

from dataclasses import dataclass

__all__ = ["TrainConfig"]


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainConfig:
    """A supervised run of a student."""

    preset: str = "small"
    task: str = "lowlight"
    iterations: int = 16_000
    batch: int = 8
    patch: int = 128
    """Side of the training patches in pixels, a multiple of 8."""
    learning_rate: float = 1e-3
    """Peak of the one-cycle cosine schedule."""
    warmup: int = 300
    weight_decay: float = 1e-4
    ema: float = 0.999
    """Decay of the averaged weights, the ones that are validated and saved."""
    amp: float = 0.0
    """Share of the run, from its start, whose body computes in bfloat16."""
    seed: int = 0
    validate_every: int = 1_000
    """Steps between validations and checkpoints."""
    threads: int = 0
    """CPU threads; 0 lets torch choose."""
