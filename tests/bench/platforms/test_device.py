"""What a machine says of itself, read from trees of /proc and /sys that were laid out for the test.

The virtual machine's lines are recorded; laptop and board are made up in the kernel's formats.
"""

import pytest

from restorect_edge.bench.platforms import device as module
from restorect_edge.bench.platforms.device import Machine
from restorect_edge.errors import BackendError

CPUFREQ = "sys/devices/system/cpu/cpufreq"
VIRTUAL = {
    "proc/cpuinfo": "processor\t: 0\nmodel name\t: Intel(R) Xeon(R) Processor\ncpu MHz\t\t: 2300.000\n"
    "\nprocessor\t: 1\nmodel name\t: Intel(R) Xeon(R) Processor\ncpu MHz\t\t: 2300.000\n",
    "proc/meminfo": "MemTotal:       24684092 kB\nMemFree:        20346260 kB\nMemAvailable:   22461472 kB\n",
    "etc/os-release": 'PRETTY_NAME="Debian GNU/Linux 12 (bookworm)"\nNAME="Debian GNU/Linux"\n',
}
LAPTOP = {
    "proc/cpuinfo": "processor\t: 0\nmodel name\t: Laptop CPU\ncpu MHz\t\t: 400.000\n",
    "sys/class/dmi/id/product_name": "Laptop 14\n",
    "sys/firmware/acpi/platform_profile": "balanced\n",
    f"{CPUFREQ}/policy0/scaling_governor": "powersave\n",
    f"{CPUFREQ}/policy0/scaling_cur_freq": "1800000\n",
    f"{CPUFREQ}/policy0/scaling_min_freq": "400000\n",
    f"{CPUFREQ}/policy0/scaling_max_freq": "4700000\n",
    f"{CPUFREQ}/policy4/scaling_governor": "schedutil\n",
    f"{CPUFREQ}/policy4/scaling_cur_freq": "1200000\n",
    f"{CPUFREQ}/policy4/scaling_min_freq": "400000\n",
    f"{CPUFREQ}/policy4/scaling_max_freq": "3500000\n",
    "sys/class/thermal/thermal_zone0/type": "acpitz\n",
    "sys/class/thermal/thermal_zone0/temp": "20000\n",
    "sys/class/thermal/thermal_zone1/type": "acpitz\n",
    "sys/class/thermal/thermal_zone1/temp": "41000\n",
    "sys/class/thermal/thermal_zone2/type": "x86_pkg_temp\n",
    "sys/class/thermal/thermal_zone2/temp": "63500\n",
    "sys/class/thermal/thermal_zone3/type": "broken\n",
    "sys/class/thermal/thermal_zone3/temp": "-274000\n",
    "sys/class/hwmon/hwmon0/name": "nvme\n",
    "sys/class/hwmon/hwmon0/temp1_input": "38850\n",
    "sys/class/power_supply/AC/type": "Mains\n",
    "sys/class/power_supply/AC/online": "0\n",
    "sys/class/power_supply/BAT0/type": "Battery\n",
    "sys/class/powercap/intel-rapl:0/energy_uj": "1000000\n",
}
BOARD = {
    "proc/cpuinfo": "processor\t: 0\nBogoMIPS\t: 108.00\nFeatures\t: fp asimd\n",
    "proc/device-tree/model": "A Board Rev 1.0\0",
    "sys/devices/soc0/machine": "SoC 5\n",
    "sys/class/thermal/thermal_zone0/type": "gpu-thermal\n",
    "sys/class/thermal/thermal_zone0/temp": "70000\n",
    "sys/class/thermal/thermal_zone1/type": "cpu-thermal\n",
    "sys/class/thermal/thermal_zone1/temp": "55000\n",
}


@pytest.fixture
def machine(tmp_path):
    """Lay out a tree and return the machine that it is."""

    def make(tree):
        for name, text in tree.items():
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        return Machine(tmp_path)

    return make


def test_a_virtual_machine_tells_little(machine):
    found = machine(VIRTUAL).describe()
    assert (found.kind, found.name, found.cpu) == ("host", "Intel(R) Xeon(R) Processor", found.name)
    assert (found.memory_bytes, found.memory_free_bytes) == (24684092 * 1024, 22461472 * 1024)
    assert found.os.startswith("Debian GNU/Linux 12 (bookworm), ")
    assert found.clocks_mhz == {"cpu0": 2300.0, "cpu1": 2300.0}
    assert found.temperatures_c == {}
    untold = ("power_mode", "power_source", "governor", "clocks_locked", "soc", "l4t", "jetpack", "driver")
    assert {getattr(found, name) for name in untold} == {None}
    assert found.libraries.keys() >= {"numpy", "onnxruntime"}


