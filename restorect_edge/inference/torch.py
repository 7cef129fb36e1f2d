"""PyTorch: runs weights directly, and is what every artifact is compared with."""

from functools import partial
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from restorect_edge.artifact import GraphFile, Manifest, PriorSpec
from restorect_edge.errors import BackendError
from restorect_edge.inference.base import Runtime
from restorect_edge.inference.torch_threads import TorchThreads
from restorect_edge.utils.extras import imported
from restorect_edge.utils.foreign import reason
from restorect_edge.weights import license_of

__all__ = ["TorchRuntime"]

_library = partial(imported, "torch", "running weights with PyTorch", "export")


class TorchRuntime(Runtime):
    """Runs weights by name or file, or a checkpoint of the community; sides are free, local networks tile."""

    name: ClassVar[str] = "torch"

    def __init__(
        self,
        source: str | Path,
        *,
        device: str = "auto",
        threads: int | None = None,
        steps: int | None = None,
    ) -> None:
        _library()
        from restorect_edge.models.community.checkpoint import open_network

        self._torch = TorchThreads(threads)
        self._weights = self._torch(open_network, source, steps=steps)
        super().__init__(self._torch(_manifest, self._weights), Path(), device=device, threads=threads)

    @classmethod
    def devices(cls) -> tuple[str, ...]:
        """Return those of ``cuda``, ``mps``, ``cpu`` that this build of PyTorch finds."""
        torch = _library()
        found = [("cuda", torch.cuda.is_available()), ("mps", torch.backends.mps.is_available())]
        return (*(name for name, present in found if present), "cpu")

    def _open(self, path: Path) -> Any:
        network = self._weights.network
        part = network if path.name == "whole" else getattr(network, path.name)
        return self._torch(part.to, self.device)

    def _run(self, session: Any, feeds: dict[str, NDArray[np.float32]]) -> NDArray[np.float32]:
        try:
            return self._torch(self._infer, session, feeds)
        except RuntimeError as error:  # its out-of-memory error is one
            raise BackendError(f"PyTorch failed on {self.device}: {reason(error)}") from error

    def _infer(self, session: Any, feeds: dict[str, NDArray[np.float32]]) -> NDArray[np.float32]:
        torch = _library()
        with torch.inference_mode():
            result = session(*(torch.from_numpy(array).to(self.device) for array in feeds.values()))
            array: NDArray[np.float32] = result.cpu().numpy()
        return array

    def _release(self) -> None:
        super()._release()
        self._torch.close()

    def _provider(self, session: Any) -> str:
        return f"PyTorch {_library().__version__} {self.device.upper()}"


def _manifest(weights: Any) -> Manifest:
    student = weights.student
    graphs = tuple(GraphFile(role=r, file=r) for r in (("prior", "body") if student else ("whole",)))
    from restorect_edge.models.blocks import POOL

    return Manifest(
        name=weights.name,
        task=str(weights.card.get("task", "custom")),
        target="torch",
        precision="fp32",
        form="split" if student else "whole",
        spec=weights.spec(split=student is not None),
        graphs=graphs,
        prior=PriorSpec(thumbnail=student.prior.size, pool=POOL, deviation=student.prior.deviation)
        if student
        else None,
        steps=weights.steps,
        weights={
            "name": weights.name,
            "sha256": weights.sha256,
            "license": license_of(weights.card),
        },
    )
