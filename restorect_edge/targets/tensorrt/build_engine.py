#!/usr/bin/env python3
"""Build a TensorRT engine from each ONNX file beside this script, on the machine that will run it.

    python3 build_engine.py            # every .onnx here -> .engine, rebuilt only when it has to be

Needs Python 3.8 or later and a TensorRT module, nothing else: JetPack's own Python (JetPack 6.1 and
later) with TensorRT 10 or 11, or the `tensorrt_rtx_bindings` of TensorRT-RTX on a PC. An engine only
fits the GPU, TensorRT and ONNX file it was built from, so they are written to `<stem>.engine.json`
beside it, and compared before the engine is used. Precision is in the graph (strongly typed network).

With TensorRT-RTX and `--compute-capability 8.6 8.9` no GPU is needed: the engine is built ahead of time.

Exit codes: 0 done, 1 wrong usage, 3 TensorRT is missing, 4 the ONNX file or TensorRT does not fit,
5 TensorRT failed or there is no GPU.
"""

from __future__ import annotations

import argparse
import ctypes
import glob
import hashlib
import importlib
import json
import os
import re
import sys
import time
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import Any, Callable, Dict, Iterator, List, NamedTuple, NoReturn, Optional, Sequence, Tuple

__all__ = [
    "BuildOptions", "Built", "EngineError", "EngineFile", "Gpu", "build", "engine_key", "ensure_engine",
    "error_log", "jetpack_of", "load_tensorrt", "logger_of", "main", "parse_l4t", "parse_shapes", "product",
    "read_gpu", "read_l4t", "sidecar_of", "why_stale", "write_atomically",
]  # fmt: skip

USAGE, MISSING, INCOMPATIBLE, BACKEND = 1, 3, 4, 5
MODULES = ("tensorrt", "tensorrt_rtx_bindings")
DRIVER = "libcuda.so.1"
L4T_FILE = "/etc/nv_tegra_release"
JETPACKS = {"34": "5", "35": "5", "36": "6", "38": "7", "39": "7"}
SMALLEST, USUAL, LARGEST = (1, 1), (1080, 1920), (2048, 2048)
"""Heights and widths that the engine of a graph of dynamic shape is built for unless told otherwise."""

Shape = Tuple[int, int]
Profile = Tuple[Shape, Shape, Shape]
Key = Dict[str, Optional[str]]


class EngineError(Exception):
    """A build that cannot go on; `exit_code` is 1 (usage), 3, 4 or 5 as in the head of this file."""

    def __init__(self, message: str, exit_code: int) -> None:
        super().__init__(message)
        self.exit_code = exit_code


class Gpu(NamedTuple):
    """The GPU and driver of this machine."""

    name: str
    compute_capability: str
    cuda: str
    """Newest CUDA version that the driver supports."""


@dataclass(frozen=True)
class BuildOptions:
    """How to build, besides what the graph says."""

    profile: Optional[Profile] = None
    """Smallest, usual and largest (height, width) of a graph of dynamic shape; None: the defaults."""
    compute_capabilities: Tuple[str, ...] = ()
    """Build ahead of time for these, such as ``8.6`` (TensorRT-RTX only); empty: for the GPU here."""
    workspace_mib: Optional[int] = None
    """Limit on scratch memory; None leaves it to TensorRT."""
    timing_cache: Optional[str] = None
    """File that keeps kernel timings between builds."""


class Built(NamedTuple):
    """A serialized engine and how it came about."""

    plan: bytes
    layers: int
    """Layers of the parsed network."""
    seconds: float
    parser_warnings: List[str]
    builder_warnings: List[str]


@dataclass(frozen=True)
class EngineFile:
    """An engine on disk that fits its ONNX file and this machine."""

    onnx: str
    engine: str
    status: str
    """``built`` or ``current``."""
    reason: Optional[str]
    """Why it was built."""
    bytes: int
    key: Key
    layers: Optional[int] = None
    seconds: Optional[float] = None
    warnings: Tuple[str, ...] = ()


# The machine


