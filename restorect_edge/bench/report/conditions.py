"""What a report says first: the machine, the state that it was in, and how it was measured."""

from collections.abc import Sequence
from typing import Any

from restorect_edge.bench.measure.record import Device, Report
from restorect_edge.bench.report.tables import Table
from restorect_edge.bench.report.words import UNKNOWN, bytes_

__all__ = ["CONDITIONS", "conditions"]

CONDITIONS = "Conditions"


def conditions(reports: Sequence[Report]) -> Table:
    """What it ran on and in which state, one column per report; what nobody told is `UNKNOWN`."""
    facts = [_facts(report) for report in reports]
    names = [report.device.name for report in reports]
    # one machine measured twice: the times tell the columns apart
    if len(set(names)) < len(names):
        names = [f"{report.device.name}, {report.created}" for report in reports]
    return Table(
        title=CONDITIONS,
        headings=("", *names),
        rows=tuple((name, *(fact[name] for fact in facts)) for name in facts[0]),
        note="Recorded before the start; nothing was changed unless the clocks row says so.",
        numbers=False,
    )


def _facts(report: Report) -> dict[str, str]:
    device, protocol = report.device, report.protocol
    memory = bytes_(device.memory_bytes, UNKNOWN)
    return {
        "kind": device.kind,
        "processor": _joined(device.soc, device.cpu, device.cores and f"{device.cores} cores"),
        "memory": memory + (f", {bytes_(device.memory_free_bytes)} free" if device.memory_free_bytes else ""),
        "system": _joined(device.os, device.kernel),
        "L4T, JetPack, driver": _joined(device.l4t, device.jetpack, device.driver),
        "power mode": _told(device.power_mode),
        "power source": _told(device.power_source),
        "clocks": _clocks(device),
        "governor": _told(device.governor),
        "temperatures": _numbers(device.temperatures_c, "°C"),
        "load": UNKNOWN if device.load is None else f"{device.load:.2f}",
        "versions": ", ".join(
            f"{k} {v}" for k, v in {"Python": device.python or UNKNOWN, **device.libraries}.items()
        ),
        "threads": "backend default" if protocol.threads is None else str(protocol.threads),
        "protocol": f"at least {protocol.least_runs} runs and {protocol.duration_s:g} s, "
        f"after {protocol.least_warm_up_s:g} s and until stable within {100 * protocol.stable_within:g} %; "
        f"{1e3 * protocol.pause_s:g} ms of rest before each run",
        "images": UNKNOWN
        if protocol.images is None
        else f"{protocol.images.count}, sha256 {protocol.images.sha256[:12]}",
        "made": f"{report.created}, restorect_edge {report.toolkit_version}",
    }


def _clocks(device: Device) -> str:
    state = {True: "locked, ", False: "not locked, ", None: ""}[device.clocks_locked]
    return state + _numbers(device.clocks_mhz, "MHz")


def _numbers(values: Any, unit: str) -> str:
    return ", ".join(f"{name} {value:.4g} {unit}" for name, value in values.items()) or UNKNOWN


def _joined(*words: Any) -> str:
    return ", ".join(str(word) for word in words if word) or UNKNOWN


def _told(value: str | None) -> str:
    return value or UNKNOWN
