"""GPU memory and a stream through the CUDA driver API: no torch and no CUDA toolkit needed.

The driver's library is on every machine that can run CUDA; the runtime library (libcudart) is not, and
its name changes with every major version. Memory is of the device's primary context, which TensorRT
uses as well.
"""

import ctypes
from ctypes import byref, c_char_p, c_int, c_size_t, c_uint, c_uint64, c_void_p
from typing import Any

import numpy as np
from numpy.typing import NDArray

from restorect_edge.errors import BackendError

__all__ = ["Buffer", "Cuda"]

LIBRARY = "libcuda.so.1"

PROTOTYPES: dict[str, tuple[Any, ...]] = {
    "cuInit": (c_uint,),
    "cuDeviceGet": (c_void_p, c_int),
    "cuDevicePrimaryCtxRetain": (c_void_p, c_int),
    "cuDevicePrimaryCtxRelease_v2": (c_int,),
    "cuCtxSetCurrent": (c_void_p,),
    "cuStreamCreate": (c_void_p, c_uint),
    "cuStreamDestroy_v2": (c_void_p,),
    "cuStreamSynchronize": (c_void_p,),
    "cuMemAlloc_v2": (c_void_p, c_size_t),
    "cuMemFree_v2": (c_uint64,),
    "cuMemcpyHtoDAsync_v2": (c_uint64, c_void_p, c_size_t, c_void_p),
    "cuMemcpyDtoHAsync_v2": (c_void_p, c_uint64, c_size_t, c_void_p),
    "cuGetErrorString": (c_int, c_void_p),
}
"""Argument types of the functions used; all return a CUresult. Names without ``_v2`` are of 32-bit sizes."""


class Cuda:
    """One GPU, its primary context and one stream.

    Args:
        ordinal: which of the visible GPUs.

    Raises:
        BackendError: there is no driver or no such GPU.
    """

    def __init__(self, ordinal: int = 0) -> None:
        try:
            self._driver = ctypes.CDLL(LIBRARY)
        except OSError as error:
            raise BackendError(f"there is no NVIDIA GPU driver on this machine: {error}") from error
        for name, types in PROTOTYPES.items():
            getattr(self._driver, name).argtypes = types
        device, context, stream = c_int(), c_void_p(), c_void_p()
        self._call("cuInit", 0)
        self._call("cuDeviceGet", byref(device), ordinal)
        self._call("cuDevicePrimaryCtxRetain", byref(context), device)
        self._device, self._context = device.value, context
        self.use()
        self._call("cuStreamCreate", byref(stream), 0)
        self._stream: c_void_p | None = stream

    @property
    def stream(self) -> int:
        """The stream's handle."""
        return (self._stream.value if self._stream else None) or 0

    def use(self) -> None:
        """Make the GPU current in this thread."""
        self._call("cuCtxSetCurrent", self._context)

    def synchronize(self) -> None:
        """Wait until everything on the stream is done."""
        self._call("cuStreamSynchronize", self._stream)

    def upload(self, array: NDArray[np.float32], address: int) -> None:
        """Start copying `array`, contiguous, to GPU memory at `address`; it must live until `synchronize`."""
        self._call("cuMemcpyHtoDAsync_v2", address, array.ctypes.data, array.nbytes, self._stream)

    def download(self, address: int, array: NDArray[np.float32]) -> None:
        """Start copying GPU memory at `address` into a contiguous `array`, filled after `synchronize`."""
        self._call("cuMemcpyDtoHAsync_v2", array.ctypes.data, address, array.nbytes, self._stream)

    def allocate(self, size: int) -> int:
        """Return the address of `size` new bytes of GPU memory."""
        address = c_uint64()
        self._call("cuMemAlloc_v2", byref(address), size)
        return address.value

    def free(self, address: int) -> None:
        """Give GPU memory back."""
        self._call("cuMemFree_v2", address)

    def close(self) -> None:
        """Let go of the stream and the context; a second call does nothing."""
        if self._stream is not None:
            stream, self._stream = self._stream, None
            self._call("cuStreamDestroy_v2", stream)
            self._call("cuDevicePrimaryCtxRelease_v2", self._device)

    def _call(self, name: str, *arguments: Any) -> None:
        status = getattr(self._driver, name)(*arguments)
        if status != 0:
            raise BackendError(f"CUDA failed: {name} gave error {status} ({self._explain(status)})")

    def _explain(self, status: int) -> str:
        text = c_char_p()
        known = self._driver.cuGetErrorString(status, byref(text)) == 0
        return text.value.decode() if known and text.value else "unknown"


class Buffer:
    """GPU memory that grows when more is asked for and is reused otherwise."""

    def __init__(self, cuda: Cuda) -> None:
        self._cuda = cuda
        self._size = 0
        self._address = 0

    def reserve(self, size: int) -> int:
        """Return the address of at least `size` bytes."""
        if size > self._size:
            self.free()
            self._address, self._size = self._cuda.allocate(size), size
        return self._address

    def free(self) -> None:
        """Give the memory back."""
        if self._size:
            self._size = 0
            self._cuda.free(self._address)
