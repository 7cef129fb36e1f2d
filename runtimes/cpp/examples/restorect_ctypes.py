"""The C interface from Python, an example of how another language calls it: ctypes and numpy, nothing else.

    library = Library("build/librestorect.so")
    with library.open("out/lowlight-small-openvino-fp32-split-dynamic") as restore:
        bright = restore(dark)  # (H, W, 3) uint8

From Python itself `restorect_edge.load` is simpler.
"""

import ctypes
from collections.abc import Callable
from ctypes import POINTER, byref, c_char_p, c_double, c_int, c_int32, c_size_t, c_void_p
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["LAYOUTS", "Code", "Format", "Library", "Restore"]

Levels = NDArray[np.uint8]

LAYOUTS = (
    "rgb", "bgr", "bgra", "nv12", "yuyv", "rgba", "argb", "abgr", "rgbx", "bgrx", "xrgb", "xbgr", "gray8",
    "nv21", "nv16", "nv61", "nv24", "i420", "yv12", "i422", "i444", "uyvy", "yvyu", "vyuy", "p010", "i420p10",
)  # fmt: skip
"""By number, as ``restorect.h`` has them."""
MATRICES = ("bt601", "bt709", "bt2020", "smpte240m")
RANGES = ("full", "limited")


class Code(Exception):  # noqa: N818 - it is called what the C interface calls it
    """A function failed: its code, which is the exit code of the command line, and the text."""

    def __init__(self, code: int, text: str) -> None:
        super().__init__(text)
        self.code = code


class Plane(ctypes.Structure):
    """``restorect_plane``."""

    _fields_ = (("offset", c_size_t), ("stride", c_size_t))


class Format(ctypes.Structure):
    """``restorect_format``."""

    _fields_ = (
        ("layout", c_int32),
        ("width", c_int32),
        ("height", c_int32),
        ("matrix", c_int32),
        ("range", c_int32),
        ("stride", c_size_t),
        ("slice_height", c_int32),
        ("plane_count", c_int32),
        ("planes", Plane * 3),
    )

    @classmethod
    def of(cls, layout: str, width: int, height: int, **more: Any) -> "Format":
        """Return a format by names, as `restorect_edge.media.frames.FrameFormat` has them."""
        matrix = MATRICES.index(more.get("matrix") or "bt601")
        levels = RANGES.index(more.get("range") or "limited")
        planes = [Plane(*plane) for plane in more.get("planes", ())]
        rows = more.get("stride", 0), more.get("slice_height", 0), len(planes), (Plane * 3)(*planes)
        return cls(LAYOUTS.index(layout), width, height, matrix, levels, *rows)


class Frame(ctypes.Structure):
    """``restorect_frame`` and ``restorect_buffer``, which differ in what may be written."""

    _fields_ = (("format", Format), ("data", c_void_p), ("size", c_size_t))


class Library:
    """The shared library; its functions raise `Code`."""

    def __init__(self, path: Path | str) -> None:
        self.c = ctypes.CDLL(str(path))
        self.c.restorect_last_error.restype = c_char_p
        self.c.restorect_provider.restype = self.c.restorect_warning.restype = c_char_p
        self.c.restorect_open.argtypes = c_char_p, c_char_p, c_int, POINTER(c_void_p)
        self.c.restorect_restore.argtypes = c_void_p, POINTER(Frame), POINTER(Frame), c_int
        self.c.restorect_video_open.argtypes = c_void_p, c_int, c_double, c_int, POINTER(c_void_p)
        self.c.restorect_video_restore.argtypes = c_void_p, POINTER(Frame), POINTER(Frame)
        self.c.restorect_convert.argtypes = POINTER(Frame), POINTER(Frame)
        self.c.restorect_frame_size.argtypes = POINTER(Format), POINTER(c_size_t)
        for name in ("close", "video_close", "provider", "warning", "scale", "video_cuts", "video_priors"):
            getattr(self.c, f"restorect_{name}").argtypes = (c_void_p,)

    def call(self, name: str, *arguments: Any) -> None:
        """Call a function that returns a code."""
        code = getattr(self.c, f"restorect_{name}")(*arguments)
        if code:
            raise Code(code, self.c.restorect_last_error().decode())

    def open(self, artifact: Path | str, *, device: str = "auto", threads: int = 0) -> "Restore":
        """Load an artifact directory."""
        handle = c_void_p()
        self.call("open", str(artifact).encode(), device.encode(), threads, byref(handle))
        return Restore(self, handle)

    def convert(self, data: Levels, source: Format, target: Format) -> Levels:
        """Return the bytes of a frame in another format."""
        result = np.zeros(self.size(target), np.uint8)
        self.call("convert", byref(frame(data, source)), byref(frame(result, target)))
        return result

    def size(self, of: Format) -> int:
        """Return the bytes that a buffer has at least."""
        size = c_size_t()
        self.call("frame_size", byref(of), byref(size))
        return size.value


@dataclass(slots=True)
class Restore:
    """A loaded artifact: call it with an image."""

    library: Library
    handle: c_void_p

    def __call__(self, image: Levels, *, tile: int = 0) -> Levels:
        """Restore (H, W, 3) uint8."""
        return self._restored(image, lambda *frames: self.library.call("restore", self.handle, *frames, tile))

    def stream(self, *, prior_every: int = 1, smooth: float = 0.0) -> Callable[[Levels], Levels]:
        """Return a call that restores the frames of one video, in order."""
        handle = c_void_p()
        self.library.call("video_open", self.handle, prior_every, smooth, 0, byref(handle))

        def restore(image: Levels) -> Levels:
            return self._restored(image, lambda *frames: self.library.call("video_restore", handle, *frames))

        return restore

    def _restored(self, image: Levels, call: Callable[..., None]) -> Levels:
        scale = self.library.c.restorect_scale(self.handle)
        height, width = image.shape[:2]
        result = np.empty((height * scale, width * scale, 3), np.uint8)
        source, target = Format.of("rgb", width, height), Format.of("rgb", width * scale, height * scale)
        call(byref(frame(image, source)), byref(frame(result, target)))
        return result

    @property
    def provider(self) -> str:
        """What really runs."""
        return str(self.library.c.restorect_provider(self.handle).decode())

    def close(self) -> None:
        """Free it."""
        self.library.c.restorect_close(self.handle)
        self.handle = c_void_p()

    def __enter__(self) -> "Restore":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def frame(data: Levels, of: Format) -> Frame:
    """Return a frame over the memory of a contiguous array, which must outlive it."""
    return Frame(of, data.ctypes.data, data.nbytes)
