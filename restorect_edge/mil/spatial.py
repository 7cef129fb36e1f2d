"""MIL operations over space: convolution, pooling, resizing.

Those without a docstring are torch's, (N, C, ...) with padding of their own for both ends of a dimension.
"""

from collections.abc import Callable, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from restorect_edge.mil.table import Ints, UnhandledError, op, padded

__all__: list[str] = []

CONV: dict[int, Callable[..., Tensor]] = {1: F.conv1d, 2: F.conv2d, 3: F.conv3d}
CONV_TRANSPOSE: dict[int, Callable[..., Tensor]] = {
    1: F.conv_transpose1d,
    2: F.conv_transpose2d,
    3: F.conv_transpose3d,
}
AVG_POOL: dict[int, Callable[..., Tensor]] = {1: F.avg_pool1d, 2: F.avg_pool2d, 3: F.avg_pool3d}
MAX_POOL: dict[int, Callable[..., Tensor]] = {1: F.max_pool1d, 2: F.max_pool2d, 3: F.max_pool3d}


def _padding(pad_type: str, pad: Ints | None, sizes: Sequence[int], reach: Ints, strides: Ints) -> Ints:
    """Return (before, after) for each spatial dimension, flat.

    `reach` is the kernel's extent with its dilation. `same` gives ceil(size / stride) outputs and
    puts an odd pixel behind, `same_lower` before.
    """
    if pad_type == "custom":
        if pad is None or len(pad) != 2 * len(sizes):
            raise UnhandledError(f"pad {pad} for {len(sizes)} spatial dimensions")
        return pad
    if pad_type == "valid":
        return (0,) * (2 * len(sizes))
    if pad_type not in ("same", "same_lower"):
        raise UnhandledError(f"pad_type '{pad_type}'")
    result: list[int] = []
    for size, extent, stride in zip(sizes, reach, strides, strict=True):
        # by how much the last window reaches past the end
        total = max(0, (-(-size // stride) - 1) * stride + extent - size)
        less, more = total // 2, total - total // 2
        result += (less, more) if pad_type == "same" else (more, less)
    return tuple(result)


@op()
def conv(
    x: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    strides: Ints | None = None,
    pad_type: str = "valid",
    pad: Ints | None = None,
    dilations: Ints | None = None,
    groups: int = 1,
) -> Tensor:
    space = x.dim() - 2
    strides = strides or (1,) * space
    dilations = dilations or (1,) * space
    reach = tuple((k - 1) * d + 1 for k, d in zip(weight.shape[2:], dilations, strict=True))
    pads = _padding(pad_type, pad, x.shape[2:], reach, strides)
    around: Ints = (0,) * space
    # torch pads both sides alike; other padding is done before
    if pads[::2] == pads[1::2]:
        around = pads[::2]
    else:
        x = padded(x, pads)
    return CONV[space](x, weight, bias, strides, around, dilations, groups)


@op()
def conv_transpose(
    x: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    pad: Ints | None = None,
    output_shape: Ints | None = None,
    pad_type: str = "valid",
    strides: Ints | None = None,
    dilations: Ints | None = None,
    groups: int = 1,
) -> Tensor:
    """The full transposed convolution (``valid``), of which ``custom`` cuts `pad` off at each end."""
    if pad_type not in ("valid", "custom"):
        raise UnhandledError(f"pad_type '{pad_type}'")
    space = x.dim() - 2
    strides, dilations = strides or (1,) * space, dilations or (1,) * space
    full = CONV_TRANSPOSE[space](x, weight, bias, strides, 0, 0, groups, dilations)
    pads = _padding(pad_type, pad, full.shape[2:], strides, strides)
    result = full
    for axis, (before, after) in enumerate(zip(pads[::2], pads[1::2], strict=True), 2):
        result = result.narrow(axis, before, full.shape[axis] - before - after)
    if output_shape is not None and tuple(output_shape) != tuple(result.shape):
        raise UnhandledError(f"output_shape {list(output_shape)} where pads give {list(result.shape)}")
    return result


@op()
def avg_pool(
    x: Tensor,
    kernel_sizes: Ints,
    pad_type: str,
    strides: Ints | None = None,
    pad: Ints | None = None,
    exclude_padding_from_average: bool = False,
    ceil_mode: bool = False,
) -> Tensor:
    """Zeros of the padding count in the mean unless `exclude_padding_from_average`."""
    space = x.dim() - 2
    strides = strides or (1,) * space
    pads = _pool_padding(x, kernel_sizes, strides, pad_type, pad, ceil_mode)
    pool = AVG_POOL[space]
    mean = pool(padded(x, pads), kernel_sizes, strides, ceil_mode=ceil_mode)
    if not (exclude_padding_from_average and any(pads)):
        return mean
    # divides by the share of the window that is inside the image
    return mean / pool(padded(torch.ones_like(x), pads), kernel_sizes, strides)


@op()
def max_pool(
    x: Tensor,
    kernel_sizes: Ints,
    pad_type: str,
    strides: Ints | None = None,
    pad: Ints | None = None,
    ceil_mode: bool = False,
) -> Tensor:
    space = x.dim() - 2
    strides = strides or (1,) * space
    pads = _pool_padding(x, kernel_sizes, strides, pad_type, pad, ceil_mode)
    return MAX_POOL[space](padded(x, pads, -torch.inf), kernel_sizes, strides, ceil_mode=ceil_mode)


def _pool_padding(
    x: Tensor, kernel_sizes: Ints, strides: Ints, pad_type: str, pad: Ints | None, ceil_mode: bool
) -> Ints:
    pads = _padding(pad_type, pad, x.shape[2:], kernel_sizes, strides)
    if ceil_mode and any(pads):
        raise UnhandledError(f"ceil_mode with padding {list(pads)}")
    return pads


@op()
def upsample_nearest_neighbor(
    x: Tensor, scale_factor_height: float = 1, scale_factor_width: float = 1
) -> Tensor:
    """Repeat rows and columns; only whole factors, where nothing depends on the sampling rule."""
    return _repeated(_repeated(x, -2, scale_factor_height), -1, scale_factor_width)


@op()
def resize_nearest_neighbor(x: Tensor, target_size_height: int, target_size_width: int) -> Tensor:
    """Repeat rows and columns; only whole factors, where nothing depends on the sampling rule."""
    tall = _repeated(x, -2, target_size_height / x.shape[-2])
    return _repeated(tall, -1, target_size_width / x.shape[-1])


def _repeated(x: Tensor, axis: int, factor: float) -> Tensor:
    if factor != int(factor) or factor < 1:
        raise UnhandledError(f"nearest-neighbor scale {factor} that is not a whole number")
    return x.repeat_interleave(int(factor), axis)


@op()
def upsample_bilinear(
    x: Tensor,
    scale_factor_height: float = 1,
    scale_factor_width: float = 1,
    align_corners: bool = True,
    half_pixel_centers: bool | None = None,
) -> Tensor:
    """Resize by factors; the spacing comes from the whole sizes, not from the factors."""
    if half_pixel_centers is not None and half_pixel_centers == align_corners:
        raise UnhandledError(f"half_pixel_centers {half_pixel_centers} with align_corners {align_corners}")
    mode = "STRICT_ALIGN_CORNERS" if align_corners else "UNALIGN_CORNERS"
    height, width = int(x.shape[-2] * scale_factor_height), int(x.shape[-1] * scale_factor_width)
    return resize_bilinear(x, height, width, mode)


@op()
def resize_bilinear(
    x: Tensor, target_size_height: int = 1, target_size_width: int = 1, sampling_mode: str = "DEFAULT"
) -> Tensor:
    """Interpolate one axis after the other; `sampling_mode` says where samples lie, see `_grid`."""
    tall = _interpolated(x.transpose(-1, -2), target_size_height, sampling_mode).transpose(-1, -2)
    return _interpolated(tall, target_size_width, sampling_mode)


def _interpolated(x: Tensor, size: int, mode: str) -> Tensor:
    """Sample the last dimension at `size` points by linear interpolation."""
    last = x.shape[-1] - 1
    points = _grid(x.shape[-1], size, mode).clamp(0, last)
    left = points.floor().long()
    share = (points - left).float()
    return x[..., left] * (1 - share) + x[..., (left + 1).clamp(max=last)] * share


def _grid(before: int, after: int, mode: str) -> Tensor:
    """Return where each output lies between the inputs, before clamping; float64."""
    i = torch.arange(after, dtype=torch.float64)
    gaps = max(after - 1, 1)
    # a single output lies in the middle
    if mode == "ALIGN_CORNERS" and after == 1:
        return i + (before - 1) / 2
    if mode in ("STRICT_ALIGN_CORNERS", "ALIGN_CORNERS"):
        return i * (before - 1) / gaps
    # from the first input on, but one step short of the end
    if mode == "DEFAULT":
        return i * (before - before / after) / gaps
    # half a step inside of both ends
    if mode == "OFFSET_CORNERS":
        delta = max(1, before - 1) / after
        return 0.5 * delta + i * delta
    # middles of pixels upon middles of pixels, as OpenCV and PyTorch do without corners
    if mode == "UNALIGN_CORNERS":
        return (i + 0.5) * before / after - 0.5
    raise UnhandledError(f"sampling_mode '{mode}'")
