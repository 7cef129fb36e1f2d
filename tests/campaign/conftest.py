"""The campaign's folder, importable as its script has it."""

import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent


@pytest.fixture(scope="package", autouse=True)
def importable():
    """Let tests import `robustness` and the `_results` that it writes its report with."""
    paths = [str(HERE), str(HERE.parents[1] / "benchmarks")]
    sys.path[:0] = paths
    yield
    for path in paths:
        sys.path.remove(path)
