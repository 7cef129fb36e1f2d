"""What a benchmark writes: the device, the protocol and one row per measurement, as strict JSON.

Nothing but the standard library, and Python 3.10: the Jetson kit carries this very file. What is not known is
None or an empty mapping, never a guess; what was not measured is a row that says so.
"""

import json
import math
import types
from collections.abc import Mapping
from dataclasses import MISSING, asdict, dataclass, field, fields, is_dataclass
from pathlib import Path
from typing import Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

__all__ = [
    "SCHEMA_VERSION",
    "Cold",
    "Device",
    "Images",
    "Moment",
    "Peak",
    "Protocol",
    "RecordError",
    "Report",
    "Row",
    "Subject",
    "WarmUp",
    "Work",
    "json_schema",
]

SCHEMA_VERSION = 1
"""Goes up when a reader of the version before would misunderstand a report."""

T = TypeVar("T")
Status = Literal["measured", "not measured", "throttled", "failed"]


class RecordError(ValueError):
    """A report that does not keep to the schema; the message names the key."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Device:
    """What it ran on, and in which state it was before the start."""

    kind: Literal["host", "jetson", "apple"]
    name: str
    """Of the board or machine, as it calls itself."""
    soc: str | None = None
    cpu: str | None = None
    cores: int | None = None
    memory_bytes: int | None = None
    os: str | None = None
    kernel: str | None = None
    python: str | None = None
    libraries: Mapping[str, str] = field(default_factory=dict)
    """Versions by name."""
    l4t: str | None = None
    jetpack: str | None = None
    driver: str | None = None
    power_mode: str | None = None
    """Its name, never its number: numbers differ between boards."""
    power_source: str | None = None
    governor: str | None = None
    clocks_mhz: Mapping[str, float] = field(default_factory=dict)
    clocks_locked: bool | None = None
    temperatures_c: Mapping[str, float] = field(default_factory=dict)
    load: float | None = None
    """Of the last minute, as the system counts it."""
    memory_free_bytes: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Images:
    """What the networks were shown."""

    count: int
    sha256: str
    """Of the pixels of all of them, in order."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Protocol:
    """How it was measured."""

    threads: int | None
    """CPU threads; None leaves them to the backend."""
    duration_s: float
    """Least time that the timed runs of a row take together."""
    least_runs: int
    least_warm_up_s: float
    stable_within: float
    """Share by which the median of the last ten runs may differ from that of the ten before."""
    warm_up_cap_s: float
    pause_s: float
    """Rest before each run."""
    confidence: float
    """Of intervals, 0 to 1."""
    resamples: int
    """Of the bootstrap that intervals come from."""
    images: Images | None = None
    anchor: str | None = None
    """What `Row.anchor_ms` timed; two reports can be compared by it only where this is the same."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """What was measured: the very files, by hash, whose quality is known too."""

    name: str
    target: str
    precision: str
    form: str
    files: Mapping[str, str] = field(default_factory=dict)
    """sha256 by path inside the artifact."""
    weights_sha256: str | None = None
    bytes: int | None = None
    """Of the native files."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cold:
    """What happens once, apart from the rest."""

    load_ms: float
    """Opening the artifact and making it ready, compilation included where the backend does it then."""
    build_ms: float | None = None
    """Of the engine, where that is a step of its own."""
    first_ms: float | None = None
    """The first restored image."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WarmUp:
    """The runs before those that count."""

    seconds: float
    runs: int
    stable: bool
    """False where the cap came first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """What one image asks of the machine, counted from the graph."""

    macs: int
    """Multiply-adds."""
    bytes_moved: int
    """Of each layer that multiplies and adds: its input, weights and output once, all else fused into it."""
    weight_bytes: int
    """Those of `bytes_moved` that are constants of the graph."""
    int8_macs: int = 0
    """Those of `macs` whose factors have 8 bits."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """One second of a sustained run."""

    seconds: float
    """Since its start."""
    ms: float
    """Median time of an image within it."""
    temperature_c: float | None = None
    clock_mhz: float | None = None
    power_mw: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One subject in one shape, on one device in one power mode."""

    subject: Subject
    runtime: str
    provider: str | None = None
    """What really ran, with its version."""
    device: str | None = None
    """Device or compute unit of the runtime."""
    power_mode: str | None = None
    shape: tuple[int, int]
    """Height and width of the image."""
    status: Status
    reason: str = ""
    """Why it was not measured, or what spoils the measurement."""
    cold: Cold | None = None
    warm_up: WarmUp | None = None
    model_ms: tuple[float, ...] = ()
    """The backend's share of each run, all samples, in order."""
    total_ms: tuple[float, ...] = ()
    """8-bit image in, 8-bit image out: all samples, in order."""
    anchor_ms: tuple[float, ...] = ()
    """A fixed workload that took turns with it: what tells a slower machine from a slower artifact."""
    stages_ms: Mapping[str, float] = field(default_factory=dict)
    """Medians by stage."""
    memory_peak_bytes: int | None = None
    energy_mj: float | None = None
    """Per image, from the rails that the device measures."""
    work: Work | None = None
    sustained: tuple[Moment, ...] = ()
    quality: Mapping[str, float] = field(default_factory=dict)
    """Of these very files, in dB: ``psnr`` of the images at this size against their clean originals,
    ``psnr_to_float32`` against the float32 network, as the artifact was verified."""
    modules_ms: Mapping[str, float] = field(default_factory=dict)
    """Time by module of the source, where the run was profiled."""

    def __post_init__(self) -> None:
        """Raise `RecordError` for a row that claims more, or less, than it holds."""
        if self.status in ("measured", "throttled") and not self.total_ms:
            raise RecordError(f"a row whose status is '{self.status}' has samples, and this has none")
        if self.status in ("not measured", "failed") and not self.reason:
            raise RecordError(f"a row whose status is '{self.status}' says why in reason, and this does not")
        if self.status == "not measured" and (self.total_ms or self.model_ms):
            raise RecordError("a row that was not measured has no samples, and this has some")
        if self.model_ms and len(self.model_ms) != len(self.total_ms):
            raise RecordError(
                "model_ms and total_ms are of the same runs, "
                f"got {len(self.model_ms)} and {len(self.total_ms)}"
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class Peak:
    """What this machine can do at best, measured in the same session."""

    threads: int
    fp32_gmacs_per_s: float | None = None
    int8_gmacs_per_s: float | None = None
    bandwidth_gb_per_s: float | None = None
    """10⁹ bytes a second."""
    how: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """A whole session."""

    created: str
    """UTC, ISO 8601."""
    toolkit_version: str
    device: Device
    protocol: Protocol
    rows: tuple[Row, ...]
    peak: Peak | None = None
    schema_version: int = SCHEMA_VERSION

    def to_json(self) -> str:
        """Return strict JSON; raises `RecordError` for a number that is not finite."""
        data = asdict(self)
        # json would refuse it as well, without saying where it is
        _finite(data, "report")
        return json.dumps(data, separators=(",", ":"), sort_keys=True, allow_nan=False) + "\n"

    @classmethod
    def from_json(cls, text: str) -> "Report":
        """Read a report; raises `RecordError` naming what is wrong with it."""
        try:
            # json takes NaN and Infinity, which are no JSON
            data = json.loads(text, parse_constant=_no_constant)
        except ValueError as error:
            raise RecordError(f"not strict JSON: {error}") from error
        version = data.get("schema_version") if isinstance(data, dict) else None
        # before anything is read: keys that are new would be blamed otherwise
        if isinstance(version, int) and version > SCHEMA_VERSION:
            raise RecordError(
                f"schema_version is {version}, this version of restorect_edge reads up to {SCHEMA_VERSION}"
            )
        report: Report = _read(cls, data, "report")
        return report

    @classmethod
    def open(cls, path: Path | str) -> "Report":
        """Read a report file; raises `RecordError` naming file and key."""
        try:
            return cls.from_json(Path(path).read_text(encoding="utf-8"))
        except RecordError as error:
            raise RecordError(f"'{path}': {error}") from error


def json_schema() -> dict[str, Any]:
    """Return the JSON Schema (draft 2020-12) of a report, made from the dataclasses."""
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **_schema(Report)}


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is no JSON number")