def load_tensorrt(name: Optional[str] = None) -> Any:
    """Import `name`, or the first of `MODULES` that is there; TensorRT before 10 is refused."""
    failures = []
    for candidate in (name,) if name else MODULES:
        try:
            module = importlib.import_module(candidate)
        except ImportError as error:
            failures.append(f"{candidate}: {error}")
            continue
        if hasattr(module, "OnnxParser") and hasattr(module, "__version__"):
            return _supported(module)
        failures.append(f"{candidate}: has no OnnxParser")
    if read_l4t() is not None:
        mend = (
            "JetPack brings it for the system's Python: sudo apt-get install python3-libnvinfer, and create "
            "virtual environments with --system-site-packages"
        )
    else:
        mend = "pip install tensorrt-rtx-cu12-bindings tensorrt-rtx-cu12-libs, or NVIDIA's TensorRT 10 or 11"
    raise EngineError(f"no TensorRT module for {sys.executable} ({'; '.join(failures)}): {mend}", MISSING)


def _supported(module: Any) -> Any:
    if not _is_rtx(module) and int(module.__version__.split(".")[0]) < 10:
        raise EngineError(
            f"{product(module)} is too old: 10 or 11 is needed; JetPack 6.1 and later bring one", INCOMPATIBLE
        )
    return module


def _is_rtx(trt: Any) -> bool:
    return "rtx" in trt.__name__


def product(trt: Any) -> str:
    """Return the library's name and version, such as ``TensorRT 10.3.0``."""
    return f"TensorRT{'-RTX' if _is_rtx(trt) else ''} {trt.__version__}"


def read_gpu(ordinal: int = 0) -> Gpu:
    """Ask the NVIDIA driver for a GPU's name, compute capability and CUDA version."""
    try:
        driver = ctypes.CDLL(DRIVER)
    except OSError as error:
        raise EngineError(f"there is no NVIDIA GPU driver on this machine ({error})", BACKEND) from None

    def call(function: str, *arguments: Any) -> None:
        status = getattr(driver, function)(*arguments)
        if status != 0:
            raise EngineError(f"there is no usable NVIDIA GPU: {function} gave CUDA error {status}", BACKEND)

    device, major, minor, version = (ctypes.c_int() for _ in range(4))
    name = ctypes.create_string_buffer(256)
    call("cuInit", ctypes.c_uint(0))
    call("cuDeviceGet", ctypes.byref(device), ctypes.c_int(ordinal))
    call("cuDeviceGetName", name, ctypes.c_int(len(name)), device)
    # 75 and 76: CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR and _MINOR
    call("cuDeviceGetAttribute", ctypes.byref(major), ctypes.c_int(75), device)
    call("cuDeviceGetAttribute", ctypes.byref(minor), ctypes.c_int(76), device)
    call("cuDriverGetVersion", ctypes.byref(version))
    return Gpu(
        name.value.decode("utf-8", "replace"),
        f"{major.value}.{minor.value}",
        f"{version.value // 1000}.{version.value % 1000 // 10}",
    )


def parse_l4t(text: str) -> Optional[str]:
    """Return the Jetson Linux version of an `/etc/nv_tegra_release`, such as ``36.4.3``; None if none."""
    found = re.search(r"^#\s*R(\d+)\s*\(release\)\s*,\s*REVISION:\s*(\d+(?:\.\d+)*)", text, re.MULTILINE)
    return f"{found.group(1)}.{found.group(2)}" if found else None


def jetpack_of(l4t: Optional[str]) -> Optional[str]:
    """Return the major JetPack version that an L4T version belongs to; None if it is not known."""
    return JETPACKS.get(l4t.split(".")[0]) if l4t else None


def read_l4t() -> Optional[str]:
    """Return this machine's Jetson Linux version; None if it is no Jetson."""
    try:
        with open(L4T_FILE, encoding="utf-8", errors="replace") as stream:
            return parse_l4t(stream.read())
    except OSError:
        return None


# The key

LABELS = {
    "gpu": "GPU",
    "compute_capability": "compute capability",
    "tensorrt": "TensorRT",
    "jetpack": "JetPack",
    "l4t": "Jetson Linux",
    "cuda": "CUDA",
    "onnx_sha256": "ONNX file",
    "profile": "--shapes",
}


def engine_key(trt: Any, onnx: str, options: BuildOptions) -> Key:
    """Return all that an engine depends on: this GPU (or the ones asked for), software, ONNX and shapes."""
    ahead = options.compute_capabilities
    try:
        gpu = None if ahead else read_gpu()
    except EngineError as error:
        raise EngineError(
            f"{error}: build the engine on the device that runs it, or ahead of time with TensorRT-RTX and "
            "--compute-capability",
            error.exit_code,
        ) from None
    l4t = None if ahead else read_l4t()
    return {
        "gpu": gpu.name if gpu else None,
        "compute_capability": gpu.compute_capability if gpu else ",".join(ahead),
        "tensorrt": product(trt),
        "jetpack": jetpack_of(l4t),
        "l4t": l4t,
        "cuda": gpu.cuda if gpu else None,
        "onnx_sha256": _sha256(onnx),
        "profile": ",".join(f"{h}x{w}" for h, w in options.profile) if options.profile else None,
    }


