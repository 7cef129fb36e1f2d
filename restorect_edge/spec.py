"""What a network takes and gives, as data (no back end, no `torch`)."""

from dataclasses import dataclass, field

from restorect_edge.contract import RANGES
from restorect_edge.errors import UsageError

__all__ = ["ImageSpec", "SizeRequirements"]


@dataclass(frozen=True, slots=True, kw_only=True)
class SizeRequirements:
    """Image sides that a network accepts; the runtime pads up to them and crops back."""

    minimum: int = 1
    """Smallest side, in pixels."""
    multiple_of: int = 1
    """Both sides are a multiple of this."""

    def __post_init__(self) -> None:
        _check_range("minimum", self.minimum, "spec.size.minimum")
        _check_range("multiple_of", self.multiple_of, "spec.size.multiple_of")

    def padded(self, height: int, width: int) -> tuple[int, int]:
        """Return the smallest allowed size that holds (height, width)."""
        m = self.multiple_of
        return (
            -(-max(height, self.minimum) // m) * m,
            -(-max(width, self.minimum) // m) * m,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageSpec:
    """The contract of an image → image network: NCHW, RGB in [0, 1], batch 1.

    `restorect_edge.export(module, target=..., spec=ImageSpec(...))` takes any network that keeps it.
    """

    scale: int = 1
    """Output side over input side."""
    size: SizeRequirements = field(default_factory=SizeRequirements)
    halo: int | None = None
    """Pixels of context that an output pixel needs on each side, if the network is strictly local.
    None means that the whole image matters, and tiles would not give the same result."""

    def __post_init__(self) -> None:
        _check_range("scale", self.scale, "spec.scale")
        if self.halo is not None:
            _check_range("halo", self.halo, "spec.halo")

    @property
    def tileable(self) -> bool:
        """Whether restoring by tiles equals restoring the whole image."""
        return self.halo is not None

    @property
    def aligned_halo(self) -> int:
        """The halo rounded up to the size multiple, so that tiles start on the network's own grid."""
        m = self.size.multiple_of
        return -(-(self.halo or 0) // m) * m


def _check_range(name: str, value: object, place: str) -> None:
    """Refuse a number that the manifest of an artifact could not hold."""
    least, most = RANGES[place]
    if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
        raise UsageError(f"{name} must be a whole number from {least} to {most}, got {value!r}")
