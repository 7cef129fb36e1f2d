"""A new target is a room and nothing else: one that only these tests have goes through every verb."""

import json
import shutil
import sys
from pathlib import Path

import pytest
from PIL import Image

import restorect_edge.targets
from restorect_edge.bench.measure.record import Report
from restorect_edge.cli.verbs import main
from restorect_edge.errors import UsageError
from restorect_edge.targets.registry import RUNTIMES, TARGETS, discovered, runtime_for

SOURCE = Path(__file__).parent / "stub"
PATCH = """
import restorect_edge.targets
from restorect_edge.targets import registry

restorect_edge.targets.__path__.append({rooms!r})
registry.TARGETS.update(registry.discovered())
"""


@pytest.fixture(scope="module")
def rooms(tmp_path_factory):
    """Add a folder with one more room to those that are listed, here and in processes started from here."""
    folder = tmp_path_factory.mktemp("rooms")
    (folder / "stub").mkdir()
    for file in SOURCE.glob("*.py"):
        shutil.copy(file, folder / "stub" / {"room.py": "__init__.py"}.get(file.name, file.name))
    (folder / "sitecustomize.py").write_text(PATCH.format(rooms=str(folder)))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(restorect_edge.targets, "__path__", [*restorect_edge.targets.__path__, str(folder)])
        patch.setenv("PYTHONPATH", str(folder))
        patch.setitem(TARGETS, "stub", discovered()["stub"])
        yield folder
    for name in [name for name in sys.modules if name.startswith("restorect_edge.targets.stub")]:
        del sys.modules[name]


@pytest.fixture(scope="module")
def artifact(rooms, tmp_path_factory):
    """Export it by the command line, and return the artifact's folder."""
    folder = tmp_path_factory.mktemp("out")
    assert main(["export", "--target", "stub", "--shapes", "64x96", "-o", str(folder)]) == 0
    return folder / "lowlight-small-stub-fp32-64x96"


@pytest.fixture
def photos(tmp_path, photo):
    for kind in ("low", "high"):
        (tmp_path / kind).mkdir()
        Image.fromarray(photo).save(tmp_path / kind / "a.png")
    return tmp_path


def test_export_verifies_it(artifact):
    manifest = json.loads((artifact / "manifest.json").read_text())
    assert manifest["verification"]["by"] == "stub runtime; a stub"
    assert manifest["verification"]["psnr"] > 120
    assert manifest["tools"].keys() == {"numpy", "python", "torch"}
    assert json.loads((artifact / "report.json").read_text())["notes"] == {"files": ["model.pt2"]}


@pytest.mark.usefixtures("rooms")
def test_help_texts_name_it(capsys):
    with pytest.raises(SystemExit, match="0"):
        main(["export", "--help"])
    text = " ".join(capsys.readouterr().out.split())
    assert "stub or all" in text
    assert "or Stub, and verify" in text


@pytest.mark.usefixtures("rooms")
def test_all_targets_include_it(tmp_path, capsys):
    assert main(["export", "--target", "all", "--dry-run", "--json", "-o", str(tmp_path)]) == 0
    assert "stub" in [row["target"] for row in json.loads(capsys.readouterr().out)["artifacts"]]


@pytest.mark.usefixtures("rooms")
def test_what_it_has_not_is_refused(tmp_path, capsys):
    assert main(["export", "--target", "stub", "--precision", "fp16", "-o", str(tmp_path)]) == 1
    assert "stub has fp32 and auto" in capsys.readouterr().err


def test_inspect_shows_what_comes_next(artifact, capsys):
    assert main(["inspect", str(artifact)]) == 0
    assert f"cat {artifact / 'stub.txt'}" in capsys.readouterr().out


def test_verify_runs_it(artifact, capsys):
    assert main(["verify", str(artifact)]) == 0
    assert "stub runtime" in capsys.readouterr().out


def test_run_restores_with_it(artifact, photos):
    out = photos / "out.png"
    assert main(["run", str(artifact), str(photos / "low" / "a.png"), "-o", str(out)]) == 0
    with Image.open(out) as restored:
        assert restored.size == (56, 40)


def test_evaluate_scores_it(artifact, photos, capsys):
    assert main(["evaluate", str(artifact), "--data", str(photos), "--metrics", "psnr", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["provider"] == "stub runtime"


def test_bench_times_it_and_names_it(artifact, tmp_path, capsys):
    quick = ["--quick", "--runs", "3", "--duration", "0.05", "--threads", "1"]
    assert main(["bench", str(artifact), "-o", str(tmp_path / "report"), *quick]) == 0
    assert "Stub runtime" in capsys.readouterr().out
    (row,) = Report.open(tmp_path / "report" / "report.json").rows
    assert (row.status, row.runtime) == ("measured", "stubrun")


@pytest.mark.usefixtures("rooms")
def test_doctor_lists_it(capsys):
    assert main(["doctor", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert {row["name"]: row["ready"] for row in found["targets"]}["stub"]
    assert {row["name"]: row["runs"] for row in found["runtimes"]}["stubrun"] == ["stub"]


@pytest.mark.usefixtures("rooms")
def test_its_backend_is_chosen_and_checked():
    assert runtime_for("stub") == "stubrun"
    assert RUNTIMES["stubrun"].targets == ("stub",)
    with pytest.raises(UsageError, match="'onnxruntime' does not run stub artifacts; these do: stubrun"):
        runtime_for("stub", "onnxruntime")
