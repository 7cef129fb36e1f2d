"""A minute of the campaign: some of every part, by the command that anyone runs."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).with_name("run.py")
SAMPLE = {"images": 30, "artifacts": 8, "kills": 5, "disks": 3, "seconds": 3}


@pytest.fixture(scope="module")
def base(shared, artifact_onnx, artifact_split, tmp_path_factory) -> Path:
    """The artifacts of other tests, under the campaign's names."""
    folder = tmp_path_factory.mktemp("base")
    named = {"onnx": artifact_onnx, "onnx-split": artifact_split}
    for name, artifact in named.items():
        (folder / name).mkdir()
        (folder / name / artifact.path.name).symlink_to(artifact.path)
    return folder


def test_a_sample_finds_nothing(base, tmp_path):
    """Verbs that need no PyTorch, so that it is a minute: the campaign itself takes them all."""
    options = [text for name, count in SAMPLE.items() for text in (f"--{name}", str(count))]
    folders = ["-o", str(tmp_path), "--base", str(base)]
    command = [sys.executable, str(SCRIPT), *folders, "--verbs", "run", *options]
    ran = subprocess.run(command, capture_output=True, text=True, timeout=600)
    rows = "\n".join(path.read_text(encoding="utf-8") for path in sorted(tmp_path.glob("*.jsonl")))
    assert ran.returncode == 0, f"{ran.stdout}\n{ran.stderr}\n{rows}"
    report = json.loads((tmp_path / "report.json").read_text(encoding="utf-8"))
    assert all(row["tried"] >= row["planned"] and not row["failures"] for row in report["rows"])
    facts = {row["part"]: row["facts"] for row in report["rows"]}
    assert facts["images"]["restored"] > 5
    assert facts["images"]["refused"] > 5
    assert facts["kills"]["kills that hit"] > 0
    assert facts["threads"]["calls"] > 8
