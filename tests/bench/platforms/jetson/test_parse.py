"""Parsers of what NVIDIA's programs print, on lines of real boards (see recorded/README.md)."""

import sys
from pathlib import Path

import pytest

RECORDED = Path(__file__).parent / "recorded"
DEVICE_SIDE = Path(__file__).parents[4] / "runtimes" / "jetson"


@pytest.fixture(scope="module", autouse=True)
def device_side():
    """Import the kit's modules from the checkout."""
    sys.path.insert(0, str(DEVICE_SIDE))
    yield
    sys.path.remove(str(DEVICE_SIDE))
    for name in [name for name in sys.modules if name.partition(".")[0] == "jetson_bench"]:
        del sys.modules[name]


@pytest.fixture
def parse(device_side):
    from jetson_bench import parse

    return parse


def recorded(name):
    return (RECORDED / f"{name}.txt").read_text()


@pytest.mark.parametrize(
    ("name", "gpu_mhz", "cores", "emc_mhz", "rails"),
    [
        ("agx-orin-r35", (0, 0), 12, 2133, {"VDD_GPU_SOC": 2399, "VDD_CPU_CV": 400, "VIN_SYS_5V0": 4032}),
        ("agx-orin-r36", (0, 0), 12, 2133, {"VDD_GPU_SOC": 2412, "VDD_CPU_CV": 1607, "VIN_SYS_5V0": 4707}),
        ("agx-orin-r39", (0, 0), 8, None, {"VDD_GPU_SOC": 2265, "VDD_CPU_CV": 2643, "VIN_SYS_5V0": 4722}),
        ("orin-nano-r36", (), 6, None, {"VDD_IN": 4761, "VDD_CPU_GPU_CV": 515, "VDD_SOC": 1428}),
        ("orin-nano-r39", (305,), 6, 665, {"VDD_IN": 3582, "VDD_CPU_GPU_CV": 523, "VDD_SOC": 1127}),
        ("orin-nx-8gb-r36", (713,), 6, 3199, {"VDD_IN": 17946, "VDD_CPU_GPU_CV": 8896, "VDD_SOC": 3923}),
        ("thor-r38", (0, 0, 0), 14, 665, {"VDD_GPU": 0, "VDD_CPU_SOC_MSS": 4165, "VIN_SYS_5V0": 4126}),
        ("thor-r39", (314, 314, 314), 14, 3200, {"VDD_GPU": 4925, "VDD_CPU_SOC_MSS": 8710}),
        ("thor-user", (), 14, None, {"VIN": 16802}),
    ],
)
def test_tegrastats_of_several_jetpacks(parse, name, gpu_mhz, cores, emc_mhz, rails):
    lines = recorded(f"tegrastats-{name}").splitlines()
    samples = [parse.parse_tegrastats(line) for line in lines]
    assert all(samples)
    first = samples[0]
    assert (first.gpu_mhz, len(first.cpu_mhz)) == (gpu_mhz, cores)
    assert emc_mhz is None or first.emc_mhz == emc_mhz
    assert rails.items() <= first.rails_mw.items()
    assert "NC" not in first.rails_mw
    assert first.temperatures and all(20 < t < 80 for t in first.temperatures.values())


@pytest.mark.parametrize("line", ["", "tegrastats: command not found", "04-27-2026 14:59:41 RAM 775/76"])
def test_what_is_no_line_of_tegrastats(parse, line):
    assert parse.parse_tegrastats(line) is None


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("nvpmodel-q-orin-nano-r36", (1, "25W")),
        ("nvpmodel-q-orin-nx-r36", (2, "MAXN_SUPER")),
        ("nvpmodel-q-thor-r38", (0, "MAXN")),
        ("nvpmodel-q-agx-orin-fan", (0, "MAXN")),
        ("nvpmodel-q-verbose-orin-nano-r36", (1, "25W")),
    ],
)
def test_nvpmodel_names_its_mode(parse, name, expected):
    mode = parse.parse_mode(recorded(name))
    assert (mode.id, mode.name) == expected
    assert parse.parse_mode("NVPM ERROR: Error opening /var/lib/nvpmodel/status: 2") is None


