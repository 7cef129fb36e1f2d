"""Convolution, pooling and resizing against nested loops over their definitions."""

import itertools
import math

import numpy as np
import pytest
from coremltools.converters.mil import Builder as mb  # noqa: N813 - what MIL code calls it
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from restorect_edge.errors import IncompatibleError

rng = np.random.default_rng(1)
X = rng.standard_normal((2, 4, 7, 6)).astype(np.float32)
KERNEL = rng.standard_normal((6, 4, 3, 2)).astype(np.float32)
BIAS = rng.standard_normal(6).astype(np.float32)


def convolved(x, weight, bias=None, strides=(1, 1), pad=(0, 0, 0, 0), dilations=(1, 1), groups=1):
    """Sum over the window, one output value at a time."""
    x = np.pad(x.astype(np.float64), [(0, 0), (0, 0), pad[:2], pad[2:]])
    cout, per_group, kh, kw = weight.shape
    (sh, sw), (dh, dw) = strides, dilations
    high = (x.shape[2] - (kh - 1) * dh - 1) // sh + 1
    wide = (x.shape[3] - (kw - 1) * dw - 1) // sw + 1
    out = np.zeros((x.shape[0], cout, high, wide))
    for n, o, i, j in np.ndindex(out.shape):
        first = o // (cout // groups) * per_group
        for c, u, v in np.ndindex(per_group, kh, kw):
            out[n, o, i, j] += weight[o, c, u, v] * x[n, first + c, i * sh + u * dh, j * sw + v * dw]
    return out if bias is None else out + bias[None, :, None, None]


def scattered(x, weight, bias, strides, pad, groups=1):
    """Transposed convolution: every input value adds its kernel to the output."""
    cin, per_group, kh, kw = weight.shape
    n, _, h, w = x.shape
    (sh, sw), cout = strides, per_group * groups
    full = np.zeros((n, cout, (h - 1) * sh + kh, (w - 1) * sw + kw))
    for c, i, j, o in itertools.product(range(cin), range(h), range(w), range(per_group)):
        target = c // (cin // groups) * per_group + o
        patch = x[:, c, i, j, None, None] * weight[c, o]
        full[:, target, i * sh : i * sh + kh, j * sw : j * sw + kw] += patch
    top, bottom, left, right = pad
    inside = full[:, :, top : full.shape[2] - bottom, left : full.shape[3] - right]
    return inside + bias[None, :, None, None]


def pooled(x, kernel, strides, pad, reduce, outside):
    """Reduce each window; `outside` stands for what lies beyond the image."""
    x = np.pad(x, [(0, 0), (0, 0), pad[:2], pad[2:]], constant_values=outside)
    high = (x.shape[2] - kernel[0]) // strides[0] + 1
    wide = (x.shape[3] - kernel[1]) // strides[1] + 1
    out = np.empty((*x.shape[:2], high, wide))
    for i, j in np.ndindex(high, wide):
        rows = slice(i * strides[0], i * strides[0] + kernel[0])
        columns = slice(j * strides[1], j * strides[1] + kernel[1])
        out[:, :, i, j] = reduce(x[:, :, rows, columns], (2, 3))
    return out


def sampled(x, points_h, points_w):
    """Bilinear interpolation of x at the points of a grid."""
    out = np.empty((*x.shape[:2], len(points_h), len(points_w)))
    for (i, ph), (j, pw) in itertools.product(enumerate(points_h), enumerate(points_w)):
        ph, pw = min(x.shape[2] - 1, max(0, ph)), min(x.shape[3] - 1, max(0, pw))
        top, left = math.floor(ph), math.floor(pw)
        bottom, right = min(top + 1, x.shape[2] - 1), min(left + 1, x.shape[3] - 1)
        b, r = ph - top, pw - left
        upper = (1 - r) * x[:, :, top, left] + r * x[:, :, top, right]
        lower = (1 - r) * x[:, :, bottom, left] + r * x[:, :, bottom, right]
        out[:, :, i, j] = (1 - b) * upper + b * lower
    return out


def half_pixels(before, after):
    return [(i + 0.5) * before / after - 0.5 for i in range(after)]


def corners(before, after):
    return [i * (before - 1) / (after - 1) for i in range(after)]


DOWN = {"kernel_sizes": [3, 2], "strides": [2, 2]}
CONV = {"weight": KERNEL, "bias": BIAS}
UP_KERNEL = rng.standard_normal((4, 3, 4, 4)).astype(np.float32)

