"""Building blocks of the strictly local body: re-parameterized convolution, area resize, exposure curve.

Every tensor is NCHW, images are RGB in [0, 1].
"""

import copy
from typing import TypeVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

__all__ = [
    "CENTERING",
    "POOL",
    "Gate",
    "RepConv",
    "area_thumbnail",
    "block_deviation",
    "exposure_curve",
    "fuse",
    "scaled",
]

M = TypeVar("M", bound=nn.Module)

POOL = 4
"""Side of the block means from which the thumbnail is made, in pixels."""

CENTERING = (torch.eye(POOL * POOL) - 1.0 / POOL**2).view(POOL * POOL, 1, POOL, POOL)
"""Kernels that subtract a block's mean from each of its pixels; a constant of exported graphs."""


class RepConv(nn.Module):
    """3×3 convolution trained as parallel linear branches and exported as one.

    The branches are a 3×3, a 1×1, an expand–convolve–squeeze chain (1×1, 3×3, 1×1) and, where the
    shapes allow, the identity. All are linear without an inner bias, so their sum is a single
    3×3 kernel: `kernel()` composes it, training convolves with the composed kernel, and `fuse`
    writes it into a plain `nn.Conv2d`. Sources: RepVGG (arXiv 2101.03697), ECBSR (ACM MM 2021).

    Args:
        cin: input channels.
        cout: output channels.
        stride: 1 or 2.
        expand: width of the chain as a multiple of `cin`.
    """

    def __init__(
        self, cin: int, cout: int, *, stride: int = 1, expand: int = 2, identity: bool = True
    ) -> None:
        super().__init__()
        hidden = expand * cin
        self.stride = stride
        self.conv3 = nn.Conv2d(cin, cout, 3, stride, 1)
        self.conv1 = nn.Conv2d(cin, cout, 1, stride, bias=False)
        self.expand = nn.Conv2d(cin, hidden, 1, bias=False)
        self.middle = nn.Conv2d(hidden, hidden, 3, stride, 1, bias=False)
        self.squeeze = nn.Conv2d(hidden, cout, 1, bias=False)
        self.has_identity = identity and cin == cout and stride == 1
        # the 3×3 alone begins at the usual scale: full branches beside it would add up to a larger one
        nn.init.normal_(self.squeeze.weight, std=0.1 * hidden**-0.5)
        nn.init.normal_(self.conv1.weight, std=0.3 * cin**-0.5)

    def kernel(self) -> Tensor:
        """Return the composed kernel, shape (cout, cin, 3, 3)."""
        point = self.conv1.weight
        if self.has_identity:
            identity = torch.eye(point.shape[0], dtype=point.dtype, device=point.device)
            point = point + identity[:, :, None, None]
        outer = torch.einsum("om,mnhw->onhw", self.squeeze.weight[:, :, 0, 0], self.middle.weight)
        chain = torch.einsum("onhw,ni->oihw", outer, self.expand.weight[:, :, 0, 0])
        # a 1×1 kernel is a 3×3 one with zeros around it
        kernel: Tensor = self.conv3.weight + chain + F.pad(point, (1, 1, 1, 1))
        return kernel

    def forward(self, x: Tensor) -> Tensor:
        """Convolve with the composed kernel; (N, cin, H, W) → (N, cout, H/stride, W/stride)."""
        return F.conv2d(x, self.kernel(), self.conv3.bias, self.stride, padding=1)

    def fused(self) -> nn.Conv2d:
        """Return the equal plain convolution."""
        conv = nn.Conv2d(self.conv3.in_channels, self.conv3.out_channels, 3, self.stride, 1)
        bias = self.conv3.bias
        assert bias is not None
        conv.weight = nn.Parameter(self.kernel().detach().clone())
        conv.bias = nn.Parameter(bias.detach().clone())
        return conv


def fuse(module: M) -> M:
    """Return a copy of `module` in which every `RepConv` is one plain 3×3 convolution."""
    module = copy.deepcopy(module)
    for parent in list(module.modules()):
        for name, child in list(parent.named_children()):
            if isinstance(child, RepConv):
                setattr(parent, name, child.fused())
    return module


