"""MIL operations that sort, search, sum up along an axis and take pixels from where they are told.

Where equal values go in a sorted row is not documented: the first of them comes first, as in a stable sort.
Operations without a docstring are numpy's of that name.
"""

import torch
from torch import Tensor

from restorect_edge.mil.table import Exact, UnhandledError, inside, op

__all__: list[str] = []


@op()
def cumsum(x: Tensor, axis: int = 0, exclusive: bool = False, reverse: bool = False) -> Tensor:
    """Sums along an axis, each with its own value or, `exclusive`, without; `reverse` from the end."""
    row = x.flip(axis) if reverse else x
    summed = torch.cumsum(row, axis) - (row if exclusive else 0)
    return summed.flip(axis) if reverse else summed


@op()
def argsort(x: Tensor, axis: int = -1, ascending: bool = False) -> Tensor:
    """Unlike numpy's, the largest first unless `ascending`."""
    return torch.sort(x, dim=axis, descending=not ascending, stable=True).indices.to(torch.int32)


@op()
def topk(
    x: Exact,
    k: int = 1,
    axis: int = -1,
    ascending: bool = False,
    sort: bool = True,
    return_indices: bool = True,
    output_indices_dtype: str = "int32",
) -> Tensor | tuple[Tensor, ...]:
    """The k largest values along an axis, the largest first; `ascending` the smallest, all for k = -1."""
    if not sort:
        raise UnhandledError("sort = False, whose order is not documented")
    found = torch.sort(x, dim=axis, descending=not ascending, stable=True)
    count = x.shape[axis] if k == -1 else k
    values, indices = (part.narrow(axis, 0, count) for part in (found.values, found.indices))
    return (values, indices.to(torch.int32)) if return_indices else values


@op()
def reduce_argmax(x: Tensor, axis: int = -1, keep_dims: bool = True, output_dtype: str = "int32") -> Tensor:
    """Unlike numpy's, the dimension stays by default."""
    return torch.argmax(x, axis, keep_dims).to(torch.int32)


@op()
def reduce_argmin(x: Tensor, axis: int = -1, keep_dims: bool = True, output_dtype: str = "int32") -> Tensor:
    """Unlike numpy's, the dimension stays by default."""
    return torch.argmin(x, axis, keep_dims).to(torch.int32)


@op()
def gather_along_axis(x: Exact, indices: Exact, axis: int = 0, validate_indices: bool = False) -> Tensor:
    """Take one value per index along an axis; negative or too large indices are refused."""
    return torch.gather(x, axis, inside(indices, x.shape[axis]))


@op()
def gather_nd(x: Exact, indices: Exact, batch_dims: int = 0, validate_indices: bool = False) -> Tensor:
    """Take slices at rows of indices, one number for each of the first axes."""
    if batch_dims:
        raise UnhandledError(f"batch_dims {batch_dims}")
    where = indices.long()
    sides = torch.tensor(x.shape[: where.shape[-1]])
    if where.numel() and (int(where.min()) < 0 or bool((where >= sides).any())):
        raise UnhandledError(f"indices outside a tensor of shape {tuple(x.shape)}")
    return x[where.unbind(-1)]


@op()
def scatter(
    data: Exact,
    indices: Exact,
    updates: Exact,
    axis: int = 0,
    mode: str = "update",
    validate_indices: bool = False,
) -> Tensor:
    """Put slices where indices along an axis say; of two for one place, which one stays is not documented."""
    if mode not in ("update", "add"):
        raise UnhandledError(f"mode '{mode}'")
    where = inside(indices, data.shape[axis])
    if mode == "add":
        return data.index_add(axis, where, updates)
    if len(torch.unique(where)) != len(where):
        raise UnhandledError("two updates of one place")
    return data.index_copy(axis, where, updates)


@op()
def resample(
    x: Tensor,
    coordinates: Tensor,
    sampling_mode: str,
    padding_mode: str,
    padding_value: float,
    coordinates_mode: str,
    align_corners: bool,
) -> Tensor:
    """Take (B, C, H, W) at coordinates (B, h, w, 2), x before y: nearest, or between the four around.

    Pixels outside are a value, or the image's own continued as `padding_mode` says.
    """
    height, width = x.shape[2:]
    across, down = (
        _pixels(coordinates[..., index].float(), side, coordinates_mode, align_corners)
        for index, side in enumerate((width, height))
    )
    if sampling_mode == "nearest":
        return _taken(x, torch.round(across), torch.round(down), padding_mode, padding_value)
    if sampling_mode != "bilinear":
        raise UnhandledError(f"sampling_mode '{sampling_mode}'")
    # the pixel to the upper left; the four around are weighted by how near they are
    left, top = across.floor(), down.floor()
    right_share, lower_share = (across - left)[:, None], (down - top)[:, None]
    upper, lower = (
        _taken(x, left, row, padding_mode, padding_value) * (1 - right_share)
        + _taken(x, left + 1, row, padding_mode, padding_value) * right_share
        for row in (top, top + 1)
    )
    return upper * (1 - lower_share) + lower * lower_share


def _pixels(place: Tensor, side: int, mode: str, align_corners: bool) -> Tensor:
    """Return coordinates along an axis in pixels, 0 at the center of the first."""
    if mode == "unnormalized" and align_corners:
        return place
    if mode not in ("normalized_minus_one_to_one", "normalized_zero_to_one"):
        raise UnhandledError(f"coordinates_mode '{mode}' with align_corners {align_corners}")
    share = (place + 1) / 2 if mode == "normalized_minus_one_to_one" else place
    return share * (side - 1) if align_corners else share * side - 0.5


def _taken(x: Tensor, across: Tensor, down: Tensor, padding: str, value: float) -> Tensor:
    """Return the pixels (B, C, h, w) at whole coordinates (B, h, w)."""
    height, width = x.shape[2:]
    inside = (across >= 0) & (across < width) & (down >= 0) & (down < height)
    rows = _continued(down.long(), height, padding)
    columns = _continued(across.long(), width, padding)
    # gather needs places that exist, of pixels outside as well; those are replaced below
    index = (rows * width + columns).flatten(1)[:, None].expand(-1, x.shape[1], -1)
    found = torch.gather(x.flatten(2), 2, index).reshape(*x.shape[:2], *across.shape[1:])
    return torch.where(inside[:, None], found, torch.tensor(value)) if padding == "constant" else found


def _continued(index: Tensor, side: int, padding: str) -> Tensor:
    """Return where in the image an index beyond its border is taken from."""
    if padding in ("constant", "border"):
        return index.clamp(0, side - 1)
    if padding == "reflection":  # without the border itself
        # a side of one pixel has nothing to mirror
        period = max(2 * (side - 1), 1)
        within = index.remainder(period)
        return torch.where(within < side, within, period - within)
    if padding == "symmetric":
        within = index.remainder(2 * side)
        return torch.where(within < side, within, 2 * side - 1 - within)
    raise UnhandledError(f"padding_mode '{padding}'")
