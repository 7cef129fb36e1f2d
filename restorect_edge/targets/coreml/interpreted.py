"""Core ML packages without a Mac: the interpreter as a runtime."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from restorect_edge.artifact import Manifest
from restorect_edge.errors import IncompatibleError
from restorect_edge.inference.base import Runtime
from restorect_edge.inference.torch_threads import TorchThreads
from restorect_edge.mil.interpreter import MilProgram, libraries
from restorect_edge.mil.library import library

__all__ = ["MilRuntime"]


class MilRuntime(Runtime):
    """Evaluates a Core ML artifact with `MilProgram`: what the package says, not how a device runs it."""

    name: ClassVar[str] = "mil"

    @classmethod
    def devices(cls) -> tuple[str, ...]:
        """Return ``cpu``, if coremltools and torch are installed."""
        libraries()
        return ("cpu",)

    def __init__(
        self, manifest: Manifest, root: Path, *, device: str = "auto", threads: int | None = None
    ) -> None:
        libraries()
        self._torch = TorchThreads(threads)
        super().__init__(manifest, root, device=device, threads=threads)

    def _open(self, path: Path) -> MilProgram:
        program = self._torch(MilProgram, path)
        if len(program.outputs) != 1:
            raise IncompatibleError(f"'{path}' has {len(program.outputs)} outputs, expected one")
        return program

    def _input_shape(self, session: MilProgram) -> Sequence[Any]:
        return next((f.shape for f in session.inputs if f.name == "image"), ())

    def _run(self, session: MilProgram, feeds: dict[str, NDArray[np.float32]]) -> NDArray[np.float32]:
        images = {f.name for f in session.inputs if f.is_image}
        # an image input takes levels, which the package scales itself
        native = {n: np.rint(v * np.float32(255)) if n in images else v for n, v in feeds.items()}
        levels: NDArray[np.float32]
        (levels,) = self._torch(session, native).values()
        return levels / np.float32(255) if session.outputs[0].is_image else levels

    def _release(self) -> None:
        super()._release()
        self._torch.close()

    def _provider(self, session: MilProgram) -> str:
        version = library("the MIL interpreter").__version__
        kind = "float16" if session.declares_float16 else "float32"
        return f"MIL interpreter (coremltools {version}, {kind} as declared)"
