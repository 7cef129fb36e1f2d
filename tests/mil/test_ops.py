"""Arithmetic, activations, reductions, normalization and products against formulas in numpy.

Operations of one kind share a saved program with one output each; every output is its own test.
"""

import math

import numpy as np
import pytest
from coremltools.converters.mil import Builder as mb  # noqa: N813 - what MIL code calls it

from restorect_edge.errors import IncompatibleError

rng = np.random.default_rng(0)
X = (3 * rng.standard_normal((2, 3, 4, 5))).astype(np.float32)
Y = (3 * rng.standard_normal((1, 3, 1, 5))).astype(np.float32)
POSITIVE = (np.abs(X) + 0.1).astype(np.float32)
TIES = np.array([-2.5, -1.5, -0.5, -0.2, 0.5, 1.5, 2.5, 2.6], np.float32)
SLOPES = np.array([0.1, 0.2, 0.3], np.float32)
GAMMA, BETA, MEAN, VARIANCE = (rng.random(3, np.float32) + 0.5 for _ in range(4))
ROW_GAMMA, ROW_BETA = rng.random((2, 4, 5), np.float32)


def erf(x):
    return np.vectorize(math.erf)(x)


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def along_channels(v):
    return v[None, :, None, None]


def standardized(x, axes, epsilon):
    return (x - x.mean(axes, keepdims=True)) / np.sqrt(x.var(axes, keepdims=True) + epsilon)


