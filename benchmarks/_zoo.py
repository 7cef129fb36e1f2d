"""Small networks of the community's architectures with random weights, as their state dicts are published.

The weights are random but tame: a residual network starts near the identity, any other near a gray picture,
so that outputs are pictures and a verdict means something.
"""

import importlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import nn

from restorect_edge.models.community.architectures import loaded
from restorect_edge.utils.foreign import hushed

__all__ = ["ARCHITECTURES", "build", "module", "save"]

SEED = 16


def module(name: str, cls: str, package: str = "spandrel", **options: Any) -> nn.Module:
    """Build a network of spandrel's: its package of an architecture, its class, and that one's options."""
    loaded(package)
    found = vars(importlib.import_module(f"{package}.architectures.{name}")).values()
    kind = next(c for c in found if isinstance(c, type) and c.__name__ == cls)
    network: nn.Module = kind(**options)
    return network


def _of(*names: str, **options: Any) -> Callable[[], nn.Module]:
    return lambda: module(*names, **options)


ARCHITECTURES: dict[str, Callable[[], nn.Module]] = {
    "nafnet": _of("NAFNet", "NAFNet", width=8, middle_blk_num=1, enc_blk_nums=[1, 1], dec_blk_nums=[1, 1]),
    "restormer": _of(
        "Restormer",
        "Restormer",
        "spandrel_extra_arches",
        dim=8,
        num_blocks=[1, 1, 1, 1],
        num_refinement_blocks=1,
        heads=[1, 2, 2, 4],
        LayerNorm_type="WithBias",
    ),
    "retinexformer": _of("RetinexFormer", "RetinexFormer", n_feat=8, stage=1, num_blocks=[1, 1, 1]),
    "swinir": _of(
        "SwinIR", "SwinIR", embed_dim=12, depths=[2], num_heads=[2], window_size=8, mlp_ratio=2, upscale=1
    ),
    "swinir-x2": _of(
        "SwinIR",
        "SwinIR",
        embed_dim=12,
        depths=[2],
        num_heads=[2],
        window_size=8,
        mlp_ratio=2,
        upscale=2,
        upsampler="pixelshuffle",
    ),
    "esrgan-x4": _of("ESRGAN", "RRDBNet", num_filters=16, num_blocks=1),
    "realesrgan-x2": _of(
        "ESRGAN", "RRDBNet", num_filters=16, num_blocks=1, scale=2, shuffle_factor=2, in_nc=3
    ),
    "realesr-compact-x4": _of("Compact", "SRVGGNetCompact", num_feat=16, num_conv=4, upscale=4),
    "scunet": _of("SCUNet", "SCUNet", config=[1, 1, 1, 1, 1, 1, 1], dim=64),
    "hvi-cidnet": _of("HVICIDNet", "CIDNet", channels=[6, 6, 12, 24], heads=[1, 2, 2, 4]),
    "drunet": _of("DRUNet", "DRUNet", in_nc=4, out_nc=3, nc=[8, 16, 16, 32], nb=4),
    "plksr-x2": _of("PLKSR", "PLKSR", dim=16, n_blocks=2, upscaling_factor=2),
}
"""How each is built."""


def build(name: str) -> nn.Module:
    """Return a network in evaluation mode with random weights, the same every time."""
    with torch.random.fork_rng(), hushed():  # torch warns of calls that architectures make
        torch.manual_seed(SEED)
        return ARCHITECTURES[name]().eval()


def save(name: str, folder: Path) -> Path:
    """Write a network's state dict as ``NAME.pth`` and return its path."""
    path = folder / f"{name}.pth"
    torch.save(build(name).state_dict(), path)
    return path
