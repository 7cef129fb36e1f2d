"""A run that moves: packed in parts, and trained from the bundle alone."""

import json
import subprocess
import sys

import pytest

from restorect_edge import load
from restorect_edge.media.photos import photos

RUN = ["student", "--preset", "nano", "--batch", "2", "--patch", "32", "--threads", "1", "--warmup", "1"]


@pytest.fixture(scope="module")
def bundle(repository, pairs, tmp_path_factory):
    folder = tmp_path_factory.mktemp("moved") / "bundle"
    arguments = ["-o", folder, "--data", pairs, "--validation", pairs, "--init", "lowlight-nano"]
    command = [sys.executable, repository / "training" / "move.py", *arguments]
    subprocess.run([*command, "--part-bytes", "4000000", "--", *RUN], check=True)
    return folder


def trained(bundle, output, *options):
    command = [sys.executable, bundle / "run.py", "-o", output, *options]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_parts_are_small_and_hashed(bundle):
    parts = sorted(bundle.glob("part-*.bin"))
    assert len(parts) >= 3
    assert all(part.stat().st_size <= 4_000_000 for part in parts)
    facts = json.loads((bundle / "bundle.json").read_text())
    assert set(facts["parts"]) == {part.name for part in parts}
    assert facts["arguments"][-2:] == ["--amp", "1.0"]


def test_the_bundle_trains_by_itself_and_brings_back_weights_and_log(bundle, tmp_path):
    done = trained(bundle, tmp_path / "out", "--minutes", "5", "--steps", "4")
    assert done.returncode == 0, done.stderr
    rows = (tmp_path / "out" / "run" / "log.jsonl").read_text().splitlines()
    assert [json.loads(row)["step"] for row in rows] == [1, 2, 3, 4]
    assert json.loads(rows[-1])["psnr"] > 10
    assert not list((tmp_path / "out").rglob("*.webp"))
    dark = photos((96, 128))["kodak07-dark"]
    with load(tmp_path / "out" / "run" / "best.safetensors") as restore:
        assert restore(dark).mean() > 2 * dark.mean()


def test_time_that_is_over_is_kept_to(bundle, tmp_path):
    done = trained(bundle, tmp_path / "out", "--minutes", "0.01", "--timed", "2")
    assert "steps/s: 2 steps" in done.stdout
    assert done.returncode == 1
    assert "no checkpoint was reached" in done.stderr


@pytest.mark.parametrize(("change", "message"), [("unlink", "is missing"), ("damage", "is damaged")])
def test_a_bundle_that_is_not_whole_says_so(bundle, tmp_path, change, message):
    part = sorted(bundle.glob("part-*.bin"))[1]
    content = part.read_bytes()
    part.unlink() if change == "unlink" else part.write_bytes(content[:-1])
    try:
        done = trained(bundle, tmp_path, "--minutes", "1")
    finally:
        part.write_bytes(content)
    assert done.returncode == 1
    assert f"'{part.name}' {message}" in done.stderr
