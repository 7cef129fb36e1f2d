"""What the programs of JetPack print, as data: tegrastats, nvpmodel, jetson_clocks and dpkg.

Fields that a board or a JetPack does not print are None or empty, never a guess.
"""

import re
from dataclasses import dataclass, field

__all__ = [
    "Clock",
    "Clocks",
    "PowerMode",
    "Sample",
    "parse_clocks",
    "parse_conf",
    "parse_jetpack",
    "parse_mode",
    "parse_tegrastats",
    "reboot_demanded",
]

SENSOR_OFF = -256.0
"""Temperature that tegrastats prints for a zone whose unit is powered down."""
NOT_CONNECTED = "NC"


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """One line of ``tegrastats``."""

    ram_used_mb: int
    ram_total_mb: int
    cpu_mhz: tuple[int, ...] = ()
    """Of the cores that are online."""
    cpu_percent: tuple[int, ...] = ()
    cpus_off: int = 0
    gpu_percent: int | None = None
    gpu_mhz: tuple[int, ...] = ()
    """Of each graphics cluster; empty where it is not printed (without root on JetPack 6)."""
    emc_percent: int | None = None
    emc_mhz: int | None = None
    temperatures: dict[str, float] = field(default_factory=dict)
    """In °C, by zone; zones that are powered down are left out."""
    rails_mw: dict[str, int] = field(default_factory=dict)
    """Instantaneous power in mW, by rail."""


@dataclass(frozen=True, slots=True)
class PowerMode:
    """A mode of ``nvpmodel``."""

    id: int
    name: str


@dataclass(frozen=True, slots=True)
class Clock:
    """Range and present value of a clock, in MHz."""

    low: float
    high: float
    now: float

    @property
    def locked(self) -> bool:
        """Whether it cannot move."""
        return self.low == self.high


@dataclass(frozen=True, slots=True, kw_only=True)
class Clocks:
    """What ``jetson_clocks --show`` says."""

    soc: str | None = None
    machine: str | None = None
    power_mode: str | None = None
    governor: str | None = None
    cpu: dict[str, Clock] = field(default_factory=dict)
    """Of the cores that are online."""
    gpu: Clock | None = None
    emc: Clock | None = None


def parse_tegrastats(line: str) -> Sample | None:
    """Read a line of ``tegrastats`` of JetPack 5 to 7; None if it is none, or was cut short."""
    ram = re.search(r"\bRAM (\d+)/(\d+)MB", line)
    cpus = re.search(r"\bCPU \[([^\]]*)\]", line)
    if ram is None or cpus is None:
        return None
    # a core that is off is the word ``off``, which matches nothing
    cores = [re.fullmatch(r"(\d+)%@(\d+)", core.strip()) for core in cpus[1].split(",")]
    gpu = re.search(r"\bGR3D_FREQ (?:(\d+)%)?(?:@(?:\[([\d,]*)\]|(\d+)))?", line)
    second = re.search(r"\bGR3D2_FREQ \d+%@(\d+)", line)  # JetPack 5
    emc = re.search(r"\bEMC_FREQ (?:(\d+)%)?(?:@(\d+))?", line)
    # a list with a clock for each cluster, or one clock, or none without root
    clusters = [*_numbers(gpu, 2), *_numbers(gpu, 3), *_numbers(second, 1)]
    return Sample(
        ram_used_mb=int(ram[1]),
        ram_total_mb=int(ram[2]),
        cpu_mhz=tuple(int(core[2]) for core in cores if core),
        cpu_percent=tuple(int(core[1]) for core in cores if core),
        cpus_off=sum(core is None for core in cores),
        gpu_percent=_number(gpu, 1),
        gpu_mhz=tuple(clusters),
        emc_percent=_number(emc, 1),
        emc_mhz=_number(emc, 2),
        temperatures=_temperatures(line),
        rails_mw=_rails(line),
    )