def sidecar_of(engine: str) -> str:
    """Return the path of the file that says what an engine was built for."""
    return f"{engine}.json"


def why_stale(engine: str, key: Key, ignore: Sequence[str] = ()) -> Optional[str]:
    """Return why `engine` cannot be used as it is, or None if it can; the engine is not deserialized.

    Args:
        engine: path of the engine; its sidecar is beside it.
        key: what it must have been built for, from `engine_key`.
        ignore: entries of the key that need not agree.
    """
    if not os.path.isfile(engine):
        return f"there is no {os.path.basename(engine)} yet"
    try:
        with open(sidecar_of(engine), encoding="utf-8") as stream:
            record = json.load(stream)
        built, digest = dict(record["key"]), str(record["engine_sha256"])
    except (OSError, ValueError, KeyError, TypeError):
        return f"its record {os.path.basename(sidecar_of(engine))} is missing or damaged"
    differing = [entry for entry in key if entry not in ignore and built.get(entry) != key[entry]]
    if differing:
        return "it was built for " + "; ".join(
            f"{LABELS[entry]} {_short(entry, built.get(entry))}, now it is {_short(entry, key[entry])}"
            for entry in differing
        )
    if _sha256(engine) != digest:
        return f"{os.path.basename(engine)} was changed after it was built"
    return None


def _short(entry: str, value: Optional[str]) -> str:
    if value is None:
        return "none"
    return f"{value[:12]}…" if entry == "onnx_sha256" else f"'{value}'"


def _sha256(path: str) -> str:
    digest = hashlib.sha256()
    try:
        with open(path, "rb") as stream:
            for block in iter(lambda: stream.read(1 << 20), b""):
                digest.update(block)
    except OSError as error:
        raise EngineError(f"cannot read '{path}': {error.strerror}", USAGE) from None
    return digest.hexdigest()


class _Manifest(NamedTuple):
    hashes: Dict[str, str]
    smallest: int
    multiple: int


def _manifest(onnx: str) -> _Manifest:
    """Return what the artifact's manifest beside an ONNX file says, or the defaults if there is none."""
    path = os.path.join(os.path.dirname(os.path.abspath(onnx)), "manifest.json")
    try:
        with open(path, encoding="utf-8") as stream:
            manifest = json.load(stream)
        size = manifest["spec"]["size"]
        hashes = {str(name): str(digest) for name, digest in manifest["files"].items()}
        sides = [int(size[key]) for key in ("minimum", "multiple_of")]
        if not all(1 <= side <= 4096 for side in sides):  # the bounds of spec/manifest.schema.json
            raise ValueError(f"sides of {sides}")
        return _Manifest(hashes, sides[0], sides[1])
    except FileNotFoundError:
        return _Manifest({}, 1, 8)
    except (OSError, ValueError, KeyError, TypeError, AttributeError, OverflowError, RecursionError) as error:
        raise EngineError(f"'{path}' is damaged: {error!r}; copy the artifact again", INCOMPATIBLE) from None


def check_manifest(onnx: str, digest: str) -> None:
    """Raise `EngineError` if a manifest beside the ONNX file records another sha256 for it."""
    expected = _manifest(onnx).hashes.get(os.path.basename(onnx), digest)
    if expected != digest:
        raise EngineError(
            f"'{onnx}' is not the file of this artifact: sha256 {digest[:12]}…, manifest.json says "
            f"{expected[:12]}…; copy the artifact again",
            INCOMPATIBLE,
        )


# The build

_LOGGERS: Dict[str, Any] = {}


def logger_of(trt: Any) -> Any:
    """Return this process's one logger: TensorRT keeps the first it is given and complains of others."""
    if trt.__name__ not in _LOGGERS:

        class Log(trt.ILogger):  # type: ignore[misc]
            def __init__(self) -> None:
                trt.ILogger.__init__(self)
                self.records: List[Tuple[str, str]] = []
                self.verbose = False

            def log(self, severity: Any, message: str) -> None:
                level = str(severity).rsplit(".", 1)[-1]
                if level not in ("VERBOSE", "INFO"):
                    self.records.append((level, message))
                if self.verbose and level != "VERBOSE":
                    print(f"[{level}] {message}", file=sys.stderr)

        _LOGGERS[trt.__name__] = Log()
    return _LOGGERS[trt.__name__]


