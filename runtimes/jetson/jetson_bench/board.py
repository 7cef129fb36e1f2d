"""Which board this is, and in which state."""

import json
import os
import platform
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jetson_bench.parse import Clocks, Sample, parse_jetpack
from jetson_bench.power import Power
from jetson_bench.system import System

from restorect_edge.bench.measure.record import Device
from restorect_edge.errors import IncompatibleError
from restorect_edge.targets.tensorrt.build_engine import Gpu, jetpack_of, parse_l4t, product

__all__ = ["Profile", "describe", "find_profile", "require_jetpack"]

BOARDS = Path(__file__).resolve().parents[1] / "boards.json"
RELEASE = "etc/nv_tegra_release"
KNOWN = ("6", "7")


@dataclass(frozen=True, slots=True)
class Profile:
    """A row of boards.json: what differs between modules."""

    name: str
    compatible: tuple[str, ...] = ()
    soc: str | None = None
    compute_capability: str | None = None
    memory_gb: int | None = None
    dla_cores: int | None = None
    jetpacks: tuple[str, ...] = KNOWN
    power_modes: dict[str, tuple[str, ...]] | None = None
    rails: tuple[tuple[str, ...], ...] = ()

    def total_rails(self, sample: Sample) -> tuple[str, ...]:
        """Return the rails whose sum is the module's power, of those that a line of tegrastats has."""
        return next((rails for rails in self.rails if set(rails) <= sample.rails_mw.keys()), ())


def profiles() -> list[Profile]:
    """Read boards.json."""
    rows: list[dict[str, Any]] = json.loads(BOARDS.read_text(encoding="utf-8"))["boards"]
    return [Profile(**{key: _frozen(value) for key, value in row.items()}) for row in rows]


def _frozen(value: Any) -> Any:
    if isinstance(value, list):
        return tuple(map(_frozen, value))
    return {key: _frozen(item) for key, item in value.items()} if isinstance(value, dict) else value


def find_profile(system: System) -> Profile:
    """Return the profile of this board, or one that knows its name alone: power is then not summed."""
    compatible = (system.text("proc/device-tree/compatible") or "").split()
    # carrier and module are joined by a plus; with Super modes a module is still the same
    modules = {part.split("+")[-1].removeprefix("nvidia,").removesuffix("-super") for part in compatible}
    for profile in profiles():
        if modules & set(profile.compatible):
            return profile
    return Profile(system.text("proc/device-tree/model") or "unknown board")


def require_jetpack(system: System, profile: Profile) -> tuple[str, str]:
    """Return the versions of Jetson Linux and of JetPack (its major number).

    Raises:
        IncompatibleError: this is no Jetson, or its JetPack is not one that the kit runs on.
    """
    l4t = parse_l4t(system.text(RELEASE) or "")
    if l4t is None:
        raise IncompatibleError(
            f"this is no Jetson: there is no /{RELEASE}; on a PC measure with python -m restorect_edge.bench"
        )
    jetpack = jetpack_of(l4t)
    if jetpack not in profile.jetpacks:
        wanted = " or ".join(profile.jetpacks)
        raise IncompatibleError(
            f"{profile.name} runs Jetson Linux {l4t} (JetPack {jetpack or 'unknown'}), and the kit needs "
            f"JetPack {wanted}: flash it with SDK Manager"
        )
    return l4t, jetpack


def describe(system: System, power: Power, trt: Any, gpu: Gpu, profile: Profile) -> Device:
    """Return the record of this board as it is now, before anything is changed."""
    mode, clocks = power.mode(), power.clocks()
    l4t = parse_l4t(system.text(RELEASE) or "")
    return Device(
        kind="jetson",
        name=system.text("proc/device-tree/model") or profile.name,
        soc=profile.soc,
        cpu=f"{os.cpu_count()} cores, {platform.machine()}",
        cores=os.cpu_count(),
        memory_bytes=system.memory("MemTotal"),
        os=system.distribution(),
        kernel=platform.release(),
        python=platform.python_version(),
        libraries={
            "module": profile.name,
            "tensorrt": product(trt),
            "numpy": np.__version__,
            "cuda": gpu.cuda,
            "gpu": f"{gpu.name}, compute capability {gpu.compute_capability}",
        },
        l4t=l4t,
        jetpack=_jetpack(system) or jetpack_of(l4t),
        power_mode=mode.name if mode else None,
        governor=clocks.governor if clocks else None,
        clocks_mhz=_clocks(clocks),
        clocks_locked=clocks.gpu.locked if clocks and clocks.gpu else None,
        temperatures_c=_temperatures(system),
        load=round(os.getloadavg()[0], 2),
        memory_free_bytes=system.memory("MemAvailable"),
    )


def _jetpack(system: System) -> str | None:
    answer = system.run("dpkg", "-l", "nvidia-jetpack")
    return parse_jetpack(answer.stdout) if answer is not None else None


def _clocks(clocks: Clocks | None) -> dict[str, float]:
    if clocks is None:
        return {}
    units = {**clocks.cpu, "gpu": clocks.gpu, "emc": clocks.emc}
    return {unit: clock.now for unit, clock in units.items() if clock is not None}


def _temperatures(system: System) -> dict[str, float]:
    found = {}
    for path in system.files("sys/class/thermal/thermal_zone*/temp"):
        kind, value = system.text(path.with_name("type")), system.number(path)
        # zones of units that are powered down read below 0
        if kind and value is not None and value > 0:
            found[kind.removesuffix("-thermal")] = value / 1e3
    return found
