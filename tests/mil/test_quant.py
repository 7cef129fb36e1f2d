"""Quantized activations and stored weights against their formulas, value by value."""

import numpy as np
import pytest
from coremltools.converters.mil import Builder as mb  # noqa: N813 - what MIL code calls it
from coremltools.converters.mil.mil import types
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from restorect_edge.errors import IncompatibleError

SCALES = np.array([0.5, 0.25, 2.0], np.float32)


def levels(evaluate, x, **arguments):
    """Quantize and hand the levels out as int32."""
    return evaluate(lambda x: mb.cast(x=mb.quantize(input=x, **arguments), dtype="int32"), x)


def test_quantize_takes_ties_to_even_and_saturates(evaluate):
    x = np.array([-1e6, -64.5, -1.25, -0.75, -0.25, 0.0, 0.25, 0.75, 1.25, 63.5, 64.0, np.inf], np.float32)
    found = levels(evaluate, x, scale=np.float32(0.5), output_dtype="int8")
    np.testing.assert_array_equal(found, [-128, -128, -2, -2, 0, 0, 0, 2, 2, 127, 127, 127])


def test_quantize_to_unsigned_with_zero_point(evaluate):
    x = np.array([-100.0, -1.5, -0.5, 0.0, 0.5, 1.5, 200.0], np.float32)
    found = levels(evaluate, x, scale=np.float32(1), zero_point=np.uint8(3), output_dtype="uint8")
    np.testing.assert_array_equal(found, [0, 1, 3, 3, 3, 5, 203])  # rounded before the zero point is added


def test_quantize_per_channel(evaluate):
    x = np.array([[1.0, 1.0, 1.0], [-3.0, 0.3, 5.1]], np.float32)
    zero_point = np.array([1, -2, 3], np.int8)
    found = levels(evaluate, x, scale=SCALES, zero_point=zero_point, axis=-1, output_dtype="int8")
    np.testing.assert_array_equal(found, [[3, 2, 3], [-5, -1, 6]])


def test_dequantize(evaluate):
    x = np.array([[1.0, 1.0, 1.0], [-3.0, 0.3, 5.1]], np.float32)
    zero_point = np.array([1, -2, 3], np.int8)

    def both(x):
        stored = mb.quantize(input=x, scale=np.float32(0.1), output_dtype="int8")
        return (
            mb.dequantize(input=stored, scale=np.float32(0.1)),
            mb.dequantize(input=stored, scale=SCALES, zero_point=zero_point, axis=1),
        )

    plain, shifted = evaluate(both, x)
    stored = np.array([[10, 10, 10], [-30, 3, 51]])
    np.testing.assert_allclose(plain, 0.1 * stored, rtol=1e-6)
    np.testing.assert_allclose(shifted, SCALES * (stored - zero_point), rtol=1e-6)


