"""ExecuTorch: what its files say, and the one pool of threads that all programs of a process share."""

import json

import numpy as np
import pytest

from restorect_edge import load
from restorect_edge.cli.export import main
from restorect_edge.targets.executorch.runtime import ExecuTorchRuntime


@pytest.fixture(scope="module")
def artifact(artifact_of):
    return artifact_of("executorch")


def test_the_program_says_what_it_is(artifact):
    ExecuTorchRuntime.devices()  # importing the library warns
    from executorch.runtime import Runtime

    program = Runtime.get().load_program(artifact.path / "model.pte")
    (text,) = program.load_method("metadata").execute([])
    facts = json.loads(text)
    assert facts["restorect_edge.name"] == artifact.manifest.name
    assert facts["restorect_edge.weights_sha256"] == artifact.manifest.weights["sha256"]


def test_runtimes_of_different_thread_counts_run_in_turns(artifact, photo):
    with load(artifact.path, threads=1) as one, load(artifact.path, threads=2) as two:
        results = [runtime(photo) for _ in range(2) for runtime in (one, two)]
    assert all(np.abs(result.astype(int) - results[0]).max() <= 1 for result in results)


@pytest.mark.parametrize("precision", ["fp16", "int8"])
def test_other_precisions_are_refused_before_any_work(tmp_path, capsys, precision):
    assert main(["--target", "executorch", "--precision", precision, "-o", str(tmp_path)]) == 1
    assert "executorch has fp32 and auto" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())