UNARY = {
    "abs": (lambda x: mb.abs(x=x), np.abs),
    "ceil": (lambda x: mb.ceil(x=x), np.ceil),
    "clamped_relu": (
        lambda x: mb.clamped_relu(x=x, alpha=0.3, beta=1.5),
        lambda x: np.where(x >= 0, np.minimum(x, 1.5), np.minimum(0.3 * x, 1.5)),
    ),
    "clip": (lambda x: mb.clip(x=x, alpha=-1.0, beta=2.0), lambda x: np.minimum(np.maximum(x, -1), 2)),
    "cos": (lambda x: mb.cos(x=x), np.cos),
    "elu": (lambda x: mb.elu(x=x, alpha=0.7), lambda x: np.where(x > 0, x, 0.7 * (np.exp(x) - 1))),
    "erf": (lambda x: mb.erf(x=x), erf),
    "atan": (lambda x: mb.atan(x=x), np.arctan),
    "tan": (lambda x: mb.tan(x=x), np.tan),
    "sinh": (lambda x: mb.sinh(x=x), np.sinh),
    "cosh": (lambda x: mb.cosh(x=x), np.cosh),
    "asin": (lambda x: mb.asin(x=mb.mul(x=mb.tanh(x=x), y=0.9)), lambda x: np.arcsin(0.9 * np.tanh(x))),
    "acos": (lambda x: mb.acos(x=mb.mul(x=mb.tanh(x=x), y=0.9)), lambda x: np.arccos(0.9 * np.tanh(x))),
    "atanh": (lambda x: mb.atanh(x=mb.mul(x=mb.sin(x=x), y=0.9)), lambda x: np.arctanh(0.9 * np.sin(x))),
    "softplus_parametric": (
        lambda x: mb.softplus_parametric(x=x, alpha=np.float32([2, 1, 0.5]), beta=np.float32([1, 2, 3])),
        lambda x: np.reshape([2, 1, 0.5], (3, 1, 1)) * np.log1p(np.exp(np.reshape([1, 2, 3], (3, 1, 1)) * x)),
    ),
    "thresholded_relu": (lambda x: mb.thresholded_relu(x=x, alpha=0.3), lambda x: np.where(x >= 0.3, x, 0)),
    "exp": (lambda x: mb.exp(x=x), np.exp),
    "exp2": (lambda x: mb.exp2(x=x), np.exp2),
    "floor": (lambda x: mb.floor(x=x), np.floor),
    "gelu exact": (lambda x: mb.gelu(x=x, mode="EXACT"), lambda x: x * (1 + erf(x / math.sqrt(2))) / 2),
    "gelu tanh": (
        lambda x: mb.gelu(x=x, mode="TANH_APPROXIMATION"),
        lambda x: x * (1 + np.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3))) / 2,
    ),
    "gelu sigmoid": (
        lambda x: mb.gelu(x=x, mode="SIGMOID_APPROXIMATION"),
        lambda x: x * sigmoid(1.702 * x),
    ),
    "identity": (lambda x: mb.identity(x=x), lambda x: x),
    "inverse": (lambda x: mb.inverse(x=mb.abs(x=x), epsilon=0.5), lambda x: 1 / (np.abs(x) + 0.5)),
    "leaky_relu": (lambda x: mb.leaky_relu(x=x, alpha=0.2), lambda x: np.where(x >= 0, x, 0.2 * x)),
    "linear_activation": (lambda x: mb.linear_activation(x=x, alpha=2.0, beta=3.0), lambda x: 2 * x + 3),
    "log": (lambda x: mb.log(x=mb.abs(x=x), epsilon=0.5), lambda x: np.log(np.abs(x) + 0.5)),
    "prelu": (
        lambda x: mb.prelu(x=x, alpha=SLOPES),
        lambda x: np.where(x > 0, x, along_channels(SLOPES) * x),
    ),
    "relu": (lambda x: mb.relu(x=x), lambda x: np.maximum(x, 0)),
    "relu6": (lambda x: mb.relu6(x=mb.mul(x=x, y=3.0)), lambda x: np.minimum(np.maximum(3 * x, 0), 6)),
    "rsqrt": (lambda x: mb.rsqrt(x=mb.abs(x=x), epsilon=0.5), lambda x: (np.abs(x) + 0.5) ** -0.5),
    "scaled_tanh": (lambda x: mb.scaled_tanh(x=x, alpha=2.0, beta=0.5), lambda x: 2 * np.tanh(0.5 * x)),
    "sigmoid": (lambda x: mb.sigmoid(x=x), sigmoid),
    "sigmoid_hard": (
        lambda x: mb.sigmoid_hard(x=x, alpha=0.3, beta=0.4),
        lambda x: np.minimum(np.maximum(0.3 * x + 0.4, 0), 1),
    ),
    "sign": (lambda x: mb.sign(x=x), np.sign),
    "silu": (lambda x: mb.silu(x=x), lambda x: x * sigmoid(x)),
    "sin": (lambda x: mb.sin(x=x), np.sin),
    "softmax": (
        lambda x: mb.softmax(x=x, axis=1),
        lambda x: np.exp(x) / np.exp(x).sum(1, keepdims=True),
    ),
    "softplus": (lambda x: mb.softplus(x=x), lambda x: np.log(1 + np.exp(x))),
    "softsign": (lambda x: mb.softsign(x=x), lambda x: x / (1 + np.abs(x))),
    "sqrt": (lambda x: mb.sqrt(x=mb.abs(x=x)), lambda x: np.abs(x) ** 0.5),
    "square": (lambda x: mb.square(x=x), lambda x: x * x),
    "tanh": (lambda x: mb.tanh(x=x), np.tanh),
    "threshold": (lambda x: mb.threshold(x=x, alpha=0.5), lambda x: np.maximum(x, 0.5)),
    # sums and moments
    "reduce_mean": (
        lambda x: mb.reduce_mean(x=x, axes=[2, 3], keep_dims=True),
        lambda x: x.mean((2, 3))[..., None, None],
    ),
    "reduce_mean of all": (lambda x: mb.reduce_mean(x=x), lambda x: x.mean()),
    "reduce_sum": (lambda x: mb.reduce_sum(x=x, axes=[-1]), lambda x: x.sum(-1)),
    "reduce_max": (lambda x: mb.reduce_max(x=x, axes=[1, 2]), lambda x: x.max((1, 2))),
    "reduce_min": (lambda x: mb.reduce_min(x=x, axes=[0]), lambda x: x.min(0)),
    "reduce_prod": (lambda x: mb.reduce_prod(x=x, axes=[1, 3]), lambda x: x.prod((1, 3))),
    "reduce_l1_norm": (lambda x: mb.reduce_l1_norm(x=x, axes=[1]), lambda x: np.abs(x).sum(1)),
    "reduce_l2_norm": (lambda x: mb.reduce_l2_norm(x=x, axes=[1]), lambda x: (x**2).sum(1) ** 0.5),
    "reduce_sum_square": (lambda x: mb.reduce_sum_square(x=x, axes=[1]), lambda x: (x**2).sum(1)),
    "reduce_log_sum": (
        lambda x: mb.reduce_log_sum(x=mb.abs(x=x), axes=[1]),
        lambda x: np.log(np.abs(x).sum(1)),
    ),
    "reduce_log_sum_exp": (
        lambda x: mb.reduce_log_sum_exp(x=x, axes=[1]),
        lambda x: np.log(np.exp(x).sum(1)),
    ),
    "layer_norm": (
        lambda x: mb.layer_norm(x=x, axes=[2, 3], gamma=ROW_GAMMA, beta=ROW_BETA, epsilon=1e-3),
        lambda x: standardized(x, (2, 3), 1e-3) * ROW_GAMMA + ROW_BETA,
    ),
    "layer_norm without affine": (
        lambda x: mb.layer_norm(x=x, axes=[1], epsilon=1e-5),
        lambda x: standardized(x, (1,), 1e-5),
    ),
    "instance_norm": (
        lambda x: mb.instance_norm(x=x, gamma=GAMMA, beta=BETA, epsilon=1e-3),
        lambda x: standardized(x, (2, 3), 1e-3) * along_channels(GAMMA) + along_channels(BETA),
    ),
    "batch_norm": (
        lambda x: mb.batch_norm(x=x, mean=MEAN, variance=VARIANCE, gamma=GAMMA, beta=BETA, epsilon=1e-3),
        lambda x: (
            (x - along_channels(MEAN)) / np.sqrt(along_channels(VARIANCE) + 1e-3) * along_channels(GAMMA)
            + along_channels(BETA)
        ),
    ),
    "l2_norm": (
        lambda x: mb.l2_norm(x=x, epsilon=1e-3),
        lambda x: x / np.sqrt((x**2).sum((1, 2, 3), keepdims=True) + 1e-3),
    ),
}

