"""A file in INT8 takes and gives float32, whatever its network begins with."""

import numpy as np
import torch
from ai_edge_litert.interpreter import Interpreter
from torch import nn

from restorect_edge.export.options import ExportOptions
from restorect_edge.models.tracing.graph import trace_whole
from restorect_edge.quantization.own.modules import quantize_module
from restorect_edge.spec import ImageSpec
from restorect_edge.targets.litert.converter import convert


def test_a_network_without_a_shortcut_is_called_with_floats(tmp_path):
    with torch.random.fork_rng():
        torch.manual_seed(0)
        network = nn.Sequential(
            nn.Conv2d(3, 8, 3, padding=1), nn.ReLU(), nn.Conv2d(8, 3, 3, padding=1)
        ).eval()
    numbers = np.random.default_rng(0)
    images = [numbers.integers(0, 256, (16, 24, 3), np.uint8) for _ in range(2)]
    quantized = quantize_module(network, ImageSpec(), images, (16, 24))
    (graph,) = trace_whole(quantized, ImageSpec(), [(16, 24)], False)
    run = Interpreter(str(convert(graph, tmp_path, ExportOptions(precision="int8"))))
    run.allocate_tensors()
    runner = run.get_signature_runner()
    assert {
        d["dtype"] for d in (*runner.get_input_details().values(), *runner.get_output_details().values())
    } == {np.float32}
    image = numbers.random((1, 3, 16, 24), np.float32)
    with torch.no_grad():
        wanted = quantized(torch.from_numpy(image)).numpy()
    assert np.sqrt(np.mean((runner(image=image)["restored"] - wanted) ** 2)) < 0.01 * wanted.std() + 0.005
