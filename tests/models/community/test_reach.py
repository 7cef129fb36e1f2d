"""The measured halo: enough, no larger than the structure, and none where tiles would change the picture."""

import pytest
import torch
from torch import nn

from restorect_edge import ImageSpec, SizeRequirements
from restorect_edge.models.community.reach import measured_halo


def convolutions(*kernels: int) -> nn.Module:
    return nn.Sequential(*(nn.Conv2d(3, 3, k, padding=k // 2) for k in kernels)).eval()


class Dead(nn.Module):
    """Looks 4 pixels far by weights of 0 and behind a ReLU that never opens."""

    def __init__(self) -> None:
        super().__init__()
        self.far = nn.Conv2d(3, 3, 9, padding=4)
        nn.init.zeros_(self.far.weight)

    def forward(self, x):
        return x + torch.relu(self.far(x) - 100)


class Strided(nn.Module):
    """Works at a quarter of the size."""

    def __init__(self) -> None:
        super().__init__()
        self.down, self.up = nn.Conv2d(3, 8, 4, stride=4), nn.ConvTranspose2d(8, 3, 4, stride=4)
        self.middle = nn.Conv2d(8, 8, 3, padding=1)

    def forward(self, x):
        return self.up(self.middle(self.down(x)))


class Mean(nn.Module):
    def forward(self, x):
        return x - x.mean((2, 3), keepdim=True)


class Ramp(nn.Module):
    """Local, but it adds where in the image a pixel is, which a tile cannot know."""

    def forward(self, x):
        return x + torch.linspace(0, 1, x.shape[2])[:, None]


class Compared(nn.Module):
    """Looks 6 pixels below, in a comparison, which a value that is not a number passes as false."""

    def forward(self, x):
        return torch.where(torch.roll(x, -6, 2) > 0.5, x, -x)


@pytest.mark.parametrize("kernels", [(1,), (3,), (5, 3), (3, 3, 3, 3), (31, 31, 31)])
def test_convolutions_need_half_their_kernels(kernels):
    with torch.random.fork_rng():
        assert measured_halo(convolutions(*kernels), ImageSpec()) == sum(k // 2 for k in kernels)


def test_weights_of_zero_and_closed_activations_count_as_structure():
    assert measured_halo(Dead().eval(), ImageSpec()) == 4


def test_tiles_start_on_the_grid_of_a_strided_network():
    spec = ImageSpec(size=SizeRequirements(minimum=4, multiple_of=4))
    assert measured_halo(Strided().eval(), spec) == 4


def test_a_network_that_enlarges():
    network = nn.Sequential(nn.Conv2d(3, 12, 3, padding=1), nn.PixelShuffle(2), nn.Conv2d(3, 3, 3, padding=1))
    assert measured_halo(network.eval(), ImageSpec(scale=2)) in (1, 2)  # 1.5 pixels of the input


@pytest.mark.parametrize("network", [Mean(), Ramp(), Compared()])
def test_none_where_tiles_change_the_picture(network):
    assert measured_halo(network.eval(), ImageSpec()) is None


def test_what_fails_for_a_narrow_strip_is_not_tiled():
    network = nn.Sequential(nn.Conv2d(3, 3, 8), nn.ZeroPad2d((3, 4, 3, 4))).eval()
    assert measured_halo(network, ImageSpec()) is None
