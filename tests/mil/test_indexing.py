"""Sorting, searching, sums along an axis and resampling, against numpy and against PyTorch's grid_sample."""

import numpy as np
import pytest
import torch
from coremltools.converters.mil import Builder as mb  # noqa: N813 - what MIL code calls it

from restorect_edge.errors import IncompatibleError

rng = np.random.default_rng(0)
X = rng.standard_normal((2, 3, 4, 5)).astype(np.float32)
GRID = (1.4 * rng.uniform(-1, 1, (2, 6, 7, 2))).astype(np.float32)  # some of it outside the image
INDICES = rng.integers(0, 5, X.shape).astype(np.int32)


@pytest.mark.parametrize("axis", [0, -1, 2])
@pytest.mark.parametrize("exclusive", [False, True])
@pytest.mark.parametrize("reverse", [False, True])
def test_cumsum(evaluate, axis, exclusive, reverse):
    found = evaluate(lambda x: mb.cumsum(x=x, axis=axis, exclusive=exclusive, reverse=reverse), X)
    row = np.flip(X, axis) if reverse else X
    expected = np.cumsum(row, axis) - (row if exclusive else 0)
    np.testing.assert_allclose(found, np.flip(expected, axis) if reverse else expected, atol=1e-6)


@pytest.mark.parametrize("ascending", [False, True])
@pytest.mark.parametrize("axis", [1, -1])
def test_topk_and_argsort(evaluate, ascending, axis):
    order = np.argsort(X if ascending else -X, axis, kind="stable")
    values, indices = evaluate(lambda x: mb.topk(x=x, k=2, axis=axis, ascending=ascending), X)
    first = np.take(order, [0, 1], axis)
    np.testing.assert_array_equal(indices, first)
    np.testing.assert_array_equal(values, np.take_along_axis(X, first, axis))
    found = evaluate(lambda x: mb.argsort(x=x, axis=axis, ascending=ascending), X)
    np.testing.assert_array_equal(found, order)


@pytest.mark.parametrize("keep_dims", [False, True])
def test_argmax_and_argmin(evaluate, keep_dims):
    found = evaluate(lambda x: mb.reduce_argmax(x=x, axis=1, keep_dims=keep_dims), X)
    np.testing.assert_array_equal(found, X.argmax(1, keepdims=keep_dims))
    found = evaluate(lambda x: mb.reduce_argmin(x=x, axis=1, keep_dims=keep_dims), X)
    np.testing.assert_array_equal(found, X.argmin(1, keepdims=keep_dims))


def test_gather_along_axis(evaluate):
    found = evaluate(lambda x: mb.gather_along_axis(x=x, indices=INDICES, axis=-1), X)
    np.testing.assert_array_equal(found, np.take_along_axis(X, INDICES, -1))


def test_gather_nd(evaluate):
    places = np.array([[0, 2], [1, 0]], np.int32)
    found = evaluate(lambda x: mb.gather_nd(x=x, indices=places), X)
    np.testing.assert_array_equal(found, X[places[:, 0], places[:, 1]])


@pytest.mark.parametrize("mode", ["update", "add"])
def test_scatter(evaluate, mode):
    new = np.ones((2, 2, 4, 5), np.float32)
    places = np.array([2, 0], np.int32)
    found = evaluate(lambda x: mb.scatter(data=x, indices=places, updates=new, axis=1, mode=mode), X)
    expected = X.copy()
    expected[:, [2, 0]] = new if mode == "update" else expected[:, [2, 0]] + new
    np.testing.assert_allclose(found, expected, atol=1e-6)


def resampled(evaluate, **options):
    settings = {"padding_value": 0.0, "coordinates_mode": "normalized_minus_one_to_one", **options}
    return evaluate(lambda x, grid: mb.resample(x=x, coordinates=grid, **settings), X, GRID)


@pytest.mark.parametrize("sampling", ["bilinear", "nearest"])
@pytest.mark.parametrize(
    ("padding", "theirs", "corners"),
    [
        ("constant", "zeros", True),
        ("constant", "zeros", False),
        ("border", "border", True),
        ("border", "border", False),
        ("reflection", "reflection", True),
        ("symmetric", "reflection", False),
    ],
)
def test_resample_is_grid_sample(evaluate, sampling, padding, theirs, corners):
    found = resampled(evaluate, sampling_mode=sampling, padding_mode=padding, align_corners=corners)
    expected = torch.nn.functional.grid_sample(
        torch.from_numpy(X),
        torch.from_numpy(GRID),
        mode=sampling,
        padding_mode=theirs,
        align_corners=corners,
    )
    np.testing.assert_allclose(found, expected.numpy(), atol=1e-5)


def test_resample_by_pixels_with_a_value_around(evaluate):
    grid = np.array([[[[0, 0], [4, 3], [1.5, 2], [-3, 0]]]], np.float32)
    found = evaluate(
        lambda x, grid: mb.resample(
            x=x,
            coordinates=grid,
            sampling_mode="bilinear",
            padding_mode="constant",
            padding_value=7.0,
            coordinates_mode="unnormalized",
            align_corners=True,
        ),
        X[:1],
        grid,
    )
    image = X[0]
    expected = np.stack([image[:, 0, 0], image[:, 3, 4], image[:, 2, 1:3].mean(1), np.full(3, 7.0)], axis=1)
    np.testing.assert_allclose(found[0, :, 0], expected, atol=1e-6)


def test_what_is_not_documented_is_refused(evaluate):
    with pytest.raises(IncompatibleError, match="coordinates_mode 'unnormalized' with align_corners False"):
        resampled(
            evaluate,
            sampling_mode="bilinear",
            padding_mode="border",
            align_corners=False,
            coordinates_mode="unnormalized",
        )
