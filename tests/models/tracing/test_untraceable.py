"""Networks that cannot be traced: one sentence in their author's words, and the way out."""

import pytest
import torch
from torch import nn

import restorect_edge
from restorect_edge.errors import RestorectError


class Base(nn.Module):
    channels = 3

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(self.channels, self.channels, 3, padding=1)


class Gray(Base):
    channels = 1

    def forward(self, x):
        return self.conv(x)


class Rgba(Gray):
    channels = 4


class TwoInputs(Base):
    def forward(self, x, noise):
        return self.conv(x) + noise


class Branch(Base):
    def forward(self, x):
        return self.conv(x) if x.mean() < 0.5 else x


class Loop(Base):
    def forward(self, x):
        while x.max() > 0.25:
            x = x * 0.5
        return x


class Item(Base):
    def forward(self, x):
        return x if x.sum().item() > 3 else self.conv(x)


class SquareOnly(Base):
    def forward(self, x):
        return self.conv(x) + x.transpose(2, 3)


class Fourier(Base):
    def forward(self, x):
        h, w = x.shape[-2:]
        return torch.fft.irfft2(torch.fft.rfft2(self.conv(x)), s=(h, w)) + torch.linspace(0, 1, w)


class Bessel(Base):
    def forward(self, x):
        return x + torch.special.bessel_j0(x) * 0.01


class Raises(Base):
    def forward(self, x):
        raise KeyError("gamma")


CASES = {
    Gray: ({}, r"images of 1 channel, .* RGB image → RGB image network"),
    Rgba: ({}, r"images of 4 channels, .* RGB image → RGB image network"),
    TwoInputs: ({}, r"another input 'noise', .* RGB image → RGB image network"),
    Branch: ({}, r"branches on the values of the picture \(test_untraceable\.py, line \d+\)"),
    Loop: ({}, r"branches on the values of the picture \(test_untraceable\.py, line \d+\)"),
    Item: ({}, r"branches on the values of the picture"),
    SquareOnly: ({"dynamic": True}, r"."),
    Bessel: ({}, r"No ONNX function found for .*bessel_j0"),
    Raises: ({}, r"KeyError: 'gamma'"),
}


@pytest.mark.parametrize("network", CASES, ids=lambda network: network.__name__)
def test_the_sentence_says_what_and_how(network, tmp_path, capfd):
    options, message = CASES[network]
    chosen = options or {"shapes": [(32, 48)]}
    with pytest.raises(RestorectError, match=message) as caught:
        restorect_edge.export(network().eval(), target="onnx", output_dir=tmp_path / "out", **chosen)
    assert len(str(caught.value).splitlines()) == 1
    assert len(str(caught.value)) < 400
    assert "\x1b" not in str(caught.value)
    assert capfd.readouterr() == ("", "")
    assert not list(tmp_path.rglob("*.onnx"))


def test_sides_that_cannot_stay_free_ask_for_shapes(tmp_path):
    with pytest.raises(RestorectError, match=r"cannot stay free: use --shapes HxW"):
        restorect_edge.export(Fourier().eval(), target="onnx", dynamic=True, output_dir=tmp_path / "out")
