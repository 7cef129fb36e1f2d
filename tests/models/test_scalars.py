"""Numbers read off parameters are constants of the graph."""

import pytest
import torch
from torch import nn

from restorect_edge import ImageSpec
from restorect_edge.models.graph import trace_whole


class Power(nn.Module):
    """Raises to a power that it reads by ``item``, off a parameter or a buffer."""

    def __init__(self, buffer: bool) -> None:
        super().__init__()
        if buffer:
            self.register_buffer("power", torch.tensor(2.5))
        else:
            self.power = nn.Parameter(torch.tensor(2.5))

    def forward(self, x):
        return (x + 0.5) ** self.power.item() / self.power.item()


@pytest.mark.parametrize("buffer", [False, True])
def test_item_of_a_parameter_is_a_number(buffer):
    (graph,) = trace_whole(Power(buffer), ImageSpec(), [(8, 8)], False)
    targets = {str(node.target) for node in graph.program.graph.nodes}
    assert not any("item" in target or "scalar_dense" in target for target in targets)
    image = torch.rand(1, 3, 8, 8)
    assert torch.allclose(graph.program.module()(image), (image + 0.5) ** 2.5 / 2.5)
