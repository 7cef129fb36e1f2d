"""MIL operations: arithmetic, activations, reductions, normalization and matrix products.

The formulas are those of the MIL operation set as Apple documents it, evaluated in float32; the
interpreter rounds each result to the type that the program declares. Operations without a docstring are
numpy's or torch's of that name; vectors such as `alpha` or `gamma` have an entry per channel, dimension 1.
"""

import math
from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

from restorect_edge.mil.table import DTYPES, Exact, Ints, UnhandledError, op

__all__: list[str] = []


# --- elementwise, two inputs ---------------------------------------------------------------------


def _binary(name: str, formula: Callable[[Tensor, Tensor], Tensor]) -> None:
    def handler(x: Tensor, y: Tensor) -> Tensor:
        return formula(x, y)

    op(name)(handler)


_binary("add", torch.add)
_binary("sub", torch.sub)
_binary("mul", torch.mul)
_binary("maximum", torch.maximum)
_binary("minimum", torch.minimum)
_binary("pow", torch.pow)
_binary("mod", torch.remainder)
_binary("floor_div", torch.floor_divide)
_binary("equal", torch.eq)
_binary("not_equal", torch.ne)
_binary("greater", torch.gt)
_binary("greater_equal", torch.ge)
_binary("less", torch.lt)
_binary("less_equal", torch.le)
_binary("logical_and", torch.logical_and)
_binary("logical_or", torch.logical_or)
_binary("logical_xor", torch.logical_xor)


@op()
def real_div(x: Tensor, y: Tensor) -> Tensor:
    """x / y; how integers are divided is not documented, so they are refused."""
    if not (x.is_floating_point() and y.is_floating_point()):
        raise UnhandledError("division of integers")
    return x / y


# --- elementwise, one input ----------------------------------------------------------------------


def _unary(name: str, formula: Callable[[Tensor], Tensor]) -> None:
    def handler(x: Tensor) -> Tensor:
        return formula(x)

    op(name)(handler)


_unary("abs", torch.abs)
_unary("acos", torch.acos)
_unary("asin", torch.asin)
_unary("atan", torch.atan)
_unary("atanh", torch.atanh)
_unary("ceil", torch.ceil)
_unary("cos", torch.cos)
_unary("cosh", torch.cosh)
_unary("erf", torch.erf)
_unary("exp", torch.exp)
_unary("exp2", torch.exp2)
_unary("floor", torch.floor)
_unary("logical_not", torch.logical_not)
_unary("relu", lambda x: x.clamp(min=0))
_unary("relu6", lambda x: x.clamp(min=0, max=6))
_unary("round", torch.round)  # ties to even: 0.5 becomes 0
_unary("sigmoid", torch.sigmoid)
_unary("sign", torch.sign)
_unary("silu", lambda x: x * torch.sigmoid(x))
_unary("sin", torch.sin)
_unary("sinh", torch.sinh)
# log(1 + exp(x)) without overflow
_unary("softplus", lambda x: torch.logaddexp(x, torch.zeros_like(x)))
_unary("softsign", lambda x: x / (1 + x.abs()))
_unary("sqrt", torch.sqrt)
_unary("square", torch.square)
_unary("tan", torch.tan)
_unary("tanh", torch.tanh)


@op()
def clip(x: Tensor, alpha: float, beta: float) -> Tensor:
    return x.clamp(alpha, beta)


@op()
def threshold(x: Tensor, alpha: Tensor) -> Tensor:
    """max(x, alpha)."""
    return torch.maximum(x, alpha)


@op()
def inverse(x: Tensor, epsilon: float = 1e-4) -> Tensor:
    """Unlike numpy's reciprocal, of x + epsilon."""
    return 1 / (x + epsilon)


@op()
def log(x: Tensor, epsilon: float = 1e-45) -> Tensor:
    """Unlike numpy's, of x + epsilon, by default far below what float32 tells from 0."""
    return torch.log(x + epsilon)


@op()
def rsqrt(x: Tensor, epsilon: float = 1e-12) -> Tensor:
    """1 / √(x + epsilon)."""
    return 1 / torch.sqrt(x + epsilon)


@op()
def leaky_relu(x: Tensor, alpha: float) -> Tensor:
    return torch.where(x >= 0, x, alpha * x)


