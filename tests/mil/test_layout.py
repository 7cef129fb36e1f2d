"""Operations that move values, against numpy and against their index formulas."""

import numpy as np
import pytest
from coremltools.converters.mil import Builder as mb  # noqa: N813 - what MIL code calls it
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from restorect_edge.errors import IncompatibleError

X = np.arange(2 * 12 * 4 * 6, dtype=np.float32).reshape(2, 12, 4, 6)
LINE = np.arange(12, dtype=np.float32)


def shuffled(x, f):
    """out[n, c, h·f + i, w·f + j] = x[n, c·f² + i·f + j, h, w]."""
    n, c, h, w = x.shape
    out = np.empty((n, c // f**2, h * f, w * f), x.dtype)
    for channel, i, j in np.ndindex(c // f**2, f, f):
        out[:, channel, i::f, j::f] = x[:, channel * f * f + i * f + j]
    return out


def unshuffled(x, f):
    """out[n, c·f² + i·f + j, h, w] = x[n, c, h·f + i, w·f + j]."""
    n, c, h, w = x.shape
    out = np.empty((n, c * f**2, h // f, w // f), x.dtype)
    for channel, i, j in np.ndindex(c, f, f):
        out[:, channel * f * f + i * f + j] = x[:, channel, i::f, j::f]
    return out


CASES = {
    "reshape": (lambda x: mb.reshape(x=x, shape=[2, 3, 96]), lambda x: x.reshape(2, 3, 96)),
    "reshape with -1 and 0": (
        lambda x: mb.reshape(x=x, shape=[0, 0, 2, -1]),
        lambda x: x.reshape(2, 12, 2, 12),
    ),
    "reshape by a computed shape": (
        lambda x: mb.reshape(x=x, shape=mb.gather(x=mb.shape(x=x), indices=[3, 2, 1, 0])),
        lambda x: x.reshape(6, 4, 12, 2),
    ),
    "transpose": (lambda x: mb.transpose(x=x, perm=[0, 2, -1, 1]), lambda x: x.transpose(0, 2, 3, 1)),
    "expand_dims": (
        lambda x: mb.squeeze(x=mb.expand_dims(x=mb.reshape(x=x, shape=[96, 6]), axes=[0, -1]), axes=[0]),
        lambda x: x.reshape(96, 6, 1),
    ),
    "squeeze": (
        lambda x: mb.squeeze(x=mb.reshape(x=x, shape=[1, 96, 1, 6])),
        lambda x: x.reshape(96, 6),
    ),
    "squeeze leaves other sizes": (lambda x: mb.squeeze(x=x, axes=[0]), lambda x: x),
    "flatten2d": (lambda x: mb.flatten2d(x=x, axis=-2), lambda x: x.reshape(24, 24)),
    "concat": (lambda x: mb.concat(values=[x, x, x], axis=-3), lambda x: np.concatenate([x, x, x], 1)),
    "concat interleaved": (
        lambda x: mb.concat(values=[x, mb.mul(x=x, y=-1.0)], axis=1, interleave=True),
        lambda x: np.stack([x, -x], 2).reshape(2, 24, 4, 6),
    ),
    "concat with a constant": (
        lambda x: mb.concat(values=[x, np.ones((2, 1, 4, 6), np.float32)], axis=1),
        lambda x: np.concatenate([x, np.ones((2, 1, 4, 6))], 1),
    ),
    "stack": (lambda x: mb.stack(values=[x, x], axis=1), lambda x: np.stack([x, x], 1)),
    "tile": (lambda x: mb.tile(x=x, reps=[1, 2, 1, 3]), lambda x: np.tile(x, (1, 2, 1, 3))),
    "reverse": (lambda x: mb.reverse(x=x, axes=[1, -1]), lambda x: x[:, ::-1, :, ::-1]),
    "reverse all": (lambda x: mb.reverse(x=x), lambda x: x[::-1, ::-1, ::-1, ::-1]),
    "shape": (lambda x: mb.shape(x=x), lambda x: np.int32(x.shape)),
    "fill": (
        lambda x: mb.fill(shape=mb.shape(x=x), value=2.5),
        lambda x: np.full(x.shape, 2.5, np.float32),
    ),
    "fill_like": (
        lambda x: mb.fill_like(ref_tensor=x, value=1.5),
        lambda x: np.full(x.shape, 1.5, np.float32),
    ),
    "range_1d": (
        lambda x: mb.range_1d(start=1, end=mb.squeeze(x=mb.gather(x=mb.shape(x=x), indices=[1])), step=2),
        lambda x: np.arange(1, 12, 2),
    ),
    "gather": (
        lambda x: mb.gather(x=x, indices=np.int32([[3, 0], [1, 1]]), axis=2),
        lambda x: x[:, :, [[3, 0], [1, 1]]],
    ),
    "gather of one": (lambda x: mb.gather(x=x, indices=np.int32(2), axis=1), lambda x: x[:, 2]),
    "slice_by_index": (
        lambda x: mb.slice_by_index(x=x, begin=[0, -5, 1, 0], end=[2, -1, 4, 6], stride=[1, 2, 1, 3]),
        lambda x: x[0:2, -5:-1:2, 1:4, 0:6:3],
    ),
    "slice_by_index with masks": (
        lambda x: mb.slice_by_index(
            x=x,
            begin=[1, 9, 3, 2],
            end=[2, 10, 3, 3],
            begin_mask=[False, True, False, False],
            end_mask=[True, False, False, True],
            squeeze_mask=[True, False, True, False],
        ),
        lambda x: x[1, :10, 3, 2:],
    ),
    "slice_by_size": (
        lambda x: mb.slice_by_size(x=x, begin=[0, -4, 1, 2], size=[1, 2, -1, 3]),
        lambda x: x[:1, 8:10, 1:, 2:5],
    ),
    "pixel_shuffle": (lambda x: mb.pixel_shuffle(x=x, upscale_factor=2), lambda x: shuffled(x, 2)),
    "pixel_unshuffle": (
        lambda x: mb.pixel_unshuffle(x=x, downscale_factor=np.uint32(2)),
        lambda x: unshuffled(x, 2),
    ),
    "pad constant": (
        lambda x: mb.pad(x=x, pad=[1, 2, 3, 4], mode="constant", constant_val=7.0),
        lambda x: np.pad(x, [(0, 0), (0, 0), (1, 2), (3, 4)], constant_values=7),
    ),
    "pad reflect": (
        lambda x: mb.pad(x=x, pad=[1, 2, 3, 4], mode="reflect"),
        lambda x: np.pad(x, [(0, 0), (0, 0), (1, 2), (3, 4)], mode="reflect"),
    ),
    "pad replicate": (
        lambda x: mb.pad(x=x, pad=[1, 2, 3, 4], mode="replicate"),
        lambda x: np.pad(x, [(0, 0), (0, 0), (1, 2), (3, 4)], mode="edge"),
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_layout(results, name):
    np.testing.assert_array_equal(results[name], CASES[name][1](X))


def test_split(evaluate):
    found = evaluate(
        lambda x: (
            *mb.split(x=x, num_splits=3, axis=1),
            *mb.split(x=x, split_sizes=[1, 5], axis=-1),
        ),
        X,
    )
    for part, expected in zip(found, [*np.split(X, 3, 1), *np.split(X, [1], 3)], strict=True):
        np.testing.assert_array_equal(part, expected)


@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(f=st.integers(2, 3), c=st.integers(1, 3), h=st.integers(1, 4), w=st.integers(1, 4))
def test_pixel_shuffles_of_any_size(evaluate, f, c, h, w):
    small = np.random.default_rng(c).random((1, c * f * f, h, w), np.float32)
    up, down = evaluate(
        lambda x: (
            mb.pixel_shuffle(x=x, upscale_factor=f),
            mb.pixel_unshuffle(x=mb.pixel_shuffle(x=x, upscale_factor=f), downscale_factor=np.uint32(f)),
        ),
        small,
    )
    np.testing.assert_array_equal(up, shuffled(small, f))
    np.testing.assert_array_equal(down, small)


def test_what_is_not_handled_is_refused(evaluate):
    with pytest.raises(IncompatibleError, match=r"slice_by_index '.*': stride \[-1\]; the MIL interpreter"):
        evaluate(lambda x: mb.slice_by_index(x=x, begin=[5], end=[0], stride=[-1]), LINE)
    with pytest.raises(IncompatibleError, match=r"gather '.*': batch_dims 1"):
        evaluate(lambda x: mb.gather(x=x, indices=np.int32([[0], [1]]), axis=1, batch_dims=1), X)
    with pytest.raises(IncompatibleError, match=r"gather '.*': indices outside 0\.\.11"):
        evaluate(lambda x, i: mb.gather(x=x, indices=i), LINE, np.int32([12]))
    with pytest.raises(IncompatibleError, match=r"pad '.*': reflection of 12 in a dimension of size 12"):
        evaluate(lambda x: mb.pad(x=x, pad=[12, 0], mode="reflect"), LINE)
