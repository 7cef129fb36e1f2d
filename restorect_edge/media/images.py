"""Images as callers hold them, and as networks take them.

Arrays need numpy alone: the benchmark kit runs on boards without Pillow.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from restorect_edge.errors import BackendError, UsageError
from restorect_edge.media.photo import Photo

if TYPE_CHECKING:
    from PIL import Image

__all__ = ["ImageLike", "as_levels", "from_planes", "planes_of", "to_planes", "unwrap"]

ImageLike: TypeAlias = "NDArray[Any] | Image.Image | Photo | str | Path"
"""(H, W, 3) RGB as uint8 or as floating point in [0, 1], a PIL image, a decoded `Photo`, or a path to a
picture."""

Rewrap = Callable[[NDArray[Any]], Any]

CACHED = 1 << 16
"""Values converted at a time, so that several passes over them stay in the cache."""


def unwrap(image: ImageLike) -> tuple[NDArray[Any], Rewrap]:
    """Return the pixels (H, W, 3), uint8 or float32, and how to give a result back in kind.

    An array gives an array of its type back; a `Photo` a `Photo` with everything that was kept. A PIL image
    and a path both give a PIL image, turned upright as the EXIF orientation says, gray where it was, with
    its alpha, and with its metadata in `info`: ``exif`` (orientation 1, preview remade), ``icc_profile``,
    ``xmp``, ``dpi``.

    Raises:
        UsageError: not an image with values in range; the message says how to fix it.
        MissingDependencyError: a path to a HEIC or raw file without the extra ``photo``.
    """
    if isinstance(image, np.ndarray):
        return _checked(image), lambda result: result.astype(image.dtype, copy=False)
    if isinstance(image, Photo):
        from restorect_edge.media.decoding import as_sdr

        as_sdr(image, "the photograph")
        return image.image, lambda result: _photo(image, result)
    from PIL import Image

    if isinstance(image, (str, Path)):
        return _from_file(Path(image))
    if isinstance(image, Image.Image):
        return _from_pil(image)
    raise UsageError(f"an image is an array, a PIL image, a Photo or a path, got {type(image).__name__}")


def _photo(like: Photo, result: NDArray[Any]) -> Photo:
    from restorect_edge.media.encoding import stored

    return replace(like, pixels=stored(result, deep=like.pixels.dtype == np.uint16))


def _from_file(path: Path) -> tuple[NDArray[Any], Rewrap]:
    from restorect_edge.media.decoding import as_sdr, read, upright

    photo = as_sdr(upright(read(path)), str(path))
    # Pillow has a mode for gray of 16 bits, and none for color or alpha
    if photo.pixels.dtype == np.uint16 and not (photo.gray and photo.alpha is None):
        raise UsageError(_deep_words(str(path)))
    return photo.image, lambda result: _as_pil(photo, result)


def _deep_words(name: str) -> str:
    return (
        f"'{name}' has 16 bits per channel, of which a PIL image keeps 8: use restorect-edge run, or pass "
        "restorect_edge.media.decoding.read(path), whose result is a Photo to write"
    )


def _from_pil(image: "Image.Image") -> tuple[NDArray[Any], Rewrap]:
    from restorect_edge.media.codecs.pixels import from_image, is_16_bit
    from restorect_edge.media.decoding import upright

    if is_16_bit(image):
        raise UsageError(_deep_words(str(getattr(image, "filename", "") or "image")))
    if 0 in image.size:
        raise UsageError(f"the image is empty: {image.width}×{image.height} pixels")
    exif, info = image.getexif(), image.info
    found = from_image(image, "image")
    block = info.get("exif") or (exif.tobytes() if len(exif) else b"")
    photo = upright(
        Photo(
            pixels=found.rgb,
            alpha=found.alpha,
            gray=found.gray,
            exif=block.removeprefix(b"Exif\0\0"),
            icc_profile=(info.get("icc_profile") or b"") if found.profile is None else found.profile,
        )
    )
    # alpha is a channel by now; Pillow would write the key color a second time
    kept = {key: value for key, value in info.items() if key != "transparency"}
    return photo.image, lambda result: _as_pil(photo, result, kept)


def _as_pil(photo: Photo, result: NDArray[Any], info: Mapping[Any, Any] | None = None) -> "Image.Image":
    """Return a restored picture as a PIL image of the mode that the photograph has."""
    from PIL import Image

    from restorect_edge.media.encoding import refreshed_exif, stacked

    pixels = stacked(result, photo, deep=photo.pixels.dtype == np.uint16)
    restored = Image.fromarray(pixels[..., 0] if pixels.shape[2] == 1 else pixels)
    restored.info = dict(info or {})
    block = refreshed_exif(photo, pixels)
    fields = {
        "exif": b"Exif\0\0" + block if block else None,
        "icc_profile": photo.icc_profile or None,
        "xmp": photo.xmp or restored.info.get("xmp"),
        "dpi": photo.dpi or restored.info.get("dpi"),
    }
    # Pillow's `save` writes what `info` has, so that nothing of the picture before may stay there
    for key, value in fields.items():
        restored.info.pop(key, None)
        if value:
            restored.info[key] = value
    return restored


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
    # NaN compares false, and is refused by these negations too
    if not low >= 0.0 or not high <= 1.0:
        raise UsageError(
            f"floating-point images lie in [0, 1] without NaN, got {low:.4g} to {high:.4g}; "
            "divide by the white level, and clip"
        )
    return array.astype(np.float32, copy=False)


def _shape_hint(array: NDArray[Any]) -> str:
    if array.ndim == 2 or (array.ndim == 3 and array.shape[2] == 1):
        return ": grayscale; repeat it to three channels with numpy.repeat(image[..., None], 3, axis=2)"
    if array.ndim == 3 and array.shape[2] == 4:
        return ": it has an alpha channel; pass image[..., :3]"
    if array.ndim == 3 and array.shape[0] == 3:
        return ": channels come last; pass image.transpose(1, 2, 0)"
    return ": one image at a time" if array.ndim == 4 else ""


def as_levels(name: str, pixels: NDArray[Any], rewrap: Rewrap, *, exact: bool) -> tuple[NDArray[Any], Rewrap]:
    """Return float32 pixels in [0, 1] as 8-bit levels, and how to give 8-bit results back as float32.

    Args:
        name: of the network, for the message.
        pixels: (H, W, 3).
        rewrap: of the float32 result.
        exact: whether the pixels are such levels anyway.

    Raises:
        UsageError: they may hold more than 8 bits.
    """
    if not exact:
        raise UsageError(
            f"'{name}' was exported with --io uint8 and takes 8 bits per channel, got {pixels.dtype}: export "
            "it without for pictures with more, or pass numpy.rint(image * 255).astype(numpy.uint8)"
        )
    levels = np.rint(pixels * np.float32(255)).astype(np.uint8)
    return levels, lambda result: rewrap(result.astype(np.float32) / np.float32(255))


def planes_of(levels: NDArray[Any]) -> NDArray[np.float32]:
    """Return (H, W, 3) uint8 as planes (3, H, W) in [0, 1]."""
    planes = np.empty((1, 3, *levels.shape[:2]), np.float32)
    to_planes(levels, planes)
    first: NDArray[np.float32] = planes[0]
    return first


def to_planes(pixels: NDArray[Any], out: NDArray[np.float32]) -> None:
    """Write `pixels` (H, W, 3), uint8 or float32 in [0, 1], into `out` (1, 3, H, W) in [0, 1]."""
    for rows in _row_chunks(pixels.shape):
        for channel in range(3):
            plane = out[0, channel, rows]
            np.copyto(plane, pixels[rows, :, channel])
            if pixels.dtype == np.uint8:
                np.multiply(plane, np.float32(1 / 255), out=plane)


def from_planes(
    planes: NDArray[np.float32], out: NDArray[Any], gain: float = 1.0, *, clip: bool = True
) -> None:
    """Write (3, H, W) values times `gain` into `out` (H, W, 3), clipped to [0, 1], as float32 or in 8 bits.

    Args:
        planes: what a network gives.
        out: where the pixels go.
        gain: factor on every value.
        clip: without it values are written as they are, numbers or not; for a float32 `out` only.

    Raises:
        BackendError: a value is not a number.
    """
    scratch = np.empty((_chunk_height(out.shape), out.shape[1]), np.float32)
    for rows in _row_chunks(out.shape):
        for channel in range(3):
            plane = planes[channel, rows]
            values = scratch[: plane.shape[0]]
            scaled = plane if gain == 1 else np.multiply(plane, np.float32(gain), out=values)
            if not clip:
                out[rows, :, channel] = scaled
                continue
            np.clip(scaled, 0.0, 1.0, out=values)
            # clipping and the minimum both keep NaN, so that one pass finds it
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