@op()
def elu(x: Tensor, alpha: float) -> Tensor:
    return torch.where(x > 0, x, alpha * torch.expm1(x))


@op()
def prelu(x: Tensor, alpha: Tensor) -> Tensor:
    # one per channel, which is the second dimension
    slope = alpha.reshape(1, -1, *(1,) * (x.dim() - 2))
    return torch.where(x > 0, x, slope * x)


@op()
def thresholded_relu(x: Tensor, alpha: float) -> Tensor:
    """x where it is at least alpha, else 0."""
    return torch.where(x >= alpha, x, torch.zeros_like(x))


@op()
def softplus_parametric(x: Tensor, alpha: Tensor, beta: Tensor) -> Tensor:
    """alpha · log(1 + exp(beta · x))."""
    shape = (1, -1, *(1,) * (x.dim() - 2))
    scaled = beta.reshape(shape) * x
    return alpha.reshape(shape) * torch.logaddexp(scaled, torch.zeros_like(x))


@op()
def clamped_relu(x: Tensor, alpha: float, beta: float) -> Tensor:
    """x, times alpha below 0, and at most beta."""
    return torch.where(x >= 0, x, alpha * x).clamp(max=beta)


@op()
def linear_activation(x: Tensor, alpha: float, beta: float) -> Tensor:
    return alpha * x + beta


@op()
def scaled_tanh(x: Tensor, alpha: float, beta: float) -> Tensor:
    return alpha * torch.tanh(beta * x)


@op()
def sigmoid_hard(x: Tensor, alpha: float, beta: float) -> Tensor:
    """alpha · x + beta, clipped to [0, 1]."""
    return (alpha * x + beta).clamp(0, 1)


@op()
def gelu(x: Tensor, mode: str = "EXACT") -> Tensor:
    # Hendrycks and Gimpel, arXiv 1606.08415: the function and both approximations
    if mode == "EXACT":
        return 0.5 * x * (1 + torch.erf(x / math.sqrt(2)))
    if mode == "TANH_APPROXIMATION":
        return 0.5 * x * (1 + torch.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)))
    if mode == "SIGMOID_APPROXIMATION":
        return x * torch.sigmoid(1.702 * x)
    raise UnhandledError(f"mode '{mode}'")


@op()
def softmax(x: Tensor, axis: int = -1) -> Tensor:
    return torch.softmax(x, axis)


@op()
def select(cond: Exact, a: Exact, b: Exact) -> Tensor:
    return torch.where(cond, a, b)


@op()
def cast(x: Exact, dtype: str) -> Tensor:
    """Change the element type; fractions are cut off, values that do not fit are refused."""
    if dtype not in DTYPES:
        raise UnhandledError(f"dtype '{dtype}'")
    target = DTYPES[dtype]
    if x.is_floating_point() and not target.is_floating_point and target != torch.bool:
        bounds = torch.iinfo({"uint16": torch.uint16, "uint32": torch.uint32}.get(dtype, target))
        # fractions are cut off, so that values up to one beyond the ends still fit
        if not bool(((x > bounds.min - 1) & (x < bounds.max + 1)).all()):
            raise UnhandledError(f"values outside {bounds.min}..{bounds.max} for dtype '{dtype}'")
    return x.float() if target == torch.float16 else x.to(target)  # the interpreter rounds to float16


# --- reductions ----------------------------------------------------------------------------------


def _reduction(name: str, formula: Callable[[Tensor, Ints, bool], Tensor]) -> None:
    def handler(x: Tensor, axes: Ints | None = None, keep_dims: bool = False) -> Tensor:
        return formula(x, axes if axes is not None else tuple(range(x.dim())), keep_dims)

    op(name)(handler)


def _product(x: Tensor, axes: Ints, keep_dims: bool) -> Tensor:
    for axis in sorted((a % x.dim() for a in axes), reverse=True):
        x = x.prod(axis, keepdim=keep_dims)
    return x


def _mean(x: Tensor, axes: Ints, keep_dims: bool) -> Tensor:
    if not x.is_floating_point():
        raise UnhandledError("mean of integers")
    return x.mean(axes, keep_dims)