def error_log(trt: Any) -> str:
    """Return the errors that TensorRT logged since the last build or `records.clear()`."""
    found = [message for level, message in logger_of(trt).records if level != "WARNING"]
    return "; ".join(found) or "it gives no reason; --verbose shows its messages"


def _take_warnings(log: Any) -> List[str]:
    found = [message for level, message in log.records if level == "WARNING"]
    log.records.clear()
    return found


def build(trt: Any, onnx: str, options: BuildOptions) -> Built:
    """Parse an ONNX file and build its engine.

    Raises:
        EngineError: 4 if TensorRT cannot parse the file, 5 if it cannot build the engine.
    """
    started = time.monotonic()
    log = logger_of(trt)
    log.records.clear()
    try:
        builder = trt.Builder(log)
    except TypeError:  # pybind11: the factory returned nothing
        raise EngineError(f"{product(trt)} does not start: {error_log(trt)}", BACKEND) from None
    network = builder.create_network(_network_flags(trt))
    parser = trt.OnnxParser(network, log)
    _parse(trt, parser, network, onnx)
    parser_warnings = _take_warnings(log)
    config = _configure(trt, builder, network, onnx, options)
    with _stdout_kept_clean():
        plan = builder.build_serialized_network(network, config)
    if plan is None:
        raise EngineError(f"{product(trt)} cannot build an engine from '{onnx}': {error_log(trt)}", BACKEND)
    _save_timing_cache(config, options.timing_cache)
    seconds = round(time.monotonic() - started, 3)
    return Built(bytes(memoryview(plan)), network.num_layers, seconds, parser_warnings, _take_warnings(log))


@contextmanager
def _stdout_kept_clean() -> Iterator[None]:
    """Send standard output to standard error: TensorRT's compiler writes there past every logger."""
    sys.stdout.flush()
    try:
        kept = os.dup(1)
    except OSError:  # a process without standard output
        yield
        return
    os.dup2(2, 1)
    try:
        yield
    finally:
        ctypes.CDLL(None).fflush(None)
        os.dup2(kept, 1)
        os.close(kept)


def _network_flags(trt: Any) -> int:
    """Return the flag for a strongly typed network; where the flag is gone, every network is one."""
    flag = getattr(getattr(trt, "NetworkDefinitionCreationFlag", None), "STRONGLY_TYPED", None)
    return 0 if flag is None else 1 << int(flag)


def _parse(trt: Any, parser: Any, network: Any, onnx: str) -> None:
    parsed = parser.parse_from_file(onnx)
    errors = [_parser_error(parser.get_error(i)) for i in range(parser.num_errors)]
    if not parsed or errors:
        causes = "; ".join(errors) or error_log(trt)
        raise EngineError(f"{product(trt)} cannot parse '{onnx}': {causes}", INCOMPATIBLE)
    if network.num_layers == 0 or network.num_outputs == 0:  # what is no ONNX can parse without an error
        raise EngineError(f"'{onnx}' holds no ONNX graph; copy or export it again", INCOMPATIBLE)


def _parser_error(error: Any) -> str:
    def ask(attribute: str) -> str:
        method = getattr(error, attribute, None)
        return str(method()) if callable(method) else ""

    code, operator, node = ask("code").rsplit(".", 1)[-1], ask("node_operator"), ask("node_name")
    where = f" at {operator} '{node or error.node()}'" if operator else ""
    return f"{code}{where}: {ask('desc')}"


def _configure(trt: Any, builder: Any, network: Any, onnx: str, options: BuildOptions) -> Any:
    config = builder.create_builder_config()
    tf32 = getattr(trt.BuilderFlag, "TF32", None)
    if tf32 is not None:
        config.clear_flag(tf32)  # float32 in the graph means float32, not ten bits of mantissa
    if options.workspace_mib is not None:
        config.set_memory_pool_limit(trt.MemoryPoolType.WORKSPACE, options.workspace_mib << 20)
    if options.compute_capabilities:
        _aim(trt, config, options.compute_capabilities)
    if options.timing_cache:
        _load_timing_cache(trt, config, options.timing_cache)
    _add_profile(builder, network, config, onnx, options.profile)
    return config


