"""The network that an artifact is compared with."""

import numpy as np
import pytest

from restorect_edge.errors import IncompatibleError
from restorect_edge.export.verify.reference import of_network
from restorect_edge.models.weights import load_weights


def test_sides_that_the_network_does_not_take_are_said():
    """A manifest from elsewhere may claim any."""
    run = of_network(load_weights("lowlight-nano").network)
    with pytest.raises(IncompatibleError, match=r"does not take an image of 63x96 \(height x width\): "):
        run(np.zeros((1, 3, 63, 96), np.float32))
