"""A checkpoint of the community as a network that is ready for inference, with its contract."""

import math
import re
from pathlib import Path
from typing import Any

import torch

from restorect_edge.artifact import file_hash
from restorect_edge.errors import IncompatibleError, UsageError
from restorect_edge.models.community.architectures import Called, built
from restorect_edge.models.community.reach import measured_halo
from restorect_edge.models.weights import Weights, load_weights, read_tensors
from restorect_edge.spec import ImageSpec, SizeRequirements
from restorect_edge.utils.foreign import reason
from restorect_edge.weights import card, license_of, names
from restorect_edge.weights.kinds import CHECKPOINT, kind_of, there

__all__ = ["from_checkpoint", "is_checkpoint", "open_network"]

GRID = ("window_size", "padder_size")
"""What networks call the sides that they fill up to, where their description does not say it."""
OBJECT = re.compile(r"GLOBAL ([\w.]+)")
"""What torch calls a class that a checkpoint names and that is none of tensors."""
CHANNELS = {1: "gray", 4: "RGB with alpha"}


def is_checkpoint(source: str | Path) -> bool:
    """Whether a file holds the tensors of a network that is not of this package."""
    path = Path(source)
    if str(source) in names() or not there(path) or not path.is_file():
        return False
    kind = kind_of(path)
    return kind == CHECKPOINT or (kind is None and path.suffix == ".safetensors" and not _is_ours(path))


def open_network(source: str | Path, *, steps: int | None = None) -> Weights:
    """Load shipped or trained weights, or a checkpoint of the community.

    Args:
        source: a name, or a file.
        steps: Euler steps of the flows; only for students.

    Raises:
        UsageError: unknown name, missing file, or steps for a network that has none.
        IncompatibleError: of no architecture that is known, or not RGB → RGB.
        MissingDependencyError: the extra ``spandrel`` is not installed, and the file is no weights of ours.
    """
    if not is_checkpoint(source):
        return load_weights(source, steps=steps)
    if steps is not None:
        raise UsageError(f"steps are for students with a flow; '{source}' has none")
    return from_checkpoint(Path(source))


def from_checkpoint(path: Path) -> Weights:
    """Tell a checkpoint's architecture, build it in float32 and describe it.

    Args:
        path: a file of `torch.save`, of which only tensors and plain containers are read, or safetensors.

    Returns:
        The network, (1, 3, H, W) in [0, 1] → (1, 3, scale·H, scale·W), and its contract. The halo is
        measured; it is None where no finite context is enough, or spandrel advises against tiles.
    """
    descriptor = built(_tensors(path), path)
    _check_pictures(descriptor, path)
    network = Called(descriptor).eval().float()
    spec = ImageSpec(scale=descriptor.scale, size=_size(descriptor, path))
    halo = measured_halo(network, spec) if descriptor.tiling.name == "SUPPORTED" else None
    facts = {
        "architecture": descriptor.architecture.name,
        "purpose": descriptor.purpose,
        "tags": list(descriptor.tags),
        "license": license_of(card(path)),
    }
    return Weights(
        name=_name(path),
        network=network,
        card=facts,
        sha256=file_hash(path),
        steps=None,
        contract=ImageSpec(scale=spec.scale, size=spec.size, halo=halo),
    )


def _is_ours(path: Path) -> bool:
    """Whether a safetensors file says which of our presets it is for; a damaged one is left to its reader."""
    try:
        return bool(card(path).get("preset")) or "config" in read_tensors(path)[1]
    except IncompatibleError:
        return True


def _tensors(path: Path) -> Any:
    if kind_of(path) != CHECKPOINT:
        return read_tensors(path)[0]
    try:
        return torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # zip, pickle and torch errors share no base
        if found := OBJECT.search(str(error)):
            raise IncompatibleError(
                f"'{path}' holds a Python object ({found[1]}), not tensors alone, and only running its code "
                "would restore it, which is not done: save module.state_dict() of it with torch.save, or the "
                "module with torch.export.save as .pt2"
            ) from error
        raise IncompatibleError(
            f"'{path}' cannot be read without running code that it holds, or is damaged ({reason(error)}): "
            "ask its author for the state dict alone, or save it as .safetensors"
        ) from error


def _check_pictures(descriptor: Any, path: Path) -> None:
    """Raise `IncompatibleError` for a network that is not RGB → RGB from one image."""
    what = f"'{path}' is {descriptor.architecture.name}"
    if descriptor.purpose == "Inpainting":
        raise IncompatibleError(f"{what}, which takes a mask beside the image: artifacts take one image")
    counts = descriptor.input_channels, descriptor.output_channels
    if counts != (3, 3):
        told = " and ".join(
            f"{n} ({CHANNELS[n]})" if n in CHANNELS else str(n) for n in dict.fromkeys(counts)
        )
        raise IncompatibleError(
            f"{what} for pictures of {told} channels: artifacts are RGB in and out; wrap it in a module that "
            "makes them of RGB, and export that"
        )


def _size(descriptor: Any, path: Path) -> SizeRequirements:
    given = descriptor.size_requirements
    if given.square:
        raise IncompatibleError(
            f"'{path}' is {descriptor.architecture.name}, which takes square pictures alone: it cannot "
            "restore photographs of other sides"
        )
    grid = [
        value for name in GRID if isinstance(value := getattr(descriptor.model, name, 1), int) and value > 0
    ]
    multiple = math.lcm(given.multiple_of, *grid)
    minimum = -(-max(given.minimum, 1) // multiple) * multiple
    return SizeRequirements(minimum=minimum, multiple_of=multiple)


def _name(path: Path) -> str:
    """Return what the network is called: its file's name, as far as a folder can have it."""
    return re.sub(r"[^\w.+-]+", "-", path.stem).strip("-.~ ")[:80] or "network"