def test_a_laptop_tells_its_state(machine):
    found = machine(LAPTOP).describe()
    assert (found.name, found.cpu) == ("Laptop 14", "Laptop CPU")
    assert found.power_mode == "balanced"
    assert found.power_source == "battery"
    assert found.governor == "powersave, schedutil"
    assert found.clocks_mhz == {"policy0": 1800.0, "policy4": 1200.0}
    assert found.clocks_locked is False
    assert found.temperatures_c == {"acpitz": 41.0, "x86_pkg_temp": 63.5, "nvme": 38.85}


def test_a_name_that_is_given_wins(machine):
    assert machine(LAPTOP).describe(power_mode="silent").power_mode == "silent"


@pytest.mark.parametrize(("kind", "source"), [("Mains", "mains"), ("USB", "mains")])
def test_a_supply_that_is_plugged_in(machine, kind, source):
    supply = {"sys/class/power_supply/AC/type": kind, "sys/class/power_supply/AC/online": "1\n"}
    assert machine({**LAPTOP, **supply}).describe().power_source == source


def test_a_board_is_called_as_its_device_tree_says(machine):
    found = machine(BOARD).describe()
    assert (found.name, found.soc, found.memory_bytes) == ("A Board Rev 1.0", "SoC 5", None)


def test_a_reading_is_of_the_processor(machine):
    laptop = machine(LAPTOP).read()
    assert (laptop.temperature_c, laptop.clock_mhz, laptop.power_mw) == (63.5, 1500.0, None)


def test_the_sensor_of_the_processor_is_found_by_its_name(machine):
    assert machine(BOARD).read().temperature_c == 55.0


def test_power_is_energy_over_time(machine, tmp_path, monkeypatch):
    now = iter([10.0, 12.0, 13.0])
    monkeypatch.setattr(module.time, "perf_counter", lambda: next(now))
    laptop, counter = machine(LAPTOP), tmp_path / "sys/class/powercap/intel-rapl:0/energy_uj"
    assert laptop.read().power_mw is None
    counter.write_text("31000000\n")
    assert laptop.read().power_mw == 15000.0
    counter.write_text("5\n")
    assert laptop.read().power_mw is None, "the counter went round"


def test_clocks_are_locked_and_put_back(machine, tmp_path):
    laptop = machine(LAPTOP)
    with laptop.locked_clocks():
        found = laptop.describe()
        assert (found.governor, found.clocks_locked) == ("performance", True)
        assert (tmp_path / CPUFREQ / "policy4/scaling_min_freq").read_text() == "3500000"
    for name, text in LAPTOP.items():
        assert (tmp_path / name).read_text().strip() == text.strip()


def test_clocks_are_put_back_after_an_error(machine, tmp_path):
    with pytest.raises(KeyboardInterrupt), machine(LAPTOP).locked_clocks():
        raise KeyboardInterrupt
    assert (tmp_path / CPUFREQ / "policy0/scaling_governor").read_text() == "powersave"


def test_a_machine_without_governors(machine):
    with pytest.raises(BackendError, match="offers no clock governors"), machine(VIRTUAL).locked_clocks():
        pass


def test_what_cannot_be_put_back_is_named(machine, tmp_path):
    governor = tmp_path / CPUFREQ / "policy0/scaling_governor"
    with (
        pytest.raises(BackendError, match=r"could not put back .*policy0.*which was 'powersave'"),
        machine(LAPTOP).locked_clocks(),
    ):
        governor.unlink()
        governor.mkdir()
    assert (tmp_path / CPUFREQ / "policy4/scaling_governor").read_text() == "schedutil"


def test_clocks_that_may_not_be_set(machine, tmp_path):
    laptop = machine(LAPTOP)
    lowest = tmp_path / CPUFREQ / "policy4/scaling_min_freq"
    lowest.unlink()
    lowest.symlink_to("/proc/version")  # which can be read, and not even root may write
    with (
        pytest.raises(BackendError, match=r"cannot set '.*policy4.*'.*; run as root"),
        laptop.locked_clocks(),
    ):
        pass
    assert (tmp_path / CPUFREQ / "policy0/scaling_governor").read_text() == "powersave"
