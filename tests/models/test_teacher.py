from collections.abc import Callable
from typing import Any, TypeVar

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

from restorect_edge.errors import UsageError
from restorect_edge.models.attention import (
    FeedForward,
    Modulation,
    QKNorm,
    RetinexAttention,
    SelfAttention,
    SpatialChannelNorm,
    TransposedAttention,
)
from restorect_edge.models.teacher import (
    MULTIPLE,
    ImageEncoder,
    RetinexEncoder,
    TransformerConfig,
    TransformerUNet,
)

M = TypeVar("M", bound=nn.Module)

TINY = TransformerConfig(
    dim=8, blocks=(1, 1, 1, 1), refinement=1, heads=(1, 2, 2, 4), latent=16, encoder_blocks=1
)


@pytest.fixture(autouse=True)
def seeded() -> None:
    torch.manual_seed(0)


def latents(config: TransformerConfig = TINY, count: int = 1) -> tuple[torch.Tensor, torch.Tensor]:
    first, second = torch.randn(2, count, config.latent, 1, 1).unbind()
    return first, second


def shaken(module: M) -> M:
    """Move every parameter off the value it starts from, so that none is neutral."""
    with torch.no_grad():
        for weight in module.parameters():
            weight.add_(0.3 * torch.randn_like(weight))
    return module


def test_spatial_channel_norm_has_one_mean_and_variance_per_image() -> None:
    norm = shaken(SpatialChannelNorm(6)).double()
    x = torch.randn(3, 6, 7, 9, dtype=torch.float64) * torch.tensor([1.0, 5.0, 0.01])[:, None, None, None] + 2
    x[0, 0, 0, 0] = 1e3
    expected = np.empty(x.shape)
    for n, image in enumerate(x.numpy()):
        expected[n] = (image - image.mean()) / np.sqrt(image.var() + 1e-5)
    assert expected.max() > 10
    expected = np.clip(expected, -10, 10) * norm.scale.detach().numpy()
    np.testing.assert_allclose(norm(x).detach().numpy(), expected, atol=1e-12)


def test_spatial_channel_norm_learns_a_scale_only() -> None:
    assert {n: tuple(p.shape) for n, p in SpatialChannelNorm(6).named_parameters()} == {"scale": (1, 6, 1, 1)}


def test_qk_norm_is_a_layer_norm_over_the_channels_of_a_head() -> None:
    norm = shaken(QKNorm(5))
    x = torch.randn(2, 3, 5, 11)
    expected = F.layer_norm(x.mT, (5,), norm.weight[:, 0], norm.bias[:, 0]).mT
    torch.testing.assert_close(norm(x), expected, atol=1e-5, rtol=1e-5)


def attended(
    q: np.ndarray, k: np.ndarray, v: np.ndarray, layer: TransposedAttention, heads: int
) -> np.ndarray:
    """The attention of one image (C, H, W), head by head and pixel by pixel."""
    c, h, w = q.shape
    width = c // heads

    def normalized(rows: np.ndarray, norm: QKNorm) -> np.ndarray:
        for pixel in range(rows.shape[1]):
            column = rows[:, pixel]
            rows[:, pixel] = (column - column.mean()) / np.sqrt(column.var() + 1e-5)
        rows = rows * norm.weight.detach().numpy() + norm.bias.detach().numpy()
        unit: np.ndarray = rows / np.linalg.norm(rows, axis=1, keepdims=True)
        return unit

    result = np.empty((c, h * w))
    for head in range(heads):
        part = slice(head * width, (head + 1) * width)
        rows = [x[part].reshape(width, -1).copy() for x in (q, k, v)]
        scores = normalized(rows[0], layer.q_norm) @ normalized(rows[1], layer.k_norm).T
        weights = np.exp(scores * layer.temperature[head].item())
        result[part] = weights / weights.sum(1, keepdims=True) @ rows[2]
    weight = layer.out.weight.detach().numpy()[:, :, 0, 0]
    mixed: np.ndarray = (weight @ result).reshape(c, h, w)
    return mixed


@pytest.mark.parametrize("heads", [1, 2, 4])
def test_attention_is_between_channels(heads: int) -> None:
    layer = shaken(TransposedAttention(8, heads)).double()
    q, k, v = torch.randn(3, 2, 8, 5, 6, dtype=torch.float64).unbind()
    result = layer(q, k, v).detach().numpy()
    for n in range(2):
        expected = attended(q[n].numpy(), k[n].numpy(), v[n].numpy(), layer, heads)
        np.testing.assert_allclose(result[n], expected, atol=1e-10)