BINARY = {
    "add": (mb.add, lambda x, y: x + y),
    "sub": (mb.sub, lambda x, y: x - y),
    "mul": (mb.mul, lambda x, y: x * y),
    "real_div": (mb.real_div, lambda x, y: x / y),
    "floor_div": (mb.floor_div, lambda x, y: np.floor(x / y)),
    "mod": (mb.mod, lambda x, y: x - y * np.floor(x / y)),
    "maximum": (mb.maximum, lambda x, y: np.where(x > y, x, y)),
    "minimum": (mb.minimum, lambda x, y: np.where(x > y, y, x)),
    "pow": (lambda x, y: mb.pow(x=mb.abs(x=x), y=y), lambda x, y: np.exp(y * np.log(np.abs(x)))),
    "select": (
        lambda x, y: mb.select(cond=mb.greater(x=x, y=y), a=x, b=mb.add(x=y, y=np.zeros_like(X))),
        lambda x, y: np.where(x > y, x, y),
    ),
}

COMPARISONS = {
    "equal": (mb.equal, lambda x, y: x == y),
    "not_equal": (mb.not_equal, lambda x, y: x != y),
    "greater": (mb.greater, lambda x, y: x > y),
    "greater_equal": (mb.greater_equal, lambda x, y: x >= y),
    "less": (mb.less, lambda x, y: x < y),
    "less_equal": (mb.less_equal, lambda x, y: x <= y),
    "logical_and": (
        lambda x, y: mb.logical_and(x=mb.greater(x=x, y=1), y=mb.greater(x=y, y=1)),
        lambda x, y: (x > 1) & (y > 1),
    ),
    "logical_or": (
        lambda x, y: mb.logical_or(x=mb.greater(x=x, y=1), y=mb.greater(x=y, y=1)),
        lambda x, y: (x > 1) | (y > 1),
    ),
    "logical_xor": (
        lambda x, y: mb.logical_xor(x=mb.greater(x=x, y=1), y=mb.greater(x=y, y=1)),
        lambda x, y: (x > 1) != (y > 1),
    ),
    "logical_not": (lambda x, y: mb.logical_not(x=mb.equal(x=x, y=y)), lambda x, y: x != y),
}


@pytest.fixture(scope="module")
def unary(evaluate):
    return dict(
        zip(UNARY, evaluate(lambda x: tuple(build(x) for build, _ in UNARY.values()), X), strict=True)
    )


@pytest.fixture(scope="module")
def binary(evaluate):
    results = evaluate(lambda x, y: tuple(build(x=x, y=y) for build, _ in BINARY.values()), X, Y)
    return dict(zip(BINARY, results, strict=True))


@pytest.mark.parametrize("name", UNARY)
def test_of_one_input(unary, name):
    expected = UNARY[name][1](X.astype(np.float64))
    assert unary[name].shape == np.shape(expected)
    np.testing.assert_allclose(unary[name], expected, rtol=2e-5, atol=2e-6)


@pytest.mark.parametrize("name", BINARY)
def test_of_two_inputs_broadcast(binary, name):
    expected = BINARY[name][1](X.astype(np.float64), Y.astype(np.float64))
    np.testing.assert_allclose(binary[name], expected, rtol=2e-5, atol=2e-5)


def test_comparisons_of_integers(evaluate):
    x, y = np.array([0, 1, 2, 3], np.int32), np.array([0, 2, 1, 2], np.int32)
    results = evaluate(
        lambda x, y: tuple(mb.cast(x=build(x=x, y=y), dtype="int32") for build, _ in COMPARISONS.values()),
        x,
        y,
    )
    for (name, (_, formula)), result in zip(COMPARISONS.items(), results, strict=True):
        assert result.dtype == np.int32
        np.testing.assert_array_equal(result, formula(x, y), err_msg=name)