def _aim(trt: Any, config: Any, compute_capabilities: Sequence[str]) -> None:
    known = getattr(getattr(trt, "ComputeCapability", None), "__members__", None)
    if known is None:
        raise EngineError(f"{product(trt)} builds only for the GPU here; drop --compute-capability", USAGE)
    config.num_compute_capabilities = len(compute_capabilities)
    for index, capability in enumerate(compute_capabilities):
        member = known.get("SM" + capability.replace(".", ""))
        if member is None:
            has = ", ".join(f"{name[2:-1]}.{name[-1]}" for name in known if name.startswith("SM"))
            raise EngineError(f"{product(trt)} has no compute capability '{capability}'; it has {has}", USAGE)
        config.set_compute_capability(member, index)


def _add_profile(builder: Any, network: Any, config: Any, onnx: str, profile: Optional[Profile]) -> None:
    inputs = [network.get_input(i) for i in range(network.num_inputs)]
    free = [tensor for tensor in inputs if any(side < 0 for side in tensor.shape)]
    if not free:
        return
    chosen = builder.create_optimization_profile()
    for tensor in free:
        shape = tuple(tensor.shape)
        if len(shape) != 4 or shape[0] < 0 or shape[1] < 0:
            raise EngineError(
                f"input '{tensor.name}' of '{onnx}' has shape {shape}: only height and width of an "
                "(N, C, H, W) input may be free",
                INCOMPATIBLE,
            )
        chosen.set_shape(tensor.name, *((*shape[:2], *sides) for sides in profile or default_profile(onnx)))
    config.add_optimization_profile(chosen)