_reduction("reduce_mean", _mean)
_reduction("reduce_sum", lambda x, axes, keep: x.sum(axes, keep))
_reduction("reduce_max", lambda x, axes, keep: x.amax(axes, keep))
_reduction("reduce_min", lambda x, axes, keep: x.amin(axes, keep))
_reduction("reduce_prod", _product)
_reduction("reduce_l1_norm", lambda x, axes, keep: x.abs().sum(axes, keep))
_reduction("reduce_l2_norm", lambda x, axes, keep: x.square().sum(axes, keep).sqrt())
_reduction("reduce_sum_square", lambda x, axes, keep: x.square().sum(axes, keep))
_reduction("reduce_log_sum", lambda x, axes, keep: x.sum(axes, keep).log())
_reduction("reduce_log_sum_exp", lambda x, axes, keep: torch.logsumexp(x, axes, keep))


# --- normalization -------------------------------------------------------------------------------


def _standardised(x: Tensor, axes: Ints, epsilon: float) -> Tensor:
    centred = x - x.mean(axes, keepdim=True)
    return centred / torch.sqrt(centred.square().mean(axes, keepdim=True) + epsilon)


def _affine(x: Tensor, gamma: Tensor | None, beta: Tensor | None, shape: Ints) -> Tensor:
    x = x if gamma is None else x * gamma.reshape(shape)
    return x if beta is None else x + beta.reshape(shape)


@op()
def layer_norm(
    x: Tensor,
    axes: Ints | None = None,
    gamma: Tensor | None = None,
    beta: Tensor | None = None,
    epsilon: float = 1e-5,
) -> Tensor:
    """Over all dimensions unless `axes` says which, where torch's takes the shape of the last ones."""
    kept = {a % x.dim() for a in (axes if axes is not None else range(x.dim()))}
    shape = tuple(size if i in kept else 1 for i, size in enumerate(x.shape))
    return _affine(_standardised(x, tuple(sorted(kept)), epsilon), gamma, beta, shape)


@op()
def instance_norm(
    x: Tensor, gamma: Tensor | None = None, beta: Tensor | None = None, epsilon: float = 1e-5
) -> Tensor:
    shape = (1, -1, *(1,) * (x.dim() - 2))
    return _affine(_standardised(x, tuple(range(2, x.dim())), epsilon), gamma, beta, shape)


@op()
def batch_norm(
    x: Tensor,
    mean: Tensor,
    variance: Tensor,
    gamma: Tensor | None = None,
    beta: Tensor | None = None,
    epsilon: float = 1e-5,
) -> Tensor:
    shape = (1, -1, *(1,) * (x.dim() - 2))
    scaled = (x - mean.reshape(shape)) / torch.sqrt(variance.reshape(shape) + epsilon)
    return _affine(scaled, gamma, beta, shape)


@op()
def l2_norm(x: Tensor, epsilon: float = 1e-6) -> Tensor:
    """x over the root of the sum of squares of the last three dimensions, plus epsilon under the root."""
    return x / torch.sqrt(x.square().sum((-3, -2, -1), keepdim=True) + epsilon)


# --- matrix products -----------------------------------------------------------------------------


@op()
def linear(x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    return F.linear(x, weight, bias)


@op()
def matmul(x: Tensor, y: Tensor, transpose_x: bool = False, transpose_y: bool = False) -> Tensor:
    """Unlike numpy's, either factor may be transposed; vectors stay as they are."""
    x = x.transpose(-1, -2) if transpose_x and x.dim() > 1 else x
    y = y.transpose(-1, -2) if transpose_y and y.dim() > 1 else y
    return torch.matmul(x, y)


@op()
def einsum(values: list[Tensor], equation: str) -> Tensor:
    return torch.einsum(equation, *values)


@op()
def scaled_dot_product_attention(
    query: Tensor, key: Tensor, value: Tensor, attn_mask: Tensor | None = None
) -> Tensor:
    """As torch's, always with the scale 1 / √d."""
    score = query @ key.transpose(-1, -2) / math.sqrt(query.shape[-1])
    # a mask of booleans says what is seen; one of numbers is added
    if attn_mask is not None and attn_mask.dtype == torch.bool:
        score = score.masked_fill(~attn_mask, -math.inf)
    elif attn_mask is not None:
        score = score + attn_mask
    return torch.softmax(score, -1) @ value