def _number(found: re.Match[str] | None, group: int) -> int | None:
    return int(found[group]) if found is not None and found[group] else None


def _numbers(found: re.Match[str] | None, group: int) -> list[int]:
    return [int(text) for text in found[group].split(",")] if found is not None and found[group] else []


def _temperatures(line: str) -> dict[str, float]:
    found = re.findall(r"\b(\w+)@(-?\d+(?:\.\d+)?)C\b", line)
    return {zone: float(value) for zone, value in found if float(value) != SENSOR_OFF}


def _rails(line: str) -> dict[str, int]:
    found = re.findall(r"\b([A-Z][A-Z0-9_]+) (\d+)mW\b", line)
    return {rail: int(value) for rail, value in found if rail != NOT_CONNECTED}


def parse_mode(text: str) -> PowerMode | None:
    """Read ``nvpmodel -q``: the mode it names, with the id on the next line; None where none is set."""
    found = re.search(r"NV Power Mode: (\S+)\s*\n\s*(\d+)\s*$", text, re.MULTILINE)
    return PowerMode(int(found[2]), found[1]) if found else None


def parse_conf(text: str) -> tuple[tuple[PowerMode, ...], int | None]:
    """Read ``/etc/nvpmodel.conf``: its modes in the file's order, and the id of the one set at first boot."""
    modes = []
    for line in text.splitlines():
        header = re.match(r"<\s*POWER_MODEL\s+(.*?)\s*>", line)
        if header is not None:
            pairs = dict(re.findall(r"(\w+)=(\S+)", header[1]))
            if pairs.get("ID", "").isdigit() and "NAME" in pairs:
                modes.append(PowerMode(int(pairs["ID"]), pairs["NAME"]))
    default = re.search(r"^<\s*PM_CONFIG\s+DEFAULT=(\d+)\s*>", text, re.MULTILINE)
    return tuple(modes), int(default[1]) if default else None


def reboot_demanded(text: str) -> bool:
    """Whether what ``nvpmodel -m`` printed asks for a reboot: it then leaves the mode as it is."""
    return "Reboot required" in text or "REBOOT NOW" in text


def parse_clocks(text: str) -> Clocks:
    """Read ``jetson_clocks --show`` of JetPack 5 to 7."""
    head = re.search(r"SOC family:\s*(\S+)\s+Machine:\s*(.+?)\s*$", text, re.MULTILINE)
    mode = re.search(r"NV Power Mode: (\S+)", text)
    lines = re.findall(r"^\s*(cpu\d+):\s*(.*)$", text, re.MULTILINE)
    # CPUs are in kHz, GPU and memory in Hz; a core that is off has a range all the same
    cpu = {name: clock for name, rest in lines if "Online=0" not in rest and (clock := _clock(rest, 1e3))}
    governor = re.search(r"Governor=(\S+)", text)
    return Clocks(
        soc=head[1] if head else None,
        machine=head[2] if head else None,
        power_mode=mode[1] if mode else None,
        governor=governor[1] if governor else None,
        cpu=cpu,
        gpu=_clock_of("GPU", text),
        emc=_clock_of("EMC", text),
    )


def _clock_of(unit: str, text: str) -> Clock | None:
    found = re.search(rf"^\s*{unit} (MinFreq=.*)$", text, re.MULTILINE)
    return _clock(found[1], 1e6) if found else None


def _clock(text: str, per_mhz: float) -> Clock | None:
    found = re.search(r"MinFreq=(\d+) MaxFreq=(\d+) CurrentFreq=(\d+)", text)
    return Clock(*(int(value) / per_mhz for value in found.groups())) if found else None


def parse_jetpack(text: str) -> str | None:
    """Read ``dpkg -l nvidia-jetpack``: the installed version, such as ``6.2.1+b38``; None if it is not."""
    found = re.search(r"^ii\s+nvidia-jetpack\s+(\S+)", text, re.MULTILINE)
    return found[1] if found else None
