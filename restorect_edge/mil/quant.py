"""MIL operations on quantized values: activations (quantize, dequantize) and stored weights (constexpr)."""

import torch
from torch import Tensor

from restorect_edge.mil.table import DTYPES, Exact, Ints, UnhandledError, op

__all__: list[str] = []


def _along(value: Tensor, axis: int | None, rank: int) -> Tensor:
    """Shape a scalar or a vector along `axis` so that it broadcasts over a tensor of `rank`."""
    if value.numel() == 1 and value.dim() == 0:
        return value.float()
    if axis is None:
        raise UnhandledError(f"scale or zero_point of shape {tuple(value.shape)} without axis")
    shape = [1] * rank
    shape[axis] = -1
    return value.float().reshape(shape)


@op()
def quantize(
    input: Tensor, scale: Tensor, output_dtype: str, zero_point: Exact | None = None, axis: int | None = None
) -> Tensor:
    """clip(round(input / scale) + zero_point): ties to even, saturated at the ends of the type."""
    if output_dtype not in ("int8", "uint8"):
        raise UnhandledError(f"output_dtype '{output_dtype}'")
    levels = torch.round(input / _along(scale, axis, input.dim()))
    if zero_point is not None:
        levels = levels + _along(zero_point, axis, input.dim())
    bounds = torch.iinfo(DTYPES[output_dtype])
    return levels.clamp(bounds.min, bounds.max).to(DTYPES[output_dtype])


@op()
def dequantize(
    input: Exact, scale: Tensor, zero_point: Exact | None = None, axis: int | None = None
) -> Tensor:
    """scale · (input − zero_point)."""
    levels = input.float()
    if zero_point is not None:
        levels = levels - _along(zero_point, axis, input.dim())
    return levels * _along(scale, axis, input.dim())


@op()
def constexpr_affine_dequantize(quantized_data: Exact, zero_point: Exact, scale: Tensor, axis: int) -> Tensor:
    """scale · (quantized_data − zero_point), each a scalar or a vector along `axis`."""
    return dequantize(quantized_data, scale, zero_point, axis)


@op()
def constexpr_blockwise_shift_scale(data: Exact, scale: Tensor, offset: Exact | None = None) -> Tensor:
    """scale · (data − offset), one scale and offset for each block of data."""
    levels = data.float()
    if offset is not None:
        levels = levels - _blocks(offset.float(), data)
    return levels * _blocks(scale, data)


def _blocks(value: Tensor, data: Tensor) -> Tensor:
    """Repeat each entry over its block, so that the shape is that of `data`."""
    if value.dim() != data.dim() or any(d % v for d, v in zip(data.shape, value.shape, strict=True)):
        raise UnhandledError(f"scale or offset of shape {tuple(value.shape)} for data {tuple(data.shape)}")
    for axis, (size, count) in enumerate(zip(data.shape, value.shape, strict=True)):
        value = value.repeat_interleave(size // count, axis)
    return value


@op()
def constexpr_cast(source_val: Exact, output_dtype: str) -> Tensor:
    """To float32 alone: the one type that the format allows."""
    if output_dtype != "fp32":
        raise UnhandledError(f"output_dtype '{output_dtype}'")
    return source_val.float()


@op()
def constexpr_lut_to_dense(
    indices: Exact, lut: Exact, shape: Ints | None = None, vector_axis: int | None = None
) -> Tensor:
    """Look palettised weights up.

    Up to iOS 17, `indices` is a packed bit stream (lowest bits first), `lut` a vector and `shape` the
    result's shape. From iOS 18, `indices` has one entry per value and `lut` one table per block of
    them, of shape (blocks..., palettes, vector size).
    """
    if shape is not None:
        return lut[_unpacked(indices, lut.numel(), torch.Size(shape).numel())].reshape(shape)
    if lut.shape[-1] != 1:
        raise UnhandledError(f"palettes of vectors (size {lut.shape[-1]}, vector_axis {vector_axis})")
    tables = lut.squeeze(-1)
    # every index gets the table of its block
    for axis, (size, count) in enumerate(zip(indices.shape, tables.shape[:-1], strict=True)):
        tables = tables.repeat_interleave(size // count, axis)
    return torch.gather(tables, -1, indices.long().unsqueeze(-1)).squeeze(-1)


def _unpacked(packed: Tensor, palettes: int, count: int) -> Tensor:
    """Read `count` indices of log2(palettes) bits each from a little-endian bit stream."""
    bits = (palettes - 1).bit_length()
    # the bits of each byte, the lowest first
    stream = (packed.long()[:, None] >> torch.arange(8)) & 1
    fields = stream.reshape(-1)[: count * bits].reshape(count, bits)
    return (fields << torch.arange(bits)).sum(1)