def test_attention_fits_float16_at_any_usual_size() -> None:
    layer = TransposedAttention(2, 1)
    q, v = torch.randn(2, 1, 2, 300, 300).unbind()
    expected = layer(q, q, v).detach()
    result = layer.half()(q.half(), q.half(), v.half()).detach()
    torch.testing.assert_close(result.float(), expected, atol=0.02, rtol=0)


def test_modulation_scales_channels_by_one_plus_k() -> None:
    modulation = Modulation(4, 6)
    x, z = torch.randn(2, 6, 3, 3), torch.randn(2, 4, 1, 1)
    key = z[:, :, 0, 0] @ modulation.key.weight[:, :, 0, 0].T
    torch.testing.assert_close(modulation(x, z), x * (1 + key[:, :, None, None]))
    assert torch.equal(modulation(x, torch.zeros_like(z)), x)


def captured(layer: SelfAttention | RetinexAttention, x: torch.Tensor, z: torch.Tensor) -> list[torch.Tensor]:
    """Return the (q, k, v) that `layer` gives to its attention."""
    seen: list[torch.Tensor] = []
    hook: Callable[..., None] = lambda module, inputs: seen.extend(inputs)  # noqa: E731
    with layer.attention.register_forward_pre_hook(hook), torch.no_grad():
        layer(x, z)
    return seen


@pytest.mark.parametrize(
    ("part", "changed"),
    [("reflectance", (True, False, False)), ("illumination", (False, True, True))],
)
def test_retinex_attention_asks_reflectance_and_answers_from_illumination(
    part: str, changed: tuple[bool, bool, bool]
) -> None:
    layer = RetinexAttention(16, 2, 8)
    of_x, of_z = (slice(0, 12), slice(0, 6)) if part == "reflectance" else (slice(12, 16), slice(6, 8))
    x, z = torch.randn(1, 16, 4, 4), torch.randn(1, 8, 1, 1)
    before = captured(layer, x, z)
    assert [tensor.shape[1] for tensor in before] == [16, 16, 16]
    for tensor, channels in ((x, of_x), (z, of_z)):
        tensor[:, channels] += 1
        after = captured(layer, x, z)
        differs = [not torch.equal(a, b) for a, b in zip(before, after, strict=True)]
        assert tuple(differs) == changed
        before = after


def test_retinex_attention_splits_channels_three_to_one() -> None:
    layer = RetinexAttention(64, 1, 256)
    shapes = {name: tuple(p.shape[:2]) for name, p in layer.named_parameters() if p.dim() == 4}
    assert shapes["reflectance.key.weight"] == (48, 192)
    assert shapes["illumination.key.weight"] == (16, 64)
    assert shapes["q.0.weight"] == (64, 48)
    assert shapes["kv.0.weight"] == (128, 16)


def test_self_attention_uses_all_channels() -> None:
    layer = SelfAttention(8, 2, 4)
    x, z = torch.randn(1, 8, 4, 4), torch.randn(1, 4, 1, 1)
    q, k, v = captured(layer, x, z)
    point, depthwise = layer.qkv
    both = depthwise(point(layer.modulation(x, z)))
    torch.testing.assert_close(torch.cat([q, k, v], 1), both)
    torch.testing.assert_close(layer(x, z), layer.attention(q, k, v))


def test_feed_forward_is_a_gated_gelu() -> None:
    layer = FeedForward(8, 2.66, 4)
    x, z = torch.randn(1, 8, 5, 5), torch.randn(1, 4, 1, 1)
    point, depthwise = layer.enter
    assert point.out_channels == 2 * 21
    assert depthwise.groups == 2 * 21
    hidden = depthwise(point(layer.modulation(x, z))).double()
    gate, value = hidden[:, :21], hidden[:, 21:]
    gate = gate * 0.5 * (1 + torch.erf(gate / 2**0.5))
    expected = torch.einsum("oi,nihw->nohw", layer.out.weight[:, :, 0, 0].double(), gate * value)
    torch.testing.assert_close(layer(x, z).double(), expected, atol=1e-6, rtol=1e-5)


@pytest.mark.parametrize("size", [(MULTIPLE, MULTIPLE), (16, 40), (48, 24)])
def test_the_unet_keeps_the_shape(size: tuple[int, int]) -> None:
    net, x = TransformerUNet(TINY), torch.rand(2, 3, *size)
    with torch.no_grad():
        assert net(x, *latents(count=2)).shape == x.shape


def test_decoder_features_run_from_coarse_to_fine() -> None:
    with torch.no_grad():
        features = TransformerUNet(TINY).features(torch.rand(1, 3, 16, 24), latents()[0])
    assert [tuple(f.shape[1:]) for f in features] == [(32, 4, 6), (16, 8, 12), (16, 16, 24)]


