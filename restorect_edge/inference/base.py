"""The runtime contract: any artifact, one call."""

import copy
import threading
import warnings
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, ClassVar, TypeVar

import numpy as np
from numpy.typing import NDArray

from restorect_edge.artifact import GraphFile, Manifest
from restorect_edge.errors import BackendError, SaturationWarning
from restorect_edge.inference.call import Call, Planes
from restorect_edge.inference.checks import check_output, check_sides
from restorect_edge.inference.fit import fit, is_turned
from restorect_edge.inference.lifetime import Lifetime
from restorect_edge.inference.thumbnail import thumbnail
from restorect_edge.inference.tiling import Size, Window, plan
from restorect_edge.inference.video.stream import Light, Stream, VideoRestorer
from restorect_edge.inference.window import given, keep
from restorect_edge.media.images import ImageLike, as_levels, unwrap
from restorect_edge.utils.cpu import cpu_name, has_vnni
from restorect_edge.utils.pool import Pool, cores

__all__ = ["Runtime"]

EXACT = ("portable", "avx2")
"""What a manifest says of INT8 with half-range weights; the latter is its older name."""
MOST_AT_ONCE = 4
"""Images restored side by side unless told otherwise: each has memory of its own, and comes later."""
R = TypeVar("R", bound="Runtime")
Feeds = dict[str, NDArray[Any]]
Look = Callable[[NDArray[Any], Size], Light]


