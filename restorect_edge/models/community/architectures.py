"""Architectures of the community, told and built from a state dict by spandrel.

spandrel is optional: nothing here is imported before a checkpoint is to be opened.
"""

import importlib
import importlib.machinery
import importlib.util
import sys
import types
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from torch import Tensor, nn

from restorect_edge.errors import IncompatibleError, MissingDependencyError
from restorect_edge.utils.foreign import hushed, reason

__all__ = ["Called", "built", "loaded", "names"]

MISSING = ("torchvision", "torchvision.transforms", "torchvision.transforms.functional")
"""What spandrel imports for two architectures: one takes a mask as well, the other normalizes faces."""


class Called(nn.Module):
    """A network as its description calls it: some need arguments, or one of their results chosen.

    Args:
        descriptor: of spandrel.
    """

    def __init__(self, descriptor: Any) -> None:
        super().__init__()
        self.network = descriptor.model
        # What spandrel's own call does besides padding and clamping, which the runtime does; public is only
        # the whole call, which torch.export cannot trace.
        self._call = descriptor._call_fn

    def forward(self, image: Tensor) -> Tensor:
        """Restore an image (1, 3, H, W) in [0, 1]."""
        output: Tensor = self._call(self.network, image)
        return output


def built(tensors: Any, path: Path) -> Any:
    """Tell the architecture of a state dict and build it; return spandrel's descriptor.

    Args:
        tensors: the state dict, or a checkpoint around it.
        path: named in messages.

    Raises:
        MissingDependencyError: the extra ``spandrel`` is not installed.
        IncompatibleError: no architecture that is known has these tensors.
    """
    spandrel = loaded()
    state = spandrel.canonicalize_state_dict(tensors) if isinstance(tensors, dict) else {}
    if not state or not all(isinstance(value, Tensor) for value in state.values()):
        raise IncompatibleError(
            f"'{path}' holds {_contents(tensors)} and no state dict that could be told: save "
            "module.state_dict() alone with torch.save, or the module itself with torch.export.save as .pt2"
        )
    try:
        with hushed():  # torch warns of calls that architectures make
            return _told(_registry(), state, spandrel.UnsupportedModelError)
    except spandrel.UnsupportedModelError as error:
        raise IncompatibleError(
            f"'{path}' is a state dict of {len(state)} tensors ({_first(state)}, …) of no architecture that "
            "spandrel knows: build the network in Python, load_state_dict, and save it with "
            "torch.export.save as .pt2"
        ) from error
    except Exception as error:  # an architecture may raise anything about shapes that do not fit
        raise IncompatibleError(
            f"'{path}' does not fit the architecture it looks like: {reason(error)}"
        ) from error


def _told(registry: Any, state: dict[str, Tensor], unknown: type[Exception]) -> Any:
    """Build what a state dict is of, with or without the name of the attribute that the network was in.

    Trainers save ``model.body.0.weight`` of a network that has ``body.0.weight``.
    """
    try:
        return registry.load(state)
    except unknown:
        parts = [key.partition(".") for key in state]
        if len({first for first, _, _ in parts}) > 1 or not all(rest for *_, rest in parts):
            raise
        return _told(registry, {rest: state[first + dot + rest] for first, dot, rest in parts}, unknown)


def names() -> list[str]:
    """Return the architectures that can be told, by spandrel's names."""
    return sorted(one.architecture.name for one in _registry())


def loaded(package: str = "spandrel") -> Any:
    """Import spandrel, or its package of more architectures, without torchvision where that does not work.

    Raises:
        MissingDependencyError: it is not installed.
    """
    try:
        with _without_torchvision(package), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of the syntax of some architectures
            return importlib.import_module(package)
    except ImportError as error:
        raise MissingDependencyError(
            "a checkpoint of the community", "spandrel", detail=str(error)
        ) from error


def _registry() -> Any:
    """Return spandrel's architectures, with those of spandrel_extra_arches where that is installed."""
    registry = loaded().MAIN_REGISTRY.copy()
    if importlib.util.find_spec("spandrel_extra_arches") is not None:
        registry.add(*loaded("spandrel_extra_arches").EXTRA_REGISTRY, ignore_duplicates=True)
    return registry


@contextmanager
def _without_torchvision(package: str) -> Iterator[None]:
    """Let spandrel be imported where torchvision is absent, or was built for another PyTorch.

    All architectures are imported at once, and two of them import functions of torchvision. A CPU build of
    PyTorch beside a CUDA build of torchvision is common, and fails at import with an error of its own kind.
    """
    if package in sys.modules or _torchvision_works():
        yield
        return
    for name in MISSING:
        module = types.ModuleType(name)
        module.__spec__ = importlib.machinery.ModuleSpec(name, None)
        module.__getattr__ = lambda attribute: None  # type: ignore[method-assign]
        sys.modules[name] = module
    try:
        yield
    finally:
        for name in MISSING:
            sys.modules.pop(name, None)


def _torchvision_works() -> bool:
    try:
        importlib.import_module("torchvision.transforms.functional")
    except Exception:  # RuntimeError of a build for another PyTorch, ImportError where there is none
        for name in [name for name in sys.modules if name.split(".")[0] == "torchvision"]:
            del sys.modules[name]
        return False
    return True


def _contents(tensors: Any) -> str:
    if not isinstance(tensors, dict):
        return f"a {type(tensors).__name__}"
    return f"the entries {', '.join(map(str, list(tensors)[:4])) or 'none'}"


def _first(state: dict[str, Tensor]) -> str:
    name, value = next(iter(state.items()))
    return f"{name} {tuple(value.shape)}"