def test_round_takes_ties_to_even(evaluate):
    result = evaluate(lambda x: mb.round(x=x), TIES)
    np.testing.assert_array_equal(result, [-2, -2, 0, 0, 0, 2, 2, 3])


def test_cast(evaluate):
    x = np.array([-1.9, -0.5, 0.0, 0.5, 1.9, 2.0], np.float32)
    kinds = ("int32", "int8", "bool", "fp16", "fp32")
    cut, small, truth, half, same = evaluate(
        lambda x: tuple(
            # outputs of a package are float32, float16 or int32
            mb.cast(x=mb.cast(x=x, dtype=k), dtype="int32" if k in ("int8", "bool") else k)
            for k in kinds
        ),
        x,
    )
    np.testing.assert_array_equal(cut, [-1, 0, 0, 0, 1, 2])
    np.testing.assert_array_equal(small, [-1, 0, 0, 0, 1, 2])
    np.testing.assert_array_equal(truth, [1, 1, 0, 1, 1, 1])
    np.testing.assert_array_equal(half, x.astype(np.float16))
    np.testing.assert_array_equal(same, x)


def test_cast_of_what_does_not_fit_is_refused(evaluate):
    with pytest.raises(IncompatibleError, match=r"cast '.*': values outside -128\.\.127 for dtype 'int8'"):
        evaluate(
            lambda x: mb.cast(x=mb.cast(x=x, dtype="int8"), dtype="fp32"), np.array([1, 200], np.float32)
        )


def test_division_of_integers_is_refused(evaluate):
    with pytest.raises(IncompatibleError, match=r"real_div '.*': division of integers"):
        evaluate(lambda x, y: mb.real_div(x=x, y=y), np.int32([7]), np.int32([2]))


def test_mean_of_integers_is_refused(evaluate):
    with pytest.raises(IncompatibleError, match=r"reduce_mean '.*': mean of integers"):
        evaluate(lambda x: mb.reduce_mean(x=x), np.int32([7, 8]))


def test_products(evaluate):
    x, y = X[:, :, :, :], X.transpose(0, 1, 3, 2).copy()
    weight, bias = rng.random((6, 5), np.float32), rng.random(6, np.float32)
    linear, plain, left, right, einsum = evaluate(
        lambda x, y: (
            mb.linear(x=mb.reshape(x=x, shape=[6, 4, 5]), weight=weight, bias=bias),
            mb.matmul(x=x, y=y),
            mb.matmul(x=x, y=x, transpose_x=True),
            mb.matmul(x=x, y=x, transpose_y=True),
            mb.einsum(values=(x, mb.transpose(x=x, perm=[0, 3, 2, 1])), equation="nchw,nwhu->nchu"),
        ),
        x,
        y,
    )
    rows = x.reshape(6, 4, 5)
    expected = np.array([[[sum(r * w) for w in weight] + bias for r in rows[i]] for i in range(6)])
    np.testing.assert_allclose(linear, expected, rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(
        plain, (x[..., None, :] * y.swapaxes(2, 3)[..., None, :, :]).sum(-1), rtol=1e-4
    )
    np.testing.assert_allclose(left, (x[..., None] * x[..., None, :]).sum(2), rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(right, (x[..., None, :] * x[..., None, :, :]).sum(-1), rtol=1e-4, atol=1e-4)
    expected = np.zeros((2, 3, 4, 3))
    for c, u, w in np.ndindex(3, 3, 5):
        expected[:, c, :, u] += x[:, c, :, w] * x[:, u, :, w]
    np.testing.assert_allclose(einsum, expected, rtol=1e-4, atol=1e-4)


def test_attention(evaluate):
    query, key, value = (rng.standard_normal((1, 2, n, 4)).astype(np.float32) for n in (3, 5, 5))
    mask = rng.standard_normal((1, 1, 3, 5)).astype(np.float32)
    plain, masked, cut = evaluate(
        lambda q, k, v, m: (
            mb.scaled_dot_product_attention(query=q, key=k, value=v),
            mb.scaled_dot_product_attention(query=q, key=k, value=v, attn_mask=m),
            mb.scaled_dot_product_attention(query=q, key=k, value=v, attn_mask=mb.greater(x=m, y=-0.5)),
        ),
        query,
        key,
        value,
        mask,
        opset="iOS18",
    )
    score = np.einsum("bhqe,bhke->bhqk", query, key) / 2

    def attended(weights):
        return np.einsum("bhqk,bhke->bhqe", weights / weights.sum(-1, keepdims=True), value)

    np.testing.assert_allclose(plain, attended(np.exp(score)), rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(masked, attended(np.exp(score + mask)), rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(cut, attended(np.exp(score) * (mask > -0.5)), rtol=1e-4, atol=1e-5)
