"""What verifies an artifact may be unable to run it: then it is kept only on request, and says so."""

import json

import pytest
import torch
from torch import nn

import restorect_edge
from restorect_edge import UsageError
from restorect_edge.cli.export import main as export
from restorect_edge.cli.inspect import main as inspect
from restorect_edge.cli.verify import main as verify
from restorect_edge.errors import BackendError, IncompatibleError, UnverifiedWarning
from restorect_edge.export.verify.check import backend_class
from restorect_edge.targets.registry import TARGETS

SHAPE = (32, 48)


class Lacking(nn.Module):
    """Has an operation that the MIL interpreter lacks."""

    def forward(self, x):
        return x + 0.001 * torch.triu(x)


def saved(tmp_path):
    torch.export.save(
        torch.export.export(Lacking().eval(), (torch.rand(1, 3, *SHAPE),)), tmp_path / "lacking.pt2"
    )
    return ["--target", "coreml", "--weights", str(tmp_path / "lacking.pt2"), "-o", str(tmp_path / "out")]


def test_an_operation_that_the_interpreter_lacks_is_refused_with_the_way_out(tmp_path, capsys):
    assert export(saved(tmp_path)) == 4
    (line,) = (line for line in capsys.readouterr().err.splitlines() if line.startswith("error: "))
    assert (
        "coreml of 'lacking' was made but cannot be verified: 'model.mlpackage': operation band_part" in line
    )
    assert line.endswith("not kept. To keep it without a verdict: --allow-unverified")
    assert ".partial" not in line
    assert not list((tmp_path / "out").iterdir())


def test_on_request_it_is_kept_and_every_verb_says_so(tmp_path, capsys):
    assert export([*saved(tmp_path), "--allow-unverified"]) == 0
    out, err = capsys.readouterr()
    assert "coreml: not verified: 'model.mlpackage': operation band_part" in err
    path = out.strip()
    assert inspect([path]) == 0
    assert "not verified: 'model.mlpackage': operation band_part" in capsys.readouterr().out
    assert verify([path]) == 4
    assert f"'{path}' is not verified, for it cannot be run: " in capsys.readouterr().err
    with (
        pytest.warns(UnverifiedWarning, match="kept without a verdict .* operation band_part") as caught,
        pytest.raises(IncompatibleError, match="operation band_part"),
    ):
        restorect_edge.load(path, runtime="mil")
    assert caught[0].filename == __file__


@pytest.mark.parametrize("target", TARGETS)
def test_every_target_keeps_what_its_verification_cannot_run(tmp_path, target, monkeypatch):
    for need in TARGETS[target].missing():
        pytest.skip(f"no module '{need.module}'")

    def lacking(self, path):
        raise BackendError(f"'{path}': no kernel for Conv")

    runtime = backend_class(TARGETS[target].verified_by)
    monkeypatch.setattr(runtime, "_open", lacking)
    options = {"target": target, "name": "mine", "shapes": [SHAPE], "output_dir": tmp_path}
    network = nn.Conv2d(3, 3, 1)
    with pytest.raises(BackendError, match=r"no kernel for Conv; not kept.* --allow-unverified$"):
        restorect_edge.export(network, **options)
    artifact = restorect_edge.export(network, **options, allow_unverified=True)
    found = artifact.manifest.verification
    assert found["status"] == "unverified"
    assert found["reason"].endswith("no kernel for Conv")
    assert json.loads((artifact.path / "report.json").read_text())["verification"] == found
    monkeypatch.undo()
    with pytest.warns(UnverifiedWarning), restorect_edge.load(artifact.path, runtime=runtime.name) as restore:
        assert restore.info.verification["psnr"] is None


def test_a_network_that_falls_short_is_not_kept_for_it(tmp_path):
    with pytest.raises(IncompatibleError, match=r"far outside \[0, 1\]"):
        restorect_edge.export(
            Scales(), target="onnx", shapes=[SHAPE], output_dir=tmp_path, allow_unverified=True
        )
    assert not list(tmp_path.iterdir())


class Scales(nn.Module):
    """Gives 0 to 2550."""

    def forward(self, x):
        return x * 2550.0


def test_precision_auto_chooses_by_verdicts(tmp_path):
    with pytest.raises(UsageError, match="--allow-unverified keeps what has no verdict"):
        restorect_edge.export(
            target="onnx", precision="auto", allow_unverified=True, shapes=[SHAPE], output_dir=tmp_path
        )