def test_the_unet_predicts_a_residual() -> None:
    net, x = TransformerUNet(TINY), torch.rand(1, 3, 16, 16)
    nn.init.zeros_(net.leave.weight)
    assert torch.equal(net(x, *latents()), x)


def test_the_retinex_latent_shapes_the_decoder_and_the_image_latent_the_refinement() -> None:
    net, x = TransformerUNet(TINY), torch.rand(1, 3, 16, 16)
    (z_rex, z_img), (other_rex, other_img) = latents(), latents()
    with torch.no_grad():
        restored = net(x, z_rex, z_img)
        assert not torch.equal(net.features(x, z_rex)[2], net.features(x, other_rex)[2])
        assert not torch.equal(net(x, other_rex, z_img), restored)
        assert not torch.equal(net(x, z_rex, other_img), restored)


def test_a_black_image_has_finite_gradients() -> None:
    net = TransformerUNet(TINY)
    net(torch.zeros(1, 3, 16, 16), *latents()).sum().backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in net.parameters())


def test_the_gradient_reaches_every_weight() -> None:
    net = TransformerUNet(TINY)
    net(torch.rand(1, 3, 16, 16), *latents()).square().sum().backward()
    without = [n for n, p in net.named_parameters() if p.grad is None or not p.grad.any()]
    assert without == []


def test_the_paper_size_has_the_published_parameter_count() -> None:
    # The public training log of stage 1 counts 25,890,683: U-Net, both encoders on image pairs and a
    # decomposition head for training (three 3×3 of 64 → 64 and one of 64 → 4, with bias), at that
    # time with a bias in every normalization and without QK norm.
    config = TransformerConfig()
    with torch.device("meta"):
        parts = [
            TransformerUNet(config),
            ImageEncoder(config, images=2, normalize=False),
            RetinexEncoder(config, images=2, normalize=False),
        ]
    count = sum(p.numel() for part in parts for p in part.parameters())
    modules = [module for part in parts for module in part.modules()]
    biases = sum(m.scale.numel() for m in modules if isinstance(m, SpatialChannelNorm))
    qk_norms = sum(m.weight.numel() + m.bias.numel() for m in modules if isinstance(m, QKNorm))
    head = 3 * (64 * 64 * 9 + 64) + 64 * 4 * 9 + 4
    assert count + head + biases - qk_norms == 25_890_683


def test_encoders_give_standardised_latents() -> None:
    x, illumination = torch.rand(2, 3, 16, 24), torch.rand(2, 1, 16, 24)
    for z in (ImageEncoder(TINY)(x), RetinexEncoder(TINY)(x, illumination)):
        assert z.shape == (2, TINY.latent, 1, 1)
        torch.testing.assert_close(z.mean(1), torch.zeros(2, 1, 1), atol=1e-5, rtol=0)


def test_encoders_take_pairs_and_leave_the_latent_alone_when_told() -> None:
    x, illumination = torch.rand(1, 6, 16, 16), torch.rand(1, 2, 16, 16)
    encoder = ImageEncoder(TINY, images=2, normalize=False)
    z = encoder(x)
    assert z.shape == (1, TINY.latent, 1, 1)
    assert z.mean().abs() > 1e-4
    encoder.normalize = True
    torch.testing.assert_close(encoder(x).flatten(), F.layer_norm(z.flatten(), (TINY.latent,)))
    retinex = RetinexEncoder(TINY, images=2, normalize=False)
    assert retinex(x, illumination).shape == (1, TINY.latent, 1, 1)


def test_three_quarters_of_the_retinex_latent_come_from_the_reflectance() -> None:
    encoder = RetinexEncoder(TINY, normalize=False)
    reflectance, illumination = torch.rand(1, 3, 16, 16), torch.rand(1, 1, 16, 16)
    with torch.no_grad():
        z = encoder(reflectance, illumination)
        bright = encoder(reflectance, illumination + 1)
    assert torch.equal(z[:, :12], bright[:, :12])
    assert (z[:, 12:] != bright[:, 12:]).all()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"dim": 6}, "dim must be a positive multiple of 4, got 6"),
        ({"latent": 0}, "latent must be a positive multiple of 4, got 0"),
        ({"dim": 8, "heads": (1, 2, 4, 5)}, r"heads\[3\] must divide the level's 64 channels, got 5"),
        ({"heads": (0, 2, 4, 8)}, r"heads\[0\] must divide"),
    ],
)
def test_sizes_that_do_not_fit_are_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        TransformerConfig(**options)