class Runtime(ABC):
    """A network ready to run: call it with an image and get the restored image, in kind.

    Use it as a context manager, or `close` it.

    Any number of threads may call one runtime at once: each gets the result of its own image, equal to
    the bit to what one thread alone gets. Calls run side by side as far as the backend and the CPU allow,
    and otherwise wait for each other. `close` waits for the calls that run. A process that is forked after
    loading is refused with a `BackendError`; it loads the artifact again.

    Args:
        manifest: what the network has as inputs and outputs.
        root: the artifact's directory.
        device: one of `devices()`, or ``auto`` for the first of them.
        threads: CPU threads of one call; None leaves it to the backend.
    """

    name: ClassVar[str]
    fuses: ClassVar[bool] = False
    """Whether it makes 8-bit arithmetic for the CPU of a quantized graph, which saturates without VNNI."""
    side_by_side: ClassVar[bool] = False
    """Whether images of several threads get through a CPU faster side by side, with fewer threads each."""

    def __init__(
        self, manifest: Manifest, root: Path, *, device: str = "auto", threads: int | None = None
    ) -> None:
        self.info, self._root = manifest, root
        self.device = self._chosen(device)
        self.threads = threads
        if self.saturates:
            warnings.warn(
                f"'{root}' is INT8 for CPUs with VNNI, and {cpu_name()} has none: 16-bit sums can saturate "
                "and spoil the picture; export it again without --cpu vnni",
                SaturationWarning,
                stacklevel=4,  # whoever called `load`
            )
        self._begin(manifest.graphs)

    def _begin(self, graphs: Sequence[GraphFile]) -> None:
        """Open graphs, with all that belongs to their calls."""
        self._last = threading.local()
        self._turns = threading.Semaphore(self._at_once)
        self._buffers = Pool(Planes)
        self._lanes: dict[int, Runtime] = {}
        self._opening = threading.Lock()
        self._sessions: dict[GraphFile, Any] = {}
        self._lifetime = Lifetime(f"the {self.name} runtime of '{self.info.name}'", self._sessions)
        try:
            for graph in graphs:
                session = self._sessions[graph] = self._open(self._root / graph.file)
                check_sides(graph, self._input_shape(session), levels=self.info.levels)
        except BaseException:
            self.close()
            raise

    @property
    def saturates(self) -> bool:
        """Whether this CPU computes the artifact's INT8 with 16-bit sums that it leaves no room for."""
        exact = self.info.precision != "int8" or self.info.options.get("cpu") in EXACT
        return self.fuses and self.device == "cpu" and not exact and has_vnni() is False

    @property
    def _at_once(self) -> int:
        """How many calls fill the CPUs: more at once would only take them from each other."""
        return max(1, cores() // (self.threads or cores()))

    @classmethod
    @abstractmethod
    def devices(cls) -> tuple[str, ...]:
        """Return the devices present here, the preferred one first.

        Raises:
            MissingDependencyError: the backend's library is not installed.
            BackendError: it cannot run on this system.
        """

    @classmethod
    def literal(cls, precision: str = "int8") -> "type[Runtime]":
        """Return the variant that judges a graph: operation by operation as it is written.

        The class itself where a backend has no such variant, or no need of one in this precision.
        """
        return cls

    @abstractmethod
    def _open(self, path: Path) -> Any:
        """Load one native file and return a session for `_run`."""

    def _input_shape(self, session: Any) -> Sequence[Any]:
        """Return the image's shape (N, C, H, W) as a native file has it, anything but a number where it is
        free; empty where the backend does not tell."""
        return ()

    @abstractmethod
    def _run(self, session: Any, feeds: Feeds) -> NDArray[np.float32]:
        """Run a session: NCHW float32 inputs by name, images in [0, 1]; return its one output, a new array.

        Images of an artifact with `Manifest.levels` are (1, H, W, 3) uint8 instead, going in and coming out.
        Several threads call it at once.
        """

    @contextmanager
    def _output(self, session: Any, feeds: Feeds) -> Iterator[NDArray[np.float32]]:
        """Run a session and hand over its output, which nothing else writes to until the context ends."""
        yield self._run(session, feeds)

    @abstractmethod
    def _provider(self, session: Any) -> str:
        """Say what really runs a session."""

    @property
    def provider(self) -> str:
        """What really runs, with its version: library and execution provider, device or interpreter."""
        self._lifetime.check()
        return self._provider(self._session(self.info.graphs[0]))

    @property
    def timings(self) -> dict[str, float]:
        """Milliseconds of each stage of this thread's last call: prepare, prior, model, finish, total."""
        return getattr(self._last, "timings", {})

    def __call__(self, image: ImageLike, *, tile: int | None = None) -> Any:
        """Restore an image of any size that the artifact takes.

        Args:
            image: (H, W, 3) RGB, uint8 or floating point in [0, 1]; a PIL image; or a path.
            tile: side of what each tile contributes, in pixels; only for artifacts that tile and whose
                sides are free. By default large images are tiled and others are not.

        Returns:
            The restored image, `spec.scale` times as large: an array for an array, of the same type; a
            PIL image for a PIL image or a path.

        Raises:
            UsageError: not such an image, or a tile that does not fit.
            IncompatibleError: the artifact's fixed sides cannot take an image of this size.
            BackendError: the backend failed, the runtime is closed, or this process was forked since.
        """
        return self._call(image, tile, self._look)

    def unclipped(self, image: NDArray[np.float32]) -> NDArray[np.float32]:
        """Restore an image (H, W, 3) in [0, 1] and keep what the network gives outside of that.

        Returns:
            (H, W, 3) times `spec.scale`, with values that are not numbers where the network gives such: what
            verification compares, because two clipped images may agree where their networks do not.
        """
        return np.asarray(self._call(image, None, self._look, clip=False))

    def stream(
        self,
        frames: Iterable[ImageLike],
        *,
        prior_every: int = 1,
        smooth: float = 0.0,
        live: bool = False,
        tile: int | None = None,
        fixed_copy: bool = True,
        at_once: int | None = None,
    ) -> Stream:
        """Restore the frames of a video or camera, in their order.

        Args:
            frames: what `__call__` takes, all of one scene after the other.
            prior_every: run the prior every so many frames; a cut is seen as late at most.
            smooth: share kept from one frame to the next, from 0 (none) to below 1: of the latent, and of
                the brightness of a scene that stands still, where its frames are restored in one piece.
            live: read `frames` in a thread of its own and drop the oldest of those that wait, where
                they come faster than they are restored.
            tile: as in `__call__`.
            fixed_copy: let OpenVINO compile dynamic graphs for the frames' size in the background,
                and go on twice as fast with that; values may then differ in their last bit.
            at_once: frames restored side by side, each with its share of the threads, and as many read ahead:
                more frames a second, each of which comes later. By default 1 where `live`, or where the
                backend gains nothing by more, and otherwise as many as there are CPU threads, up to 4.

        Returns:
            An iterator of restored frames in kind and in order, which says how many were `dropped`: the same
            ones, whatever `at_once` is. One thread at a time may ask it for a frame; other streams of the
            runtime may run beside it. Arrays among `frames` may be written to again once the next is asked
            for, other images must stay as they are.

        Raises:
            UsageError: a number out of range, or one that needs an artifact made with ``--form split``.
        """
        restore = VideoRestorer(
            self,
            prior_every=prior_every,
            smooth=smooth,
            tile=tile,
            fixed_copy=fixed_copy,
            at_once=1 if live and at_once is None else self.best_at_once if at_once is None else at_once,
        )
        return restore.stream(frames, live=live)

    @property
    def best_at_once(self) -> int:
        """How many images get through fastest side by side; 1 where the backend gains nothing by more."""
        if not self.side_by_side or self.device != "cpu":
            return 1
        return min(MOST_AT_ONCE, self.threads or cores())

    def _lane(self, at_once: int) -> "Runtime":
        """Return what restores images of so many threads side by side; it ends with this runtime.

        Its images have the latents of this one, since a prior's last bit may depend on its threads.
        """
        # lanes share the threads that one image would have
        threads = max(1, (self.threads or cores()) // at_once)
        if at_once == 1 or not self.side_by_side or self.device != "cpu" or threads == self.threads:
            return self
        if not self._root.is_dir():  # a model file of somebody else, whose artifact was temporary
            return self
        with self._opening:
            self._lifetime.check()
            if threads not in self._lanes:
                lane = copy.copy(self)
                lane.threads = threads
                lane._begin([graph for graph in self.info.graphs if graph.role != "prior"])
                self._lanes[threads] = lane
            return self._lanes[threads]

    def _took(self, timings: dict[str, float]) -> None:
        self._last.timings = timings

    def _call(
        self, image: ImageLike, tile: int | None, look: Look, steady: bool = False, *, clip: bool = True
    ) -> Any:
        with self._lifetime.call(), self._buffers.lend() as planes:
            call = Call(planes, steady, clip=clip)
            pixels, rewrap = unwrap(image)
            if self.info.levels and pixels.dtype != np.uint8:
                pixels, rewrap = as_levels(self.info.name, pixels, rewrap, exact=not clip)
            result = rewrap(self._restore(call, pixels, tile, look))
            self._last.timings = call.finished()
        return result

    def _restore(self, call: Call, pixels: NDArray[Any], tile: int | None, look: Look) -> NDArray[Any]:
        if is_turned(self.info, pixels.shape[:2]):
            turned = self._restore(call, np.rot90(pixels), tile, look)
            return np.ascontiguousarray(np.rot90(turned, -1))
        scale = self.info.spec.scale
        height, width = pixels.shape[:2]
        padded = self.info.spec.size.padded(height, width)
        graph, window = fit(self.info, padded, tile)
        light = self._light(call, pixels, padded, look)
        result = np.empty((height * scale, width * scale, 3), pixels.dtype)
        # a graph of fixed sides reads on where a smaller image ends, by reflection
        if graph.shape is not None:
            padded = max(padded[0], window[0]), max(padded[1], window[1])
        for part in plan(padded, window, self.info.spec.aligned_halo):
            self._restore_window(call, graph, pixels, part, light, result)
        return result

    def _light(self, call: Call, pixels: NDArray[Any], padded: Size, look: Look) -> Light:
        """Let `look` run the prior of a split artifact; nothing for a whole one."""
        if self.info.prior is None:
            return Light()
        with call.stage("prior"):
            return look(pixels, padded)

    def _restore_window(
        self,
        call: Call,
        graph: GraphFile,
        pixels: NDArray[Any],
        part: Window,
        light: Light,
        result: NDArray[Any],
    ) -> None:
        levels = self.info.levels
        with call.stage("prepare"):
            image = given(call, pixels, part, levels=levels)
        with ExitStack() as until_kept:
            with call.stage("model"):
                session = self._steady(graph, part.size) if call.steady else self._session(graph)
                output = self._output(session, {"image": image, **light.feeds})
                restored = until_kept.enter_context(output)
            check_output(restored.shape, part.size, self.info.spec.scale, levels=levels)
            with call.stage("finish"):
                keep(call, part, restored, light, result, levels=levels)

    def _look(self, pixels: NDArray[Any], padded: Size) -> Light:
        """Run the prior on an image."""
        return Light({"z": self._z(self._thumbnail(pixels, padded))})

    def _thumbnail(self, pixels: NDArray[Any], padded: Size) -> NDArray[np.float32]:
        prior = self.info.prior
        assert prior is not None
        return thumbnail(pixels, padded, prior.thumbnail, prior.pool, deviation=prior.deviation)

    def _z(self, seen: NDArray[np.float32]) -> NDArray[np.float32]:
        graph = next(g for g in self.info.graphs if g.role == "prior")
        with self._output(self._session(graph), {"thumbnail": seen}) as output:
            # the output may be the backend's own memory, which the next run overwrites
            z: NDArray[np.float32] = output.copy()
        return z

    def _session(self, graph: GraphFile) -> Any:
        if graph not in self._sessions:
            self._lifetime.check()
        return self._sessions[graph]

    def _steady(self, graph: GraphFile, size: Size) -> Any:
        """Return the session for windows of a size that comes again; some backends have a faster one."""
        return self._session(graph)

    @classmethod
    def _chosen(cls, device: str) -> str:
        present = cls.devices()
        if not present:
            raise BackendError(f"the {cls.name} runtime finds no device on this machine")
        if device == "auto":
            return present[0]
        if device not in present:
            raise BackendError(
                f"device '{device}' is not available to the {cls.name} runtime; here: {', '.join(present)}"
            )
        return device

    def close(self) -> None:
        """Wait for the calls that run and let go of the sessions; calling the runtime afterwards is an error.

        In a process that was forked after loading it does nothing.
        """
        for lane in list(self._lanes.values()):
            lane.close()
        self._lifetime.close(self._release)

    def _release(self) -> None:
        """Let go of all that the backend holds; no call runs any more."""
        self._sessions.clear()
        self._buffers.clear()

    def __enter__(self: R) -> R:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<{type(self).__name__} '{self.info.name}' on {self.device}>"