def default_profile(onnx: str) -> Profile:
    """Return the shapes for a graph of dynamic shape: from the smallest that its artifact takes."""
    _, smallest, multiple = _manifest(onnx)

    def fit(side: int) -> int:
        return max(-(-smallest // multiple), side // multiple) * multiple

    low, usual, high = ((fit(height), fit(width)) for height, width in (SMALLEST, USUAL, LARGEST))
    return low, usual, high


def _load_timing_cache(trt: Any, config: Any, path: str) -> None:
    if _is_rtx(trt):
        raise EngineError(f"{product(trt)} times no kernels when it builds; drop --timing-cache", USAGE)
    blob = b""
    if os.path.isfile(path):
        with open(path, "rb") as stream:
            blob = stream.read()
    if not config.set_timing_cache(config.create_timing_cache(blob), False):
        # of another GPU or version: start anew
        config.set_timing_cache(config.create_timing_cache(b""), False)


def _save_timing_cache(config: Any, path: Optional[str]) -> None:
    if path:
        write_atomically(path, bytes(memoryview(config.get_timing_cache().serialize())))


def write_atomically(path: str, content: bytes) -> None:
    """Write a file so that it is there whole or not at all."""
    temporary = f"{path}.{os.getpid()}.tmp"
    try:
        with open(temporary, "wb") as stream:
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())
        os.replace(temporary, path)
    except OSError as error:
        if os.path.exists(temporary):
            os.remove(temporary)
        raise EngineError(
            f"cannot write '{path}': {error.strerror}; free space, or choose another place (--output)", USAGE
        ) from None


def ensure_engine(
    trt: Any,
    onnx: str,
    engine: str,
    options: BuildOptions,
    *,
    rebuild: bool = False,
    ignore: Sequence[str] = (),
    notify: Callable[[str], None] = lambda message: None,
) -> EngineFile:
    """Return the engine of an ONNX file, built or rebuilt if it has to be, after a word to `notify`."""
    key = engine_key(trt, onnx, options)
    check_manifest(onnx, str(key["onnx_sha256"]))
    reason = "a rebuild was asked for" if rebuild else why_stale(engine, key, ignore)
    if reason is None:
        return EngineFile(onnx, engine, "current", None, os.path.getsize(engine), key)
    notify(f"building {os.path.basename(engine)}: {reason}")
    built = build(trt, onnx, options)
    warnings = (*built.parser_warnings, *built.builder_warnings)
    size, digest = len(built.plan), hashlib.sha256(built.plan).hexdigest()
    record = {"key": key, "engine_sha256": digest, "layers": built.layers, "seconds": built.seconds}
    write_atomically(engine, built.plan)
    write_atomically(sidecar_of(engine), (json.dumps(record, indent=2) + "\n").encode())
    return EngineFile(onnx, engine, "built", reason, size, key, built.layers, built.seconds, warnings)


# The command line


def parse_shapes(text: str) -> Profile:
    """Read ``HxW`` (one size), ``HxW,HxW`` (smallest, largest) or ``HxW,HxW,HxW`` (and the usual between)."""
    sizes = []
    for part in text.lower().split(","):
        found = re.match(r"^\s*([1-9]\d*)x([1-9]\d*)\s*$", part)
        if not found:
            raise EngineError(f"--shapes '{text}' is not one to three HxW such as 720x1280", USAGE)
        sizes.append((int(found.group(1)), int(found.group(2))))
    if len(sizes) > 3:
        raise EngineError(f"--shapes '{text}' has {len(sizes)} sizes; one to three are allowed", USAGE)
    low, usual, high = sizes[0], sizes[len(sizes) // 2], sizes[-1]
    if not (low[0] <= usual[0] <= high[0] and low[1] <= usual[1] <= high[1]):
        raise EngineError(f"--shapes '{text}' must go from the smallest size to the largest", USAGE)
    return low, usual, high


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise EngineError(f"{message}; see --help", USAGE)


def _arguments(argv: Optional[Sequence[str]]) -> argparse.Namespace:
    description = "Build a TensorRT engine from each ONNX file beside this script, for this machine."
    parser = _Parser(description=description)
    add = parser.add_argument
    add("--onnx", nargs="+", metavar="FILE", help="ONNX files (default: all beside this script)")
    add("--output", metavar="FILE", help="engine to write (default: beside the ONNX file)")
    add("--rebuild", action="store_true", help="build even if the engine is current")
    shapes = "sizes for graphs of dynamic shape: one; smallest and largest; or smallest, usual, largest"
    add("--shapes", metavar="HxW[,HxW[,HxW]]", help=shapes)
    add("--workspace-mib", type=int, metavar="N", help="limit TensorRT's scratch memory")
    add("--timing-cache", metavar="FILE", help="keep kernel timings between builds")
    add("--tensorrt-module", metavar="NAME", help=f"default: {', else '.join(MODULES)}")
    ahead = "build ahead of time, without a GPU (TensorRT-RTX)"
    add("--compute-capability", nargs="+", default=[], metavar="N.N", help=ahead)
    add("--json", action="store_true", help="print one JSON object on standard output")
    add("--verbose", action="store_true", help="show TensorRT's messages")
    return parser.parse_args(argv)


def _sources(arguments: argparse.Namespace) -> List[str]:
    here = os.path.dirname(os.path.abspath(__file__))
    sources = arguments.onnx or sorted(glob.glob(os.path.join(glob.escape(here), "*.onnx")))
    if not sources:
        raise EngineError(f"no .onnx file in '{here}'; name one with --onnx", USAGE)
    if arguments.output and len(sources) > 1:
        raise EngineError(f"--output is for one ONNX file, not {len(sources)}; choose with --onnx", USAGE)
    if arguments.workspace_mib is not None and arguments.workspace_mib < 1:
        raise EngineError(f"--workspace-mib must be at least 1, got {arguments.workspace_mib}", USAGE)
    return sources


def _run(argv: Optional[Sequence[str]]) -> None:
    arguments = _arguments(argv)
    sources = _sources(arguments)
    options = BuildOptions(
        parse_shapes(arguments.shapes) if arguments.shapes else None,
        tuple(arguments.compute_capability),
        arguments.workspace_mib,
        arguments.timing_cache,
    )
    trt = load_tensorrt(arguments.tensorrt_module)
    logger_of(trt).verbose = arguments.verbose
    made = [_ensure(trt, onnx, options, arguments) for onnx in sources]
    if arguments.json:
        print(json.dumps({"engines": [asdict(engine) for engine in made]}))
    else:
        print("\n".join(engine.engine for engine in made))


def _ensure(trt: Any, onnx: str, options: BuildOptions, arguments: argparse.Namespace) -> EngineFile:
    engine = arguments.output or os.path.splitext(onnx)[0] + ".engine"
    made = ensure_engine(trt, onnx, engine, options, rebuild=arguments.rebuild, notify=_say)
    for warning in made.warnings:
        _say(f"warning: {warning}")
    return made


def _say(message: str) -> None:
    print(message, file=sys.stderr, flush=True)


def main(argv: Optional[Sequence[str]] = None) -> int:
    """Run the command line and return its exit code."""
    try:
        _run(argv)
    except EngineError as error:
        _say(f"error: {error}")
        return error.exit_code
    return 0


if __name__ == "__main__":
    # No module is beside this script, but a file there could pass for one, such as tensorrt.py.
    _here = os.path.dirname(os.path.abspath(__file__))
    sys.path[:] = [path for path in sys.path if os.path.abspath(path) != _here]
    sys.exit(main())