CASES = {
    "conv valid": (
        lambda x: mb.conv(x=x, weight=KERNEL, pad_type="valid"),
        lambda x: convolved(x, KERNEL),
    ),
    "conv bias, stride, pads": (
        lambda x: mb.conv(x=x, **CONV, strides=[2, 1], pad_type="custom", pad=[1, 1, 1, 1]),
        lambda x: convolved(x, KERNEL, BIAS, (2, 1), (1, 1, 1, 1)),
    ),
    "conv uneven pads": (
        lambda x: mb.conv(x=x, **CONV, pad_type="custom", pad=[0, 2, 3, 1]),
        lambda x: convolved(x, KERNEL, BIAS, pad=(0, 2, 3, 1)),
    ),
    "conv dilated": (
        lambda x: mb.conv(x=x, **CONV, dilations=[2, 3], pad_type="valid"),
        lambda x: convolved(x, KERNEL, BIAS, dilations=(2, 3)),
    ),
    "conv same": (  # 7 rows, stride 2: 4 outputs want 9 rows; 6 columns, kernel 2: the odd one goes behind
        lambda x: mb.conv(x=x, **CONV, strides=[2, 1], pad_type="same"),
        lambda x: convolved(x, KERNEL, BIAS, (2, 1), (1, 1, 0, 1)),
    ),
    "conv same_lower": (
        lambda x: mb.conv(x=x, **CONV, strides=[2, 1], pad_type="same_lower"),
        lambda x: convolved(x, KERNEL, BIAS, (2, 1), (1, 1, 1, 0)),
    ),
    "conv grouped": (
        lambda x: mb.conv(x=x, weight=KERNEL[:, :2], bias=BIAS, groups=2, pad_type="valid"),
        lambda x: convolved(x, KERNEL[:, :2], BIAS, groups=2),
    ),
    "conv depthwise": (
        lambda x: mb.conv(x=x, weight=KERNEL[:4, :1], groups=4, pad_type="valid"),
        lambda x: convolved(x, KERNEL[:4, :1], groups=4),
    ),
    "conv in one dimension": (
        lambda x: mb.conv(x=mb.reshape(x=x, shape=[2, 4, 42]), weight=KERNEL[..., 0], pad_type="valid"),
        lambda x: convolved(x.reshape(2, 4, 42, 1), KERNEL[..., :1])[..., 0],
    ),
    "conv_transpose": (
        lambda x: mb.conv_transpose(x=x, weight=UP_KERNEL, bias=BIAS[:3], strides=[2, 3], pad_type="valid"),
        lambda x: scattered(x, UP_KERNEL, BIAS[:3], (2, 3), (0, 0, 0, 0)),
    ),
    "conv_transpose with pads": (
        lambda x: mb.conv_transpose(
            x=x, weight=UP_KERNEL, bias=BIAS[:3], strides=[2, 2], pad_type="custom", pad=[1, 2, 0, 1]
        ),
        lambda x: scattered(x, UP_KERNEL, BIAS[:3], (2, 2), (1, 2, 0, 1)),
    ),
    "conv_transpose grouped": (
        lambda x: mb.conv_transpose(
            x=x, weight=UP_KERNEL, bias=BIAS, strides=[2, 2], groups=2, pad_type="valid"
        ),
        lambda x: scattered(x, UP_KERNEL, BIAS, (2, 2), (0, 0, 0, 0), groups=2),
    ),
    "avg_pool": (
        lambda x: mb.avg_pool(x=x, **DOWN, pad_type="valid"),
        lambda x: pooled(x, (3, 2), (2, 2), (0, 0, 0, 0), np.mean, 0),
    ),
    "avg_pool counts the padding": (
        lambda x: mb.avg_pool(x=x, **DOWN, pad_type="custom", pad=[1, 1, 0, 2]),
        lambda x: pooled(x, (3, 2), (2, 2), (1, 1, 0, 2), np.mean, 0),
    ),
    "avg_pool leaves the padding out": (
        lambda x: mb.avg_pool(
            x=x, **DOWN, pad_type="custom", pad=[1, 1, 0, 1], exclude_padding_from_average=True
        ),
        lambda x: pooled(x, (3, 2), (2, 2), (1, 1, 0, 1), np.nanmean, np.nan),
    ),
    "avg_pool upwards": (  # 6 columns, kernel 2, stride 5: a second window with one column inside
        lambda x: mb.avg_pool(x=x, kernel_sizes=[1, 2], strides=[1, 5], pad_type="valid", ceil_mode=True),
        lambda x: np.stack([(x[..., 0] + x[..., 1]) / 2, x[..., 5]], -1),
    ),
    "max_pool": (
        lambda x: mb.max_pool(x=x, **DOWN, pad_type="custom", pad=[1, 1, 0, 1]),
        lambda x: pooled(x, (3, 2), (2, 2), (1, 1, 0, 1), np.max, -np.inf),
    ),
    "max_pool same": (
        lambda x: mb.max_pool(x=x, **DOWN, pad_type="same"),
        lambda x: pooled(x, (3, 2), (2, 2), (1, 1, 0, 0), np.max, -np.inf),
    ),
    "upsample_nearest_neighbor": (
        lambda x: mb.upsample_nearest_neighbor(x=x, scale_factor_height=2, scale_factor_width=3),
        lambda x: x.repeat(2, 2).repeat(3, 3),
    ),
    "resize_nearest_neighbor": (
        lambda x: mb.resize_nearest_neighbor(x=x, target_size_height=14, target_size_width=6),
        lambda x: x.repeat(2, 2),
    ),
    "upsample_bilinear corners": (
        lambda x: mb.upsample_bilinear(x=x, scale_factor_height=2, scale_factor_width=3, align_corners=True),
        lambda x: sampled(x, corners(7, 14), corners(6, 18)),
    ),
    "upsample_bilinear half pixels": (
        lambda x: mb.upsample_bilinear(
            x=x, scale_factor_height=1.5, scale_factor_width=2.0, align_corners=False
        ),
        lambda x: sampled(x, half_pixels(7, 10), half_pixels(6, 12)),
    ),
    "resize_bilinear UNALIGN_CORNERS": (
        lambda x: mb.resize_bilinear(
            x=x, target_size_height=5, target_size_width=9, sampling_mode="UNALIGN_CORNERS"
        ),
        lambda x: sampled(x, half_pixels(7, 5), half_pixels(6, 9)),
    ),
    "resize_bilinear STRICT_ALIGN_CORNERS": (
        lambda x: mb.resize_bilinear(
            x=x, target_size_height=5, target_size_width=9, sampling_mode="STRICT_ALIGN_CORNERS"
        ),
        lambda x: sampled(x, corners(7, 5), corners(6, 9)),
    ),
    "resize_bilinear ALIGN_CORNERS to one": (
        lambda x: mb.resize_bilinear(
            x=x, target_size_height=1, target_size_width=9, sampling_mode="ALIGN_CORNERS"
        ),
        lambda x: sampled(x, [3.0], corners(6, 9)),
    ),
    "resize_bilinear DEFAULT": (
        lambda x: mb.resize_bilinear(x=x, target_size_height=5, target_size_width=9),
        lambda x: sampled(x, [i * 7 / 5 for i in range(5)], [i * 6 / 9 for i in range(9)]),
    ),
    "resize_bilinear OFFSET_CORNERS": (
        lambda x: mb.resize_bilinear(
            x=x, target_size_height=5, target_size_width=9, sampling_mode="OFFSET_CORNERS"
        ),
        lambda x: sampled(x, [(i + 0.5) * 6 / 5 for i in range(5)], [(i + 0.5) * 5 / 9 for i in range(9)]),
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_spatial(results, name):
    expected = CASES[name][1](X.astype(np.float64))
    assert results[name].shape == expected.shape
    np.testing.assert_allclose(results[name], expected, rtol=1e-4, atol=1e-5)


@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    height=st.integers(3, 8),
    width=st.integers(3, 8),
    kernel=st.integers(1, 3),
    stride=st.integers(1, 3),
    pad=st.lists(st.integers(0, 2), min_size=4, max_size=4),
)
def test_convolution_of_any_size(evaluate, height, width, kernel, stride, pad):
    random = np.random.default_rng(height * width)
    x = random.standard_normal((1, 2, height, width)).astype(np.float32)
    weight = random.standard_normal((3, 2, kernel, kernel)).astype(np.float32)
    result = evaluate(
        lambda x: mb.conv(x=x, weight=weight, strides=[stride] * 2, pad_type="custom", pad=pad), x
    )
    np.testing.assert_allclose(
        result, convolved(x, weight, None, (stride, stride), pad), rtol=1e-4, atol=1e-5
    )


REFUSED = {
    "conv_transpose '.*': pad_type 'same'": lambda x: mb.conv_transpose(
        x=x, weight=UP_KERNEL, strides=[2, 2], pad_type="same"
    ),
    "conv_transpose '.*': output_shape .* where pads give": lambda x: mb.conv_transpose(
        x=x, weight=UP_KERNEL, strides=[2, 2], pad_type="valid", output_shape=[2, 3, 17, 14]
    ),
    "max_pool '.*': ceil_mode with padding": lambda x: mb.max_pool(
        x=x, **DOWN, pad_type="custom", pad=[1, 1, 0, 0], ceil_mode=True
    ),
    "upsample_nearest_neighbor '.*': nearest-neighbor scale 1.5": lambda x: mb.upsample_nearest_neighbor(
        x=x, scale_factor_height=1.5, scale_factor_width=1.0
    ),
    "upsample_bilinear '.*': half_pixel_centers False": lambda x: mb.upsample_bilinear(
        x=x, scale_factor_height=2, scale_factor_width=2, align_corners=False, half_pixel_centers=False
    ),
}


@pytest.mark.parametrize("message", REFUSED)
def test_what_is_not_handled_is_refused(evaluate, message):
    with pytest.raises(IncompatibleError, match=message):
        evaluate(REFUSED[message], X)
