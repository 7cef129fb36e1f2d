"""The doctor command: what it finds here, and what it says of what is missing or broken."""

import importlib.util
import json
import shutil
import sys

import pytest

from restorect_edge.cli import doctor
from restorect_edge.errors import BackendError, MissingDependencyError
from restorect_edge.targets import tensorrt
from restorect_edge.targets.registry import RUNTIMES, TARGETS
from restorect_edge.utils import cpu as _cpu
from restorect_edge.weights import ready


@pytest.fixture
def pretend(monkeypatch):
    """`pretend(devices)` makes every backend answer so; an exception is raised."""

    def install(answer):
        class Backend:
            @classmethod
            def devices(cls):
                if isinstance(answer, Exception):
                    raise answer
                return answer

        monkeypatch.setattr(doctor, "backend_class", lambda name: Backend)

    return install


def test_json_lists_every_back_end_target_and_weights(capsys):
    assert doctor.main(["--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert [row["name"] for row in found["runtimes"]] == list(RUNTIMES)
    assert [row["name"] for row in found["targets"]] == list(TARGETS)
    assert "lowlight-small" in [row["name"] for row in found["weights"]]
    assert found["system"]["python"] == ".".join(map(str, sys.version_info[:3]))
    assert found["system"]["cores"] >= 1
    assert found["system"]["cpu"]
    assert found["system"]["vnni"] in (True, False, None)
    for row in found["runtimes"]:
        assert row["available"] == bool(row["devices"]) == (not row["needs"])
    torch = next(row for row in found["runtimes"] if row["name"] == "torch")
    assert "cpu" in torch["devices"]
    assert torch["runs"] == ["weights"]
    assert torch["version"] == sys.modules["torch"].__version__
    onnx = next(row for row in found["targets"] if row["name"] == "onnx")
    assert onnx["ready"]
    assert onnx["verified_by"] == "onnxruntime"


def test_text_has_a_line_per_thing(capsys):
    assert doctor.main([]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("restorect-edge ")
    for name in (*RUNTIMES, *TARGETS):
        assert any(line.startswith(f"  {name} ") for line in lines)
    assert any("lowlight-small" in line and "license: " in line for line in lines)


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        ("avx2 avx_vnni", "logical cores, VNNI"),
        ("avx2", "logical cores, no VNNI: INT8 for ONNX and OpenVINO made with --cpu vnni saturates here"),
        (None, "logical cores"),
    ],
)
def test_vnni_is_part_of_the_cpu_line(monkeypatch, tmp_path, capsys, flags, said):
    file = tmp_path / "cpuinfo"
    if flags is not None:
        file.write_text(f"model name : Old Core\nflags : {flags}\n")
    monkeypatch.setattr(_cpu, "CPUINFO", file)
    assert doctor.main([]) == 0
    assert capsys.readouterr().out.splitlines()[2].endswith(said)


@pytest.mark.skipif(sys.platform == "darwin", reason="Core ML is here")
def test_core_ml_needs_macos():
    report = doctor.examine_backend("coreml")
    assert not report.available
    assert "macOS" in report.needs
    assert "'mil'" in report.needs


@pytest.mark.parametrize("name", ["torch", "onnxruntime", "openvino", "mil"])
def test_a_missing_library_names_its_extra(pretend, name):
    extra = RUNTIMES[name].extra
    pretend(MissingDependencyError("this", extra))
    report = doctor.examine_backend(name)
    assert not report.available
    assert report.needs == f"pip install 'restorect-edge[{extra}]'"


def test_a_missing_tensorrt_names_gpu_and_jetpack(pretend, monkeypatch, tmp_path):
    pretend(MissingDependencyError("this", "tensorrt"))
    monkeypatch.setattr(tensorrt, "JETSON_FILE", tmp_path / "nv_tegra_release")
    needs = doctor.examine_backend("tensorrt").needs
    assert needs.startswith("an NVIDIA GPU, and pip install 'restorect-edge[tensorrt]'")
    (tmp_path / "nv_tegra_release").write_text("# R36")
    needs = doctor.examine_backend("tensorrt").needs
    assert needs.startswith("TensorRT comes with JetPack")
    assert "--system-site-packages" in needs
    assert "pip install" not in needs


def test_a_back_end_without_device_says_why(pretend):
    pretend(BackendError("no GPU here"))
    assert doctor.examine_backend("tensorrt").needs == "no GPU here"
    pretend(())
    assert doctor.examine_backend("openvino").needs == "its library finds no device"


def test_a_broken_installation_does_not_stop_the_doctor(pretend, capsys):
    pretend(OSError("libfoo.so: undefined symbol"))
    assert doctor.main(["--json"]) == 0
    rows = json.loads(capsys.readouterr().out)["runtimes"]
    assert {row["available"] for row in rows} == {False}
    assert all("fails: OSError: libfoo.so: undefined symbol" in row["needs"] for row in rows)


def test_a_target_names_all_extras_that_it_lacks(monkeypatch):
    found = importlib.util.find_spec
    gone = {"onnxscript", "openvino"}
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None if name in gone else found(name))
    report = doctor.examine_target("openvino")
    assert not report.ready
    assert report.needs == "pip install 'restorect-edge[export,openvino]'"
    assert doctor.examine_target("coreml").ready


def test_weights_say_in_which_precisions_they_need_no_pytorch(capsys):
    assert doctor.main([]) == 0
    lines = {line.split()[0]: line for line in capsys.readouterr().out.splitlines() if "license: " in line}
    assert "ready in fp32 and int8 without PyTorch, license: " in lines["lowlight-open"]
    assert "by PyTorch, license: " in lines["lowlight-base"]
    assert "not verified" not in "".join(lines.values())


@pytest.mark.parametrize(
    ("status", "said"),
    [("pass", "onnx fp32, verified; runs here by onnxruntime"), ("unverified", "onnx fp32, NOT verified; ")],
)
def test_an_artifact_says_whether_it_was_verified_and_what_runs_it(tmp_path, capsys, status, said):
    folder = shutil.copytree(ready.FOLDER / "lowlight-nano-fp32", tmp_path / "artifact")
    manifest = json.loads((folder / "manifest.json").read_text())
    manifest["verification"]["status"] = status
    (folder / "manifest.json").write_text(json.dumps(manifest))
    assert doctor.main([str(folder)]) == 0
    assert said in capsys.readouterr().out.splitlines()[-1]


def test_openvino_reports_to_nobody():
    """It would from a forked process, with a warning where another library has threads."""
    pytest.importorskip("openvino")
    from openvino.tools.ovc import telemetry_utils

    assert telemetry_utils.tm.__name__.endswith("telemetry_stub")
