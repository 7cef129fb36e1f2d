"""One small artifact per target, each exported once a session and only if a test asks for it."""

import os
import shutil
from pathlib import Path

import numpy as np
import pytest
from hypothesis import settings

import restorect_edge
from restorect_edge import Artifact

settings.register_profile("same-examples-every-run", derandomize=True)
settings.load_profile("same-examples-every-run")

SHAPE = (64, 96)
"""Height and width of the artifacts with fixed sides."""


def _export(factory: pytest.TempPathFactory, target: str, **options) -> Artifact:
    return restorect_edge.export(
        "lowlight-small", target=target, output_dir=factory.mktemp("artifacts"), **options
    )


@pytest.fixture(scope="session")
def artifact_onnx(tmp_path_factory):
    """ONNX, float32, 64x96."""
    return _export(tmp_path_factory, "onnx", shapes=[SHAPE])


@pytest.fixture(scope="session")
def artifact_openvino(tmp_path_factory):
    """OpenVINO, float32, 64x96."""
    return _export(tmp_path_factory, "openvino", shapes=[SHAPE])


@pytest.fixture(scope="session")
def artifact_coreml(tmp_path_factory):
    """Core ML, float16, 64x96, images in and out."""
    pytest.importorskip("coremltools")
    return _export(tmp_path_factory, "coreml", shapes=[SHAPE])


@pytest.fixture(scope="session")
def artifact_tensorrt(tmp_path_factory):
    """ONNX for TensorRT, float16, 64x96."""
    pytest.importorskip("tensorrt_rtx_bindings")
    return _export(tmp_path_factory, "tensorrt", shapes=[SHAPE])


@pytest.fixture(scope="session")
def artifact_litert(tmp_path_factory):
    """LiteRT, float32, 64x96."""
    pytest.importorskip("litert_torch")
    return _export(tmp_path_factory, "litert", shapes=[SHAPE])


@pytest.fixture(scope="session")
def artifact_split(tmp_path_factory):
    """ONNX, float32, prior and body with free sides."""
    return _export(tmp_path_factory, "onnx", form="split", dynamic=True)


@pytest.fixture(scope="session")
def photo() -> np.ndarray:
    """A dark picture, (40, 56, 3) uint8 RGB: smooth ramps and an edge."""
    rows, columns = np.mgrid[0:40, 0:56].astype(np.float32)
    planes = [rows * 1.2, columns * 0.8, np.where(columns > 28, 50.0, 5.0)]
    return np.stack(planes, axis=-1).astype(np.uint8)


@pytest.fixture(scope="session")
def repository() -> Path:
    """The folder that holds pyproject.toml."""
    return Path(__file__).parents[1]


@pytest.fixture(scope="session")
def program():
    """Return the path of a program that a test needs; without it the test is skipped, but never in CI."""

    def find(name: str) -> str:
        path = shutil.which(name, path=f"{os.environ.get('PATH', os.defpath)}:/usr/sbin")
        if path is None and os.environ.get("RESTORECT_EDGE_REQUIRE_ALL") == "1":
            pytest.fail(f"'{name}' is not installed, and CI has to run every test")
        if path is None:
            pytest.skip(f"'{name}' is not installed (see .ci/packages.txt)")
        return path

    return find
