"""What a machine says of itself before a measurement and while it runs; what it does not say is None."""

import os
import platform
import statistics
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from importlib import metadata
from pathlib import Path

from restorect_edge.bench.measure.protocol import Reading
from restorect_edge.bench.measure.record import Device
from restorect_edge.bench.measure.system import SystemFiles
from restorect_edge.errors import BackendError
from restorect_edge.targets.registry import TARGETS
from restorect_edge.utils.cpu import cpu_name

__all__ = ["LIBRARIES", "Machine"]

LIBRARIES = ("numpy", "torch", "onnxruntime-gpu", "tensorrt")
"""Distributions whose versions a report has besides those that targets need."""
CPU_ZONES = ("x86_pkg_temp", "cpu", "soc", "k10temp", "coretemp", "acpitz")
"""Sensors that stand for the processor, the best first; names begin with these."""


@dataclass(slots=True)
class Machine(SystemFiles):
    """This machine, as far as it tells."""

    _energy: tuple[float, int] | None = field(default=None, init=False)

    def describe(self, *, power_mode: str | None = None) -> Device:
        """Return the preflight record: what it is, and the state that it is in now.

        Args:
            power_mode: its name, where the machine does not tell; ACPI's platform profile otherwise.
        """
        cpu = cpu_name(self.root)
        governors = {
            self.text(file) for file in self.files("sys/devices/system/cpu/cpufreq/*/scaling_governor")
        }
        return Device(
            kind="apple" if sys.platform == "darwin" else "host",
            name=self.text("sys/class/dmi/id/product_name") or cpu,
            soc=self.text("sys/devices/soc0/machine"),
            cpu=cpu,
            cores=os.cpu_count(),
            memory_bytes=self.memory("MemTotal"),
            os=f"{self.distribution() or platform.system()}, {platform.machine()}",
            kernel=platform.release(),
            python=platform.python_version(),
            libraries=_versions(),
            power_mode=power_mode or self.text("sys/firmware/acpi/platform_profile"),
            power_source=self._power_source(),
            governor=", ".join(sorted(g for g in governors if g)) or None,
            clocks_mhz=self.clocks(),
            clocks_locked=self._locked(),
            temperatures_c=self.temperatures(),
            load=round(os.getloadavg()[0], 2) if hasattr(os, "getloadavg") else None,
            memory_free_bytes=self.memory("MemAvailable"),
        )

    def read(self) -> Reading:
        """Return the processor's temperature and clock now, and its mean power since the call before."""
        found, clocks = self.temperatures(), self.clocks()
        zones = [t for start in CPU_ZONES for name, t in found.items() if name.startswith(start)]
        return Reading(
            temperature_c=zones[0] if zones else None,
            clock_mhz=round(statistics.fmean(clocks.values()), 1) if clocks else None,
            power_mw=self._power(),
        )

    def clocks(self) -> dict[str, float]:
        """Return the clock of each group of cores in MHz; of each core where there are no groups."""
        policies = self.files("sys/devices/system/cpu/cpufreq/policy*/scaling_cur_freq")
        # in kHz
        found = {p.parent.name: self.number(p) for p in policies}
        if found:
            return {name: value / 1e3 for name, value in found.items() if value is not None}
        lines = (self.text("proc/cpuinfo") or "").splitlines()
        values = [float(line.partition(":")[2]) for line in lines if line.startswith("cpu MHz")]
        return {f"cpu{number}": value for number, value in enumerate(values)}

    def temperatures(self) -> dict[str, float]:
        """Return the temperature of each sensor in °C, by its name; the hottest of those of one name."""
        zones = ((z, z.with_name("type")) for z in self.files("sys/class/thermal/thermal_zone*/temp"))
        sensors = ((s, s.with_name("name")) for s in self.files("sys/class/hwmon/hwmon*/temp1_input"))
        found: dict[str, float] = {}
        for file, label in (*zones, *sensors):
            value, name = self.number(file), self.text(label) or file.parent.name
            # in thousandths of a degree
            if value is not None and value > 0:
                found[name] = max(value / 1e3, found.get(name, 0.0))
        return found

    @contextmanager
    def locked_clocks(self) -> Iterator[None]:
        """Hold the cores at their highest clock, and put everything back afterwards.

        Raises:
            BackendError: the machine offers no governors, or does not let us set them; or put them back,
                which names what was left as it is.
        """
        governors = self.files("sys/devices/system/cpu/cpufreq/policy*/scaling_governor")
        if not governors:
            raise BackendError(
                "--lock-clocks: this machine offers no clock governors (a virtual machine?); leave it out"
            )
        wanted = dict.fromkeys(governors, "performance")
        for highest in self.files("sys/devices/system/cpu/cpufreq/policy*/scaling_max_freq"):
            wanted[highest.with_name("scaling_min_freq")] = highest.read_text().strip()
        # all of it before anything is set, so that it can be put back whatever fails
        before = {file: file.read_text().strip() for file in wanted}
        try:
            _set(wanted)
            yield
        finally:
            _put_back(before)

    def _power(self) -> float | None:
        """Return mW of the package since the last call, from its counter of µJ, which only root may read."""
        used = self.number("sys/class/powercap/intel-rapl:0/energy_uj")
        if used is None:
            return None
        now, before = (time.perf_counter(), int(used)), self._energy
        self._energy = now
        if before is None or now[1] < before[1]:  # the first call, or the counter went round
            return None
        return round((now[1] - before[1]) / 1e3 / max(1e-6, now[0] - before[0]), 1)

    def _power_source(self) -> str | None:
        supplies = self.files("sys/class/power_supply/*/type")
        online = {self.text(s) for s in supplies if self.number(s.with_name("online")) == 1}
        batteries = [s for s in supplies if self.text(s) == "Battery"]
        if "Mains" in online or "USB" in online:
            return "mains"
        return "battery" if batteries else None

    def _locked(self) -> bool | None:
        low, high = (
            {f.parent: self.number(f) for f in self.files(f"sys/devices/system/cpu/cpufreq/policy*/{name}")}
            for name in ("scaling_min_freq", "scaling_max_freq")
        )
        return low == high if low else None


def _set(values: dict[Path, str]) -> None:
    for file, value in values.items():
        try:
            file.write_text(value)
        except OSError as error:
            raise BackendError(
                f"--lock-clocks: cannot set '{file}': {error.strerror}; run as root"
            ) from error


def _put_back(values: dict[Path, str]) -> None:
    """Put back every value that is not as it was; one that cannot be does not keep the others from it."""
    failed = []
    for file, value in values.items():
        try:
            if file.read_text().strip() != value:
                file.write_text(value)
        except OSError as error:
            failed.append(f"'{file}' ({error.strerror}), which was '{value}'")
    if failed:
        raise BackendError(f"--lock-clocks: could not put back {', '.join(failed)}")


def _versions() -> dict[str, str]:
    found = {}
    needed = (need for target in TARGETS.values() for need in target.needs)
    for name in sorted({*LIBRARIES, *(need.distribution or need.module for need in needed)}):
        with suppress(metadata.PackageNotFoundError):
            found[name] = metadata.version(name)
    return found