def _finite(value: Any, key: str) -> None:
    if isinstance(value, float) and not math.isfinite(value):
        raise RecordError(f"{key} is {value}, which is no JSON number")
    if isinstance(value, dict):
        for name, item in value.items():
            _finite(item, f"{key}.{name}")
    elif isinstance(value, (list, tuple)):
        for index, item in enumerate(value):
            _finite(item, f"{key}[{index}]")


def _read(kind: Any, value: Any, key: str) -> Any:
    """Return `value` as an object of type `kind`, or raise `RecordError` naming `key`."""
    origin, args = get_origin(kind), get_args(kind)
    if is_dataclass(kind):
        return _read_dataclass(kind, value, key)
    if origin in (Union, types.UnionType):
        # every union here is of one type and None
        return None if value is None else _read(next(a for a in args if a is not type(None)), value, key)
    if origin is Literal:
        return _checked(value in args, value, key, " or ".join(map(repr, args)))
    if origin is tuple:
        return _read_tuple(args, value, key)
    if origin is not None:
        _checked(isinstance(value, dict), value, key, "an object")
        return {name: _read(args[1], item, f"{key}.{name}") for name, item in value.items()}
    # by the exact type: true is an int to Python, and no number in JSON
    if kind is float:
        return float(_checked(type(value) in (int, float), value, key, "a number"))
    return _checked(
        type(value) is kind, value, key, {str: "a string", int: "an integer"}.get(kind, "a boolean")
    )


