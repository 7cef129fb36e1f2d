"""PyTorch's profiler: each operation is of the module whose call it happens in."""

from collections import defaultdict
from contextlib import ExitStack
from typing import Any

from restorect_edge.inference.profiling.base import Profiler, Timed
from restorect_edge.inference.torch import TorchRuntime
from restorect_edge.inference.torch_threads import TorchThreads

__all__ = ["ProfiledTorchRuntime"]

MARK = "restorect_edge module: "
"""Before the name of a module, in the ranges that its hooks open."""


class ProfiledTorchRuntime(TorchRuntime, Profiler):
    """PyTorch, with every module's call marked as a range of its profiler."""

    def __init__(self, source: Any, **options: Any) -> None:
        self._ms: dict[tuple[str, str], float] = defaultdict(float)
        super().__init__(source, **options)
        for graph, module in self._sessions.items():
            _mark(module, "" if graph.role == "whole" else graph.role)

    def start(self) -> None:
        import torch

        # the profiler records the thread that starts it, so the network runs in that one
        self._before = torch.get_num_threads()
        torch.set_num_threads(self.threads or self._before)
        self._torch = TorchThreads(self.threads)
        self._profiler = _library_profiler(self.device)
        self._profiler.__enter__()

    def finish(self) -> list[Timed]:
        import torch

        self._profiler.__exit__(None, None, None)
        torch.set_num_threads(self._before)
        for event in self._profiler.events():
            took = event.self_device_time_total if self.device == "cuda" else event.self_cpu_time_total
            if took > 0 and not event.name.startswith(MARK):
                self._ms[_module(event), event.name] += took / 1e3
        return [
            Timed(name=f"{module or 'outside'}/{name}", kind=name, module=module or None, ms=ms)
            for (module, name), ms in self._ms.items()
        ]


def _library_profiler(device: str) -> Any:
    from torch.profiler import ProfilerActivity, profile

    gpu = [ProfilerActivity.CUDA] if device == "cuda" else []
    return profile(activities=[ProfilerActivity.CPU, *gpu])


def _mark(root: Any, role: str) -> None:
    for name, module in root.named_modules():
        path = ".".join(filter(None, (role, name)))
        stack = ExitStack()
        module.register_forward_pre_hook(_opened(stack, path))
        module.register_forward_hook(_closed(stack), always_call=True)


def _opened(stack: ExitStack, path: str) -> Any:
    from torch.profiler import record_function

    def hook(module: Any, inputs: Any) -> None:
        stack.enter_context(record_function(MARK + path))

    return hook


def _closed(stack: ExitStack) -> Any:
    def hook(module: Any, inputs: Any, output: Any) -> None:
        stack.close()

    return hook


def _module(event: Any) -> str:
    """Return the module of the innermost range that an event lies in; empty outside of all."""
    while event is not None and not event.name.startswith(MARK):
        event = event.cpu_parent
    return "" if event is None else event.name.removeprefix(MARK)
