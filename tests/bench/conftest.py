"""An INT8 artifact for the tests of this folder."""

import pytest

import restorect_edge


@pytest.fixture(scope="session")
def artifact_int8(tmp_path_factory):
    """ONNX, INT8, 64x96."""
    return restorect_edge.export(
        "lowlight-small",
        target="onnx",
        precision="int8",
        shapes=[(64, 96)],
        output_dir=tmp_path_factory.mktemp("artifacts"),
        num_calib=4,
    )
