"""How far a local network looks: its receptive field, computed rather than guessed."""

import copy

import torch
from torch import nn

from restorect_edge.models.student import MULTIPLE, Body

__all__ = ["halo"]


def halo(body: Body) -> int:
    """Return the pixels of context on each side that an output pixel of `body` needs.

    Every weight is made positive and every bias zero, so that nothing cancels and every ReLU passes;
    the gradient of one cell of the network's grid is then non-zero exactly where the cell looks.
    """
    probe = _positive(body)
    side = 32 * MULTIPLE
    while True:
        image = torch.full((1, 3, side, side), 0.5, dtype=torch.float64, requires_grad=True)
        z = torch.zeros(1, body.exposure.in_channels, 1, 1, dtype=torch.float64)
        first = side // 2 // MULTIPLE * MULTIPLE
        cell = slice(first, first + MULTIPLE)
        torch.autograd.backward(probe(image, z)[:, :, cell, cell].sum())
        assert image.grad is not None
        touched = torch.nonzero(image.grad.sum((0, 1, 3)))
        reach = max(first - int(touched.min()), int(touched.max()) + 1 - cell.stop)
        if reach < first - MULTIPLE:
            return reach
        side *= 2


def _positive(body: Body) -> Body:
    probe = copy.deepcopy(body).double().train()
    probe.gate = None  # one that z = 0 closes would hide the trunk
    with torch.no_grad():
        for module in probe.modules():
            if isinstance(module, nn.Conv2d):
                module.weight.fill_(1.0 / module.weight[0].numel())
                if module.bias is not None:
                    module.bias.zero_()
    return probe