@settings(max_examples=6, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(scale=st.floats(1 / 64, 8, width=32), count=st.integers(1, 40), seed=st.integers(0, 99))
def test_a_round_trip_is_within_half_a_step(evaluate, scale, count, seed):
    x = np.random.default_rng(seed).uniform(-127 * scale, 127 * scale, count).astype(np.float32)
    step = np.float32(scale)
    found = evaluate(
        lambda x: mb.dequantize(input=mb.quantize(input=x, scale=step, output_dtype="int8"), scale=step), x
    )
    assert np.abs(found - x).max() <= 0.5 * scale * (1 + 1e-5)


def test_float16_levels_are_computed_in_float32(evaluate):
    """0.1 is 0.0999756 in float16; 12.7 (12.703125) over it is 127.06."""
    found = levels(evaluate, np.array([12.7, 0.35], np.float16), scale=np.float16(0.1), output_dtype="int8")
    np.testing.assert_array_equal(found, [127, 4])  # 0.35 is 0.350098, over 0.0999756: 3.5018


def test_constexpr_affine_dequantize(evaluate):
    data = np.array([[-128, 0, 5], [127, 2, -7]], np.int8)
    zero_point = np.array([1, -2], np.int8)

    def build(x):
        rows = mb.constexpr_affine_dequantize(
            quantized_data=data, zero_point=zero_point, scale=SCALES[:2], axis=0
        )
        whole = mb.constexpr_affine_dequantize(
            quantized_data=data, zero_point=np.int8(4), scale=np.float32(0.5), axis=0
        )
        return mb.add(x=x, y=rows), mb.add(x=x, y=whole)

    rows, whole = evaluate(build, np.zeros((2, 3), np.float32))
    np.testing.assert_allclose(rows, [[-64.5, -0.5, 2.0], [32.25, 1.0, -1.25]])
    np.testing.assert_allclose(whole, 0.5 * (data.astype(float) - 4))


def test_constexpr_blockwise_shift_scale(evaluate):
    data = np.arange(-12, 12, dtype=np.int8).reshape(4, 6)
    scale = np.array([[0.5, 2.0, 1.0], [0.25, 4.0, 3.0]], np.float32)
    offset = np.array([[1, 2, 3], [-4, 5, -6]], np.int8)
    found = evaluate(
        lambda x: mb.add(x=x, y=mb.constexpr_blockwise_shift_scale(data=data, scale=scale, offset=offset)),
        np.zeros((4, 6), np.float32),
        opset="iOS18",
    )
    expected = [
        [scale[i // 2, j // 2] * (int(data[i, j]) - offset[i // 2, j // 2]) for j in range(6)]
        for i in range(4)
    ]
    np.testing.assert_allclose(found, expected)


def test_constexpr_blockwise_shift_scale_of_four_bits(evaluate):
    data = np.arange(-8, 8, dtype=np.int8).reshape(2, 8)
    four = data.astype(types.np_int4_dtype)
    scale = np.array([[0.5], [3.0]], np.float32)
    found = evaluate(
        lambda x: mb.add(x=x, y=mb.constexpr_blockwise_shift_scale(data=four, scale=scale)),
        np.zeros((2, 8), np.float32),
        opset="iOS18",
    )
    np.testing.assert_allclose(found, data * scale)


def test_constexpr_lut_to_dense_packed(evaluate):
    """Two bits per index, lowest first: 0b_01_10_11_00 holds 0, 3, 2, 1."""
    lut = np.array([1.0, 10.0, 100.0, 1000.0], np.float32)
    found = evaluate(
        lambda x: mb.add(
            x=x,
            y=mb.constexpr_lut_to_dense(
                indices=np.array([0b01101100, 0b11], np.uint8), lut=lut, shape=np.array([5], np.uint32)
            ),
        ),
        np.zeros(5, np.float32),
        opset="iOS16",
    )
    np.testing.assert_array_equal(found, [1, 1000, 100, 10, 1000])


def test_constexpr_lut_to_dense_across_bytes(evaluate):
    """Six bits per index: the second starts in the first byte and ends in the next."""
    indices = [63, 1, 32, 17]
    stream = "".join(f"{i:06b}"[::-1] for i in indices)
    packed = np.array([int(stream[i : i + 8][::-1], 2) for i in range(0, 24, 8)], np.uint8)
    lut = np.random.default_rng(0).random(64, np.float32)
    found = evaluate(
        lambda x: mb.add(
            x=x, y=mb.constexpr_lut_to_dense(indices=packed, lut=lut, shape=np.array([2, 2], np.uint32))
        ),
        np.zeros((2, 2), np.float32),
        opset="iOS16",
    )
    np.testing.assert_array_equal(found, lut[indices].reshape(2, 2))


def test_constexpr_lut_to_dense_by_group(evaluate):
    """The example of the operation set: two tables, each for three of the six rows."""
    indices = np.array([2, 3, 3, 0, 1, 0, 3, 0, 2, 1, 0, 3], np.uint8).reshape(6, 2)
    lut = np.array([1.0, 5.0, 9.0, 13.0, 2.0, 10.0, 18.0, 26.0], np.float32).reshape(2, 1, 4, 1)
    found = evaluate(
        lambda x: mb.add(
            x=x, y=mb.constexpr_lut_to_dense(indices=indices.astype(types.np_uint2_dtype), lut=lut)
        ),
        np.zeros((6, 2), np.float32),
        opset="iOS18",
    )
    np.testing.assert_array_equal(found, [[9, 13], [13, 1], [5, 1], [26, 2], [18, 10], [2, 26]])


def test_constexpr_cast(evaluate):
    stored = np.array([0.1, 2.5], np.float16)
    found = evaluate(
        lambda x: mb.add(x=x, y=mb.constexpr_cast(source_val=stored, output_dtype="fp32")),
        np.zeros(2, np.float32),
    )
    np.testing.assert_array_equal(found, stored.astype(np.float32))


def test_palettes_of_vectors_are_refused(evaluate):
    lut = np.arange(4, dtype=np.float32).reshape(1, 1, 2, 2)
    indices = np.array([[0, 1]], np.uint8).astype(types.np_uint1_dtype)
    with pytest.raises(IncompatibleError, match=r"constexpr_lut_to_dense '.*': palettes of vectors \(size 2"):
        evaluate(
            lambda x: mb.add(x=x, y=mb.constexpr_lut_to_dense(indices=indices, lut=lut, vector_axis=1)),
            np.zeros((1, 4), np.float32),
            opset="iOS18",
        )