def test_modes_of_a_board(parse):
    modes, default = parse.parse_conf(
        recorded("nvpmodel-conf-modes-orin-nano-r36") + "< PM_CONFIG DEFAULT=1 >"
    )
    assert [(m.id, m.name) for m in modes] == [(0, "15W"), (1, "25W"), (2, "MAXN_SUPER"), (3, "7W")]
    assert default == 1
    assert parse.parse_conf("") == ((), None)


def test_a_demanded_restart_is_noticed(parse):
    assert parse.reboot_demanded(recorded("nvpmodel-m-reboot-thor-r38"))
    assert parse.reboot_demanded(recorded("nvpmodel-m-reboot-declined"))
    assert not parse.reboot_demanded(recorded("nvpmodel-m-failed-orin-nano-4gb-r35"))


@pytest.mark.parametrize(
    ("name", "mode", "gpu", "locked"),
    [
        ("orin-nano-r36", "25W", 306, False),
        ("orin-nano-r39", "25W", 306, False),
        ("agx-orin-r39", "MAXN", 1300.5, True),
        ("agx-orin-locked-r36", "MODE_30W", 612, True),
    ],
)
def test_jetson_clocks(parse, name, mode, gpu, locked):
    clocks = parse.parse_clocks(recorded(f"jetson-clocks-{name}"))
    assert (clocks.soc, clocks.power_mode, clocks.governor) == ("tegra234", mode, "schedutil")
    assert (clocks.gpu.now, clocks.gpu.locked) == (gpu, locked)
    assert clocks.emc.high == 3199
    assert "cpu8" not in clocks.cpu


def test_versions(parse):
    from restorect_edge.targets.tensorrt.build_engine import jetpack_of, parse_l4t

    assert parse.parse_jetpack(recorded("dpkg-6.2.1")) == "6.2.1+b38"
    assert parse.parse_jetpack(recorded("dpkg-6.0")) == "6.0+b106"
    assert parse.parse_jetpack("dpkg-query: no packages found") is None
    found = [parse_l4t(recorded(f"nv_tegra_release-r{n}")) for n in (36, 38, 39)]
    assert found == ["36.4.4", "38.2.0", "39.2.1"] or found == ["36.4.4", "38.2", "39.2.1"]
    assert [jetpack_of(l4t) for l4t in found] == ["6", "7", "7"]


def test_every_board_of_the_issue_has_a_profile(parse):
    from jetson_bench.board import profiles

    found = {profile.name: profile for profile in profiles()}
    assert set(found) == {
        "Jetson Orin Nano 4GB",
        "Jetson Orin Nano 8GB",
        "Jetson Orin NX 8GB",
        "Jetson Orin NX 16GB",
        "Jetson AGX Orin 32GB",
        "Jetson AGX Orin 64GB",
        "Jetson Thor T4000",
        "Jetson Thor T5000",
    }
    assert [name for name, p in found.items() if p.dla_cores == 0] == [
        "Jetson Orin Nano 4GB",
        "Jetson Orin Nano 8GB",
        "Jetson Thor T4000",
        "Jetson Thor T5000",
    ]
    for profile in found.values():
        assert all(len(modes) >= 2 for modes in profile.power_modes.values())
    modules = [module for profile in found.values() for module in profile.compatible]
    assert len(modules) == len(set(modules))


@pytest.mark.parametrize(
    ("line", "board", "rails"),
    [
        ("orin-nx-8gb-r36", "Jetson Orin NX 8GB", ("VDD_IN",)),
        ("agx-orin-r36", "Jetson AGX Orin 64GB", ("VDD_GPU_SOC", "VDD_CPU_CV", "VIN_SYS_5V0")),
        ("thor-r39", "Jetson Thor T5000", ("VDD_GPU", "VDD_CPU_SOC_MSS", "VIN_SYS_5V0")),
        ("thor-user", "Jetson Thor T5000", ("VIN",)),
    ],
)
def test_the_rails_that_make_up_a_module(parse, line, board, rails):
    from jetson_bench.board import profiles

    sample = parse.parse_tegrastats(recorded(f"tegrastats-{line}").splitlines()[0])
    profile = next(p for p in profiles() if p.name == board)
    assert profile.total_rails(sample) == rails