def _read_dataclass(kind: Any, value: Any, key: str) -> Any:
    _checked(isinstance(value, dict), value, key, "an object")
    hints, known = get_type_hints(kind), {f.name: f for f in fields(kind)}
    for name in value.keys() - known.keys():
        raise RecordError(f"unknown key {key}.{name}; known: {', '.join(known)}")
    for name, f in known.items():
        if name not in value and f.default is MISSING and f.default_factory is MISSING:
            raise RecordError(f"{key}.{name} is missing")
    values = {name: _read(hints[name], item, f"{key}.{name}") for name, item in value.items()}
    try:
        return kind(**values)
    except RecordError as error:
        raise RecordError(f"{key}: {error}") from error


def _read_tuple(args: tuple[Any, ...], value: Any, key: str) -> tuple[Any, ...]:
    _checked(isinstance(value, list), value, key, "an array")
    if args[-1] is not Ellipsis:
        _checked(len(value) == len(args), value, key, f"an array of {len(args)}")
    return tuple(_read(args[0], item, f"{key}[{index}]") for index, item in enumerate(value))


def _checked(fits: bool, value: T, key: str, wanted: str) -> T:
    if not fits:
        raise RecordError(f"{key} must be {wanted}, got {str(value)[:60]!r}")
    return value


def _schema(kind: Any) -> dict[str, Any]:
    origin, args = get_origin(kind), get_args(kind)
    if is_dataclass(kind):
        hints = get_type_hints(kind)
        needed = [f.name for f in fields(kind) if f.default is MISSING and f.default_factory is MISSING]
        properties = {f.name: _schema(hints[f.name]) for f in fields(kind)}
        return {
            "type": "object",
            "properties": properties,
            "required": needed,
            "additionalProperties": False,
        }
    if origin in (Union, types.UnionType):
        return {"anyOf": [_schema(next(a for a in args if a is not type(None))), {"type": "null"}]}
    if origin is Literal:
        return {"enum": list(args)}
    if origin is tuple:
        size = {} if args[-1] is Ellipsis else {"minItems": len(args), "maxItems": len(args)}
        return {"type": "array", "items": _schema(args[0]), **size}
    if origin is not None:
        return {"type": "object", "additionalProperties": _schema(args[1])}
    return {"type": {str: "string", int: "integer", float: "number", bool: "boolean"}[kind]}
