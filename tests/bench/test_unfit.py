"""Whatever a user names for --onnx: what fits is timed, and each of the rest is a row that says why."""

import os
from dataclasses import replace

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from restorect_edge.bench.measure.protocol import QUICK
from restorect_edge.bench.session import Session, Setup
from restorect_edge.bench.subjects import candidates

SHORT = replace(QUICK, least_warm_up_s=0.01, warm_up_cap_s=0.05, duration_s=0.02, least_runs=2)
FLOAT, SIDES = TensorProto.FLOAT, (1, 3, 16, 24)


def write(path, *, inputs=(SIDES,), outputs=(SIDES,), kind=FLOAT, opset=17, nodes=None, held=()):
    """Write a model of some inputs, whose outputs are all the first of them unless `nodes` say otherwise."""
    names = [f"x{index}" for index in range(len(inputs))], [f"y{index}" for index in range(len(outputs))]
    ends = [
        [helper.make_tensor_value_info(name, kind, shape) for name, shape in zip(found, shapes, strict=True)]
        for found, shapes in zip(names, (inputs, outputs), strict=True)
    ]
    nodes = nodes or [helper.make_node("Identity", ["x0"], [name]) for name in names[1]]
    graph = helper.make_graph(nodes, "net", *ends, list(held))
    opsets = [helper.make_opsetid("", opset), helper.make_opsetid("of.theirs", 1)]
    onnx.save(helper.make_model(graph, opset_imports=opsets, ir_version=9), path)
    return path


def without_its_data(path):
    weight = numpy_helper.from_array(np.zeros((3, 3, 3, 3), np.float32), "w")
    node = helper.make_node("Conv", ["x0", "w"], ["y0"], pads=[1, 1, 1, 1])
    model = onnx.load(write(path, nodes=[node], held=[weight]))
    onnx.save(model, path, save_as_external_data=True, location="net.data", size_threshold=0)
    (path.parent / "net.data").unlink()


def cut_off(path):
    weight = numpy_helper.from_array(np.ones((3, 3, 3, 3), np.float32), "w")
    write(path, nodes=[helper.make_node("Conv", ["x0", "w"], ["y0"], pads=[1, 1, 1, 1])], held=[weight])
    path.write_bytes(path.read_bytes()[:200])


def failing(path):
    sizes = numpy_helper.from_array(np.array([1, 3, 5, 7], np.int64), "sizes")
    write(path, nodes=[helper.make_node("Reshape", ["x0", "sizes"], ["y0"])], held=[sizes])


def of_another_name(path):
    write(path.with_suffix(".bin")).rename(path)


def a_picture(path):
    from PIL import Image

    Image.new("RGB", (4, 4)).save(path, format="PNG")


KINDS = {
    "gone": (None, "there is no file"),
    "empty": (lambda path: path.write_bytes(b""), "is empty, not an ONNX model"),
    "folder": (lambda path: path.mkdir(), "a folder"),
    "text": (lambda path: path.write_text("weights"), "a text file"),
    "picture": (a_picture, "not an ONNX model"),
    "cut off": (cut_off, "not a whole ONNX model"),
    "no data": (without_its_data, "not a whole ONNX model"),
    "unreadable": (lambda path: write(path).chmod(0), ""),
    "a link to nothing": (lambda path: path.symlink_to("nowhere.onnx"), "there is no file"),
    "newer opset": (lambda path: write(path, opset=99), "cannot load"),
    "operation of theirs": (
        lambda path: write(path, nodes=[helper.make_node("Magic", ["x0"], ["y0"], domain="of.theirs")]),
        "cannot load",
    ),
    "two inputs": (lambda path: write(path, inputs=[SIDES, (1, 1)]), "x1: float32 1x1"),
    "no input": (
        lambda path: write(
            path, inputs=[], nodes=[helper.make_node("Constant", [], ["y0"], value_float=1.0)]
        ),
        "takes none",
    ),
    "two pictures": (lambda path: write(path, outputs=[SIDES, SIDES]), "2 of these could be the picture"),
    "four outputs": (lambda path: write(path, outputs=[SIDES] * 4), "4 of these could be the picture"),
    "batch of four": (lambda path: write(path, inputs=[(4, 3, 16, 24)]), "4x3x16x24"),
    "no batch": (lambda path: write(path, inputs=[(3, 16, 24)]), "3x16x24"),
    "rank not said": (lambda path: write(path, inputs=[None], outputs=[None]), "x0: float32"),
    "channels not said": (lambda path: write(path, inputs=[(1, "c", "h", "w")]), r"1x?x?x?"),
    "whole numbers": (lambda path: write(path, kind=TensorProto.INT32), "int32"),
    "video": (lambda path: write(path, inputs=[(1, 5, 3, 16, 24)]), "1x5x3x16x24"),
    "smaller": (
        lambda path: write(
            path,
            nodes=[helper.make_node("AveragePool", ["x0"], ["y0"], kernel_shape=[2, 2], strides=[2, 2])],
        ),
        "no picture of 1, 2, 3",
    ),
    "fails": (failing, "failed"),
}


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_each_kind_is_a_row_and_none_ends_the_others(tmp_path, capsys):
    paths = {}
    kinds = {kind: row for kind, row in KINDS.items() if kind != "unreadable" or os.geteuid()}
    for number, (kind, (make, _)) in enumerate(kinds.items()):
        folder = tmp_path / str(number)
        folder.mkdir()
        paths[kind] = folder / "net.onnx"
        if make is not None:
            make(paths[kind])
    paths["fits"] = write(tmp_path / "fits.onnx")
    of_another_name(tmp_path / "fits.weights")
    found = candidates([], [*paths.values(), tmp_path / "fits.weights"])
    setup = Setup(protocol=SHORT, shapes=(SIDES[2:],), extras=False)
    *unfit, fits, renamed = Session(found, setup).run().rows
    for (kind, (_, said)), row in zip(kinds.items(), unfit, strict=True):
        assert (row.status, kind) == ("not measured", kind)
        assert said in row.reason, kind
        assert "\n" not in row.reason
    assert fits.total_ms and renamed.total_ms
    assert "Error" not in capsys.readouterr().err
