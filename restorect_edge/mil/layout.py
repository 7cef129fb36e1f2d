"""MIL operations that move or make values: shapes, slices, joins, shuffles.

Those without a docstring are numpy's or torch's of that name.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

from restorect_edge.mil.table import Exact, Ints, UnhandledError, inside, op, padded

__all__: list[str] = []


@op()
def identity(x: Exact) -> Tensor:
    return x


@op()
def shape(x: Exact) -> Tensor:
    return torch.tensor(x.shape, dtype=torch.int32)


@op()
def reshape(x: Exact, shape: Ints) -> Tensor:
    """-1 takes what is left; 0 keeps the dimension at the same place, if the rank stays."""
    if 0 in shape and len(shape) != x.dim():
        raise UnhandledError(f"shape {list(shape)} with a 0 for an input of rank {x.dim()}")
    return x.reshape([x.shape[i] if size == 0 else size for i, size in enumerate(shape)])


@op()
def transpose(x: Exact, perm: Ints) -> Tensor:
    return x.permute(perm)


@op()
def expand_dims(x: Exact, axes: Ints) -> Tensor:
    rank = x.dim() + len(axes)
    sizes = list(x.shape)
    # in ascending order: each insertion shifts those that follow
    for axis in sorted(a % rank for a in axes):
        sizes.insert(axis, 1)
    return x.reshape(sizes)


@op()
def squeeze(x: Exact, axes: Ints | None = None) -> Tensor:
    """Remove dimensions of size 1; named axes of another size stay."""
    return x.squeeze() if axes is None else x.squeeze(axes)


@op()
def flatten2d(x: Exact, axis: int = 1) -> Tensor:
    """(product of the dimensions before `axis`, product of the others)."""
    axis = axis % x.dim() if axis < 0 else axis
    return x.reshape(int(torch.tensor(x.shape[:axis]).prod()), -1)


@op()
def concat(values: list[Exact], axis: int, interleave: bool = False) -> Tensor:
    """Unlike numpy's, `interleave` takes one slice of each value in turns."""
    if not interleave:
        # sides that are computed are scalars, which MIL concatenates to a shape
        return torch.cat([value.reshape(1) if value.dim() == 0 else value for value in values], axis)
    axis = axis % values[0].dim()
    return torch.stack([*values], axis + 1).flatten(axis, axis + 1)


@op()
def stack(values: list[Exact], axis: int) -> Tensor:
    return torch.stack([*values], axis)


@op()
def split(
    x: Exact, axis: int, num_splits: int | None = None, split_sizes: Ints | None = None
) -> tuple[Tensor, ...]:
    """Unlike numpy's, by sizes rather than by places; equal parts must leave no rest."""
    if split_sizes is None:
        if num_splits is None or x.shape[axis] % num_splits:
            raise UnhandledError(f"{num_splits} equal parts of a dimension of size {x.shape[axis]}")
        split_sizes = (x.shape[axis] // num_splits,) * num_splits
    elif num_splits is not None and num_splits != len(split_sizes):
        raise UnhandledError(f"num_splits {num_splits} with {len(split_sizes)} split_sizes")
    return torch.split_with_sizes(x, list(split_sizes), axis)


@op()
def slice_by_index(
    x: Exact,
    begin: Ints,
    end: Ints,
    stride: Ints | None = None,
    begin_mask: Ints | None = None,
    end_mask: Ints | None = None,
    squeeze_mask: Ints | None = None,
) -> Tensor:
    """numpy's x[begin:end:stride] per dimension; masks drop a bound or index instead of slicing."""
    rank = x.dim()
    steps = stride or (1,) * rank
    if min(steps) < 1:
        raise UnhandledError(f"stride {list(steps)}")
    none = (0,) * rank
    masks = zip(begin_mask or none, end_mask or none, squeeze_mask or none, strict=True)
    index: list[slice | int] = [
        # a squeezed dimension is indexed and vanishes; the others are cut
        b if alone else slice(None if from_start else b, None if to_end else e, step)
        for b, e, step, (from_start, to_end, alone) in zip(begin, end, steps, masks, strict=True)
    ]
    return x[tuple(index)]


@op()
def slice_by_size(x: Exact, begin: Ints, size: Ints) -> Tensor:
    """A size of -1 takes what is left; a negative begin counts from the end."""
    index = []
    for start, length, whole in zip(begin, size, x.shape, strict=True):
        first = start + whole if start < 0 else start
        index.append(slice(first, whole if length == -1 else first + length))
    return x[tuple(index)]


@op()
def gather(
    x: Exact, indices: Exact, axis: int = 0, batch_dims: int = 0, validate_indices: bool = False
) -> Tensor:
    """Take slices along an axis; negative or too large indices are refused."""
    if batch_dims:
        raise UnhandledError(f"batch_dims {batch_dims}")
    axis %= x.dim()
    where = inside(indices, x.shape[axis])
    taken = x.index_select(axis, where.reshape(-1))
    return taken.reshape((*x.shape[:axis], *where.shape, *x.shape[axis + 1 :]))


@op()
def tile(x: Exact, reps: Ints) -> Tensor:
    return x.repeat(reps)


@op()
def reverse(x: Exact, axes: Ints | None = None) -> Tensor:
    return x.flip(axes if axes is not None else tuple(range(x.dim())))


@op()
def fill(shape: Ints, value: Exact) -> Tensor:
    return value.reshape(()).expand(shape)


@op()
def fill_like(ref_tensor: Exact, value: Exact) -> Tensor:
    return value.reshape(()).expand(ref_tensor.shape)


@op()
def range_1d(start: Exact, end: Exact, step: Exact) -> Tensor:
    return torch.arange(start.item(), end.item(), step.item())


@op()
def pixel_shuffle(x: Exact, upscale_factor: int) -> Tensor:
    """out[n, c, h·f + i, w·f + j] = x[n, (c·f + i)·f + j, h, w]."""
    return F.pixel_shuffle(x, upscale_factor)


@op()
def pixel_unshuffle(x: Exact, downscale_factor: int) -> Tensor:
    """The inverse of `pixel_shuffle`."""
    return F.pixel_unshuffle(x, downscale_factor)


@op()
def pad(x: Exact, pad: Ints, mode: str = "constant", constant_val: float = 0.0) -> Tensor:
    """`pad` holds before and after for each of the last dimensions, the first of them first."""
    if mode == "constant":
        return padded(x, pad, constant_val)
    if mode not in ("reflect", "replicate"):
        raise UnhandledError(f"mode '{mode}'")
    result: Tensor = x
    for axis, before, after in zip(range(-len(pad) // 2, 0), pad[::2], pad[1::2], strict=True):
        result = _extend(result, axis, before, after, reflect=mode == "reflect")
    return result


def _extend(x: Tensor, axis: int, before: int, after: int, *, reflect: bool) -> Tensor:
    last = x.shape[axis] - 1
    if reflect and max(before, after) > last:
        raise UnhandledError(f"reflection of {max(before, after)} in a dimension of size {last + 1}")
    where = torch.arange(-before, last + 1 + after)
    if reflect:
        # mirrored at both ends, the border itself not repeated: 2 1 | 0 1 2 | 1 0
        where = last - (last - where.abs()).abs()
    return x.index_select(axis, where.clamp(0, last))