class Gate(nn.Conv2d):
    """The share of a change that is applied, in [0, 1]: a linear map that is clamped.

    Args:
        channels: of what it goes by.
    """

    def __init__(self, channels: int) -> None:
        super().__init__(channels, 1, 1)
        # open, whatever it goes by: weights that had no gate keep their function
        nn.init.zeros_(self.weight)
        assert self.bias is not None
        nn.init.ones_(self.bias)

    def odds(self, x: Tensor) -> Tensor:
        """Return the map before it is clamped, (N, 1, 1, 1).

        Args:
            x: (N, channels, 1, 1).
        """
        return super().forward(x)

    def forward(self, x: Tensor) -> Tensor:
        """Return the share, (N, 1, 1, 1).

        Args:
            x: (N, channels, 1, 1).
        """
        return self.odds(x).clamp(0.0, 1.0)


def scaled(change: Tensor, share: Tensor | None) -> Tensor:
    """Return the share of a change that a gate lets through; all of it without a gate.

    Args:
        change: (N, C, H, W).
        share: (N, 1, 1, 1); None without a gate.
    """
    return change if share is None else change * share


def exposure_curve(x: Tensor, gain: Tensor) -> Tensor:
    """Brighten or darken without clipping: ``gain·x / (1 + (gain − 1)·x)``.

    Slope `gain` at black, 0 ↦ 0, 1 ↦ 1, the identity at gain 1, monotone for every gain > 0
    (a Möbius map; the global operator of Reinhard et al., 2002, with its white point at 1).

    Args:
        x: in [0, 1].
        gain: above 0, broadcast over `x`.
    """
    return gain * x / (1.0 + (gain - 1.0) * x)


def area_thumbnail(x: Tensor, size: int, *, deviation: bool = False, centering: Tensor = CENTERING) -> Tensor:
    """Area-average to `size`×`size`: block means of `POOL` pixels, then exact area resampling.

    Args:
        x: (N, C, H, W) with H and W multiples of `POOL`.
        size: side of the square result.
        deviation: append the standard deviation inside each block, resampled in the same way.
        centering: `CENTERING`, or a buffer that holds it.

    Returns:
        (N, C, size, size), or (N, 2·C, size, size) with `deviation`: the means, then the deviations.
    """
    cells = F.avg_pool2d(x, POOL)
    if deviation:
        cells = torch.cat([cells, block_deviation(x, centering)], 1)
    # products of matrices, for adaptive pooling would round the borders of its cells to whole pixels
    rows = _area_matrix(cells.shape[2], size, x.device)
    columns = _area_matrix(cells.shape[3], size, x.device)
    return torch.matmul(torch.matmul(rows, cells), columns.transpose(0, 1))


def block_deviation(x: Tensor, centering: Tensor = CENTERING) -> Tensor:
    """Return the standard deviation of each block of `POOL`×`POOL` pixels, per channel.

    The mean is subtracted before squaring: E[x²] − E[x]² would cancel to nothing but rounding in bright flat
    areas, in float16 everywhere. The subtraction is one strided convolution with fixed weights, which every
    target runs.

    Args:
        x: (N, C, H, W) with H and W multiples of `POOL`.
        centering: `CENTERING`, or a buffer that holds it.

    Returns:
        (N, C, H/POOL, W/POOL), population standard deviations.
    """
    n, c, h, w = x.shape
    differences = F.conv2d(x.reshape(n * c, 1, h, w), centering.to(x.device), stride=POOL)
    variance = (differences * differences).mean(1, keepdim=True)
    return torch.sqrt(variance).reshape(n, c, h // POOL, w // POOL)


def _area_matrix(cells: int, size: int, device: torch.device) -> Tensor:
    """Weights (size, cells): the share of each input cell in each output cell, rows summing to 1."""
    edge = torch.arange(size + 1, dtype=torch.float32, device=device)[:, None] * (cells / size)
    left = torch.arange(cells, dtype=torch.float32, device=device)[None, :]
    overlap = torch.minimum(left + 1.0, edge[1:]) - torch.maximum(left, edge[:-1])
    return overlap.clamp(min=0.0) * (size / cells)
