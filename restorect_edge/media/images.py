"""Images as callers hold them, and as networks take them.

Arrays need numpy alone: the benchmark kit runs on boards without Pillow.
"""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from restorect_edge.errors import BackendError, UsageError

if TYPE_CHECKING:
    from PIL import Image

__all__ = ["ImageLike", "from_planes", "is_16_bit", "mode_words", "to_planes", "unwrap"]

ImageLike: TypeAlias = "NDArray[Any] | Image.Image | str | Path"
"""(H, W, 3) RGB as uint8 or as floating point in [0, 1], a PIL image of mode RGB, or a path to one."""

Rewrap = Callable[[NDArray[Any]], Any]

CACHED = 1 << 16
"""Values converted at a time, so that several passes over them stay in the cache."""


def unwrap(image: ImageLike) -> tuple[NDArray[Any], Rewrap]:
    """Return the pixels (H, W, 3), uint8 or float32, and how to give a result back in kind.

    An array gives an array of its type back, a PIL image a PIL image with the same metadata (`info`, so
    the colour profile too). A path gives a PIL image, turned upright as its EXIF orientation says.

    Raises:
        UsageError: not an RGB image with values in range; the message says how to mend it.
    """
    if isinstance(image, np.ndarray):
        return _checked(image), lambda result: result.astype(image.dtype, copy=False)
    from PIL import Image

    if isinstance(image, (str, Path)):
        return _from_pil(_open(Path(image)), str(image))
    if isinstance(image, Image.Image):
        return _from_pil(image, "image")
    raise UsageError(f"an image is an array, a PIL image or a path, got {type(image).__name__}")


def _open(path: Path) -> "Image.Image":
    from PIL import Image, ImageOps

    try:
        image: Image.Image = Image.open(path)
        with image:
            _refuse_16_bit(image, str(path))
            image.load()
            ImageOps.exif_transpose(image, in_place=True)
            return image
    except FileNotFoundError as error:
        raise UsageError(f"no image at '{path}'") from error
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise UsageError(f"cannot read '{path}' as an image: {error}") from error


def is_16_bit(image: "Image.Image") -> bool:
    """Whether a file that is open but not decoded yet has 16-bit RGB, of which PIL would keep 8 bits."""
    return any(";16" in str(tile[3]) for tile in getattr(image, "tile", ()))


def _refuse_16_bit(image: "Image.Image", name: str) -> None:
    if is_16_bit(image):
        raise UsageError(
            f"'{name}' has 16 bits per channel, of which a PIL image keeps 8: use restorect-edge run, "
            "or pass its values divided by 65535.0 as an array"
        )


def _from_pil(image: "Image.Image", name: str) -> tuple[NDArray[Any], Rewrap]:
    _refuse_16_bit(image, name)
    if image.mode != "RGB":
        raise UsageError(
            f"'{name}' has mode {image.mode} ({mode_words(image.mode)}); only RGB is restored: "
            'pass image.convert("RGB")'
        )

    from PIL import Image

    def rewrap(result: NDArray[Any]) -> Image.Image:
        restored = Image.fromarray(result)
        restored.info = dict(image.info)
        return restored

    return _checked(np.asarray(image)), rewrap


def mode_words(mode: str) -> str:
    """Say what a PIL mode other than RGB stands for."""
    if mode.startswith("I") or mode == "F":
        return "16-bit or wider"
    if mode in {"L", "1"}:
        return "greyscale"
    return "with alpha" if mode.endswith(("A", "a")) else "not three colour channels"


def _checked(array: NDArray[Any]) -> NDArray[Any]:
    if array.ndim != 3 or array.shape[2] != 3:
        raise UsageError(f"an image has shape (height, width, 3), got {array.shape}{_shape_hint(array)}")
    if 0 in array.shape:
        raise UsageError(f"the image is empty: {array.shape[1]}×{array.shape[0]} pixels")
    if array.dtype == np.uint8:
        return array
    if not np.issubdtype(array.dtype, np.floating):
        hint = "; divide 16-bit values by 65535.0 first" if array.dtype == np.uint16 else ""
        raise UsageError(f"an image is uint8, or floating point in [0, 1], got {array.dtype}{hint}")
    low, high = float(array.min()), float(array.max())
    if not low >= 0.0 or not high <= 1.0:
        raise UsageError(
            f"floating-point images lie in [0, 1] without NaN, got {low:.4g} to {high:.4g}; "
            "divide by the white level, and clip"
        )
    return array.astype(np.float32, copy=False)


def _shape_hint(array: NDArray[Any]) -> str:
    if array.ndim == 2 or (array.ndim == 3 and array.shape[2] == 1):
        return ": greyscale; repeat it to three channels with numpy.repeat(image[..., None], 3, axis=2)"
    if array.ndim == 3 and array.shape[2] == 4:
        return ": it has an alpha channel; pass image[..., :3]"
    if array.ndim == 3 and array.shape[0] == 3:
        return ": channels come last; pass image.transpose(1, 2, 0)"
    return ": one image at a time" if array.ndim == 4 else ""


def to_planes(pixels: NDArray[Any], out: NDArray[np.float32]) -> None:
    """Write (H, W, 3) pixels, uint8 or float32 in [0, 1], into `out` (1, 3, H, W) in [0, 1]."""
    for rows in _row_chunks(pixels.shape):
        for channel in range(3):
            plane = out[0, channel, rows]
            np.copyto(plane, pixels[rows, :, channel])
            if pixels.dtype == np.uint8:
                np.multiply(plane, np.float32(1 / 255), out=plane)


def from_planes(planes: NDArray[np.float32], out: NDArray[Any], gain: float = 1.0) -> None:
    """Write (3, H, W) values times `gain` into `out` (H, W, 3), clipped to [0, 1], as float32 or in 8 bits.

    Raises:
        BackendError: a value is not a number.
    """
    scratch = np.empty((_chunk_height(out.shape), out.shape[1]), np.float32)
    for rows in _row_chunks(out.shape):
        for channel in range(3):
            plane = planes[channel, rows]
            values = scratch[: plane.shape[0]]
            scaled = plane if gain == 1 else np.multiply(plane, np.float32(gain), out=values)
            np.clip(scaled, 0.0, 1.0, out=values)
            if np.isnan(values.min()):
                raise BackendError("the network gave values that are not numbers (NaN) for this image")
            if out.dtype == np.uint8:
                np.multiply(values, np.float32(255), out=values)
                np.rint(values, out=values)
            np.copyto(out[rows, :, channel], values, casting="unsafe")


def _row_chunks(shape: tuple[int, ...]) -> Iterator[slice]:
    step = _chunk_height(shape)
    return (slice(top, top + step) for top in range(0, shape[0], step))


def _chunk_height(shape: tuple[int, ...]) -> int:
    return max(1, min(shape[0], CACHED // shape[1]))
