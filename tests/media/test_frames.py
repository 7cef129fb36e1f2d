"""Camera frames against the vectors of `spec/frames`, and the standards' formulas in exact fractions."""

import json
from dataclasses import asdict
from fractions import Fraction
from itertools import product
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from restorect_edge.errors import UsageError
from restorect_edge.media.frames import LAYOUTS, MATRICES, RANGES, FrameFormat, coefficients, from_rgb, to_rgb
from restorect_edge.media.layouts import ALIASES

SPEC = Path(__file__).parents[2] / "spec" / "frames"
FORMATS = json.loads((SPEC / "formats.json").read_text(encoding="utf-8"))["formats"]
VECTORS = json.loads((SPEC / "vectors.json").read_text(encoding="utf-8"))

COLOURS = list(product(MATRICES, RANGES))
WEIGHTS = {
    "bt601": ("0.299", "0.114"),
    "bt709": ("0.2126", "0.0722"),
    "bt2020": ("0.2627", "0.0593"),
    "smpte240m": ("0.212", "0.087"),
}
TIE = Fraction(1, 1000)
"""How near to half a level a value has to be for 20 bits to round it otherwise than fractions."""


def ideal(y, cb, cr, matrix, levels):
    """R, G and B of one sample before rounding, by Y' = Kr R + Kg G + Kb B solved for G."""
    kr, kb = map(Fraction, WEIGHTS[matrix])
    if levels == "limited":
        light, u, v = Fraction(y - 16, 219), Fraction(cb - 128, 224), Fraction(cr - 128, 224)
    else:
        light, u, v = Fraction(y, 255), Fraction(cb - 128, 255), Fraction(cr - 128, 255)
    red, blue = light + 2 * (1 - kr) * v, light + 2 * (1 - kb) * u
    green = (light - kr * red - kb * blue) / (1 - kr - kb)
    return [255 * value for value in (red, green, blue)]


def ideal_yuv(rgb, matrix, levels):
    """Y, Cb and Cr of one color before rounding."""
    kr, kb = map(Fraction, WEIGHTS[matrix])
    red, green, blue = (Fraction(int(value), 255) for value in rgb)
    light = kr * red + (1 - kr - kb) * green + kb * blue
    colours = (blue - light) / (2 * (1 - kb)), (red - light) / (2 * (1 - kr))
    low, span, swing = (16, 219, 224) if levels == "limited" else (0, 255, 255)
    return [low + span * light, *(128 + swing * colour for colour in colours)]


def agrees(level, value):
    """Whether a level is the value rounded, half up, and limited; or the other side of a tie."""
    allowed = {min(max(int((value + near + Fraction(1, 2)) // 1), 0), 255) for near in (-TIE, 0, TIE)}
    return int(level) in allowed


@pytest.mark.parametrize(("matrix", "levels"), COLOURS)
@settings(deadline=None, max_examples=40)
@given(samples=st.lists(st.tuples(*[st.integers(0, 255)] * 3), min_size=4, max_size=4))
def test_yuv_to_rgb_is_the_formula(matrix, levels, samples):
    frame = FrameFormat(layout="yuyv", width=2, height=4, matrix=matrix, range=levels)
    rgb = to_rgb(bytes(v for y, cb, cr in samples for v in (y, cb, 255 - y, cr)), frame)
    for row, (y, cb, cr) in zip(rgb, samples, strict=True):
        for pixel, light in zip(row, (y, 255 - y), strict=True):
            assert all(map(agrees, pixel, ideal(light, cb, cr, matrix, levels)))


@pytest.mark.parametrize(("matrix", "levels"), COLOURS)
def test_few_of_all_values_lie_on_the_other_side_of_a_tie(matrix, levels):
    """Red and blue, each of all 65,536 sums, against exact integers."""
    kr, kb = MATRICES[matrix]
    y, chroma = np.divmod(np.arange(1 << 16), 256)
    for channel, share in ((0, 1 - kr), (2, 1 - kb)):
        pixels = np.stack([y, np.full_like(y, 128), y, np.full_like(y, 128)], axis=1).astype(np.uint8)
        pixels[:, 3 if channel == 0 else 1] = chroma
        frame = FrameFormat(layout="yuyv", width=512, height=256, matrix=matrix, range=levels)
        found = to_rgb(pixels.tobytes(), frame)[..., channel].ravel()[::2].astype(int)
        light, swing, low = (219, 224, 16) if levels == "limited" else (255, 255, 0)
        scale = light * swing * share.denominator
        exact = 255 * ((y - low) * swing * share.denominator + 2 * (chroma - 128) * light * share.numerator)
        rounded = np.clip((2 * exact + scale) // (2 * scale), 0, 255)
        off = np.abs(found - rounded)
        assert off.max() <= 1
        assert np.mean(off > 0) < 0.001


@pytest.mark.parametrize(("matrix", "levels"), COLOURS)
@settings(deadline=None, max_examples=40)
@given(colour=st.tuples(*[st.integers(0, 255)] * 3))
def test_rgb_to_yuv_is_the_formula(matrix, levels, colour):
    frame = FrameFormat(layout="nv12", width=2, height=2, matrix=matrix, range=levels)
    data = from_rgb(np.full((2, 2, 3), colour, np.uint8), frame)
    y, cb, cr = ideal_yuv(colour, matrix, levels)
    assert all(agrees(level, y) for level in data[:4])
    assert agrees(data[4], cb)
    assert agrees(data[5], cr)


@pytest.mark.parametrize(("matrix", "levels"), COLOURS)
def test_grey_stays_grey(matrix, levels):
    frame = FrameFormat(layout="nv12", width=16, height=32, matrix=matrix, range=levels)
    grey = np.repeat(np.arange(256, dtype=np.uint8), 2)[:, None].repeat(3, 1).reshape(32, 16, 3)
    data = from_rgb(grey, frame)
    assert set(data[16 * 32 :]) == {128}
    back = to_rgb(data, frame)
    assert np.array_equal(back[..., 0], back[..., 1])
    assert np.array_equal(back[..., 0], back[..., 2])
    assert np.abs(back.astype(int) - grey).max() <= (1 if levels == "limited" else 0)


def test_the_integers_are_the_published_ones():
    """1.164, 1.596, −0.392, −0.813, 2.017 of BT.601 and 1.164, 1.793, −0.213, −0.533, 2.112 of BT.709."""
    known = {
        "bt601": (1.164, 1.596, -0.392, -0.813, 2.017),
        "bt709": (1.164, 1.793, -0.213, -0.533, 2.112),
    }
    for matrix, expected in known.items():
        found = [value / 2**20 for value in coefficients(matrix, "limited")]
        assert found == pytest.approx(expected, abs=6e-4)


def test_nv12_chroma_is_repeated_over_blocks_and_rows_come_first():
    frame = FrameFormat(layout="nv12", width=4, height=2, stride=5, range="full")
    data = bytes([10, 20, 30, 40, 99, 50, 60, 70, 80, 99, 128, 228, 128, 28])
    assert len(data) == frame.size
    red = np.array([[10, 20, 30, 40], [50, 60, 70, 80]]) + 1.402 * np.array([100, 100, -100, -100])
    assert np.array_equal(to_rgb(data, frame)[..., 0], np.clip(np.floor(red + 0.5), 0, 255))


@pytest.mark.parametrize(
    ("layout", "data"),
    [("rgb", [1, 2, 3, 4, 5, 6]), ("bgr", [3, 2, 1, 6, 5, 4]), ("bgra", [3, 2, 1, 255, 6, 5, 4, 255])],
)
def test_the_order_of_channels(layout, data):
    frame = FrameFormat(layout=layout, width=2, height=1)
    rgb = np.array([[[1, 2, 3], [4, 5, 6]]], np.uint8)
    assert np.array_equal(to_rgb(bytes(data), frame), rgb)
    assert list(from_rgb(rgb, frame)) == data


@pytest.mark.parametrize("case", VECTORS["converted"], ids=lambda case: case["name"])
def test_the_vectors_are_converted_to_the_byte(case):
    frame = FrameFormat(**case["frame"])
    assert (frame.size, frame.full_size) == (case["size"], case["full_size"])
    data = bytes.fromhex(case["data"])
    assert to_rgb(data, frame).tobytes().hex() == case["rgb"]
    assert to_rgb(data[: frame.size], frame).tobytes().hex() == case["rgb"]
    rgb = np.frombuffer(bytes.fromhex(case["from_rgb"]), np.uint8).reshape(frame.height, frame.width, 3)
    assert from_rgb(rgb, frame).hex() == case["made"]


@pytest.mark.parametrize("case", VECTORS["refused"], ids=lambda case: case["error"])
def test_the_vectors_that_are_no_frames_are_refused(case):
    with pytest.raises(UsageError, match=case["error"]) as caught:
        to_rgb(bytes(case["bytes"]), FrameFormat(**case["frame"]))
    assert "did you mean" not in str(caught.value)


def test_the_table_is_that_of_the_vectors():
    found = {name: {**asdict(layout), "aliases": []} for name, layout in LAYOUTS.items()}
    for alias, name in ALIASES.items():
        found[name]["aliases"].append(alias)
    assert json.loads(json.dumps(found)) == FORMATS
    assert list(found) == list(FORMATS)


@pytest.mark.parametrize(("alias", "name"), ALIASES.items())
def test_another_name_of_the_same_bytes(alias, name):
    assert FrameFormat(layout=alias, width=2, height=2).layout == name


@settings(deadline=None, max_examples=60)
@given(
    layout=st.sampled_from(sorted(LAYOUTS)),
    colours=st.sampled_from(COLOURS),
    half=st.tuples(st.integers(1, 20), st.integers(1, 20)),
    padding=st.integers(0, 9),
    rows=st.integers(0, 3),
    seed=st.integers(0, 99),
)
def test_there_and_back(layout, colours, half, padding, rows, seed):
    """Blocks of 2×2 equal pixels come back; padding is left out, and what lies behind the frame."""
    blocks = np.random.default_rng(seed).integers(0, 256, (*half, 3), dtype=np.uint8)
    if layout == "gray8":
        blocks[...] = blocks[..., :1]
    rgb = blocks.repeat(2, 0).repeat(2, 1)
    height, width, _ = rgb.shape
    row = FrameFormat(layout=layout, width=width, height=height).row_bytes
    frame = FrameFormat(
        layout=layout,
        width=width,
        height=height,
        stride=row + padding,
        matrix=colours[0],
        range=colours[1],
        slice_height=height + 2 * rows,
    )
    data = np.frombuffer(from_rgb(rgb, frame), np.uint8).copy()
    assert data.size == frame.full_size
    used = from_rgb(np.full_like(rgb, 255), frame)  # white has no zero but in padding, and in no plane
    data[np.frombuffer(used, np.uint8) == 0] |= np.uint8(seed) if LAYOUTS[layout].bits == 8 else 0
    back = to_rgb(data.tobytes() + b"page", frame)
    assert back.shape == rgb.shape
    assert np.abs(back.astype(int) - rgb).max() <= (3 if LAYOUTS[layout].yuv else 0)
    assert np.array_equal(to_rgb(data[: frame.size], frame), back)


@pytest.mark.parametrize("layout", [name for name, layout in LAYOUTS.items() if len(layout.planes) > 1])
def test_padded_rows_that_nothing_names_are_asked_for(layout):
    """A surface of 1088 rows for 1080: its size says that it is one, but not where chroma is."""
    frame = FrameFormat(layout=layout, width=64, height=36)
    padded = FrameFormat(layout=layout, width=64, height=36, slice_height=48)
    rgb = np.full((36, 64, 3), (200, 40, 40), np.uint8)
    surface = from_rgb(rgb, padded)
    with pytest.raises(UsageError, match=r"size with 48 rows: give slice_height=48 .* or slice_height=36"):
        to_rgb(surface, frame)
    assert np.abs(to_rgb(surface, padded).astype(int) - rgb).max() <= 2
    whole_pages = from_rgb(rgb, frame) + bytes(-frame.full_size % 4096)
    assert np.abs(to_rgb(whole_pages, frame).astype(int) - rgb).max() <= 2


def test_ten_bits_are_rounded_half_up():
    """Four levels of 10 bits to one of 8, white staying white."""
    frame = FrameFormat(layout="i420p10", width=2, height=2, range="full")
    for ten, expected in ((0, 0), (1, 0), (2, 1), (5, 1), (6, 2), (1021, 255), (1022, 255), (1023, 255)):
        data = np.array([ten] * 4 + [512, 512], "<u2")
        assert to_rgb(data, frame).ravel().tolist() == [expected] * 12
        assert (
            to_rgb(data << 6, FrameFormat(layout="p010", width=2, height=2, range="full")).max() == expected
        )


def test_large_frames_are_converted_in_parts_without_a_seam():
    frame = FrameFormat(layout="nv12", width=640, height=482, matrix="bt709")
    data = np.random.default_rng(0).integers(0, 256, frame.size, dtype=np.uint8)
    whole = to_rgb(data, frame)
    for top in (0, 50, 102, 204, 480):
        part = FrameFormat(layout="nv12", width=640, height=2, matrix="bt709")
        rows = [*data.reshape(-1, 640)[top : top + 2], data.reshape(-1, 640)[482 + top // 2]]
        assert np.array_equal(to_rgb(np.concatenate(rows), part), whole[top : top + 2])


@pytest.mark.parametrize("kind", [bytes, bytearray, memoryview, lambda data: np.frombuffer(data, np.uint8)])
def test_any_buffer_is_taken_and_the_result_is_the_callers_own(kind):
    frame = FrameFormat(layout="rgb", width=2, height=1)
    data = kind(bytes(range(6)))
    found = to_rgb(data, frame)
    found += 1
    assert list(bytes(data)) == list(range(6))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"layout": "nv42"}, "unknown frame layout 'nv42'; known: rgb, bgr, bgra, nv12, .*i420p10$"),
        ({"matrix": "bt470"}, "unknown color matrix 'bt470'; known: bt601, bt709, bt2020, smpte240m$"),
        ({"range": "video"}, "unknown range 'video'; known: full, limited"),
        ({"width": 0}, "frame is empty: 0×4 pixels; both sides are at least 1"),
        ({"height": -2}, "frame is empty: 8×-2"),
        ({"width": 7}, "nv12 frame has an even width.*got 7×4; crop it to 6"),
        ({"height": 3}, "nv12 frame has an even height.*got 8×3; crop it to 2"),
        ({"layout": "yuyv", "width": 7}, "yuyv frame has an even width"),
        ({"stride": 7}, "row of 8 nv12 pixels has 8 bytes, got a stride of 7; the stride is at least that"),
        ({"layout": "bgra", "stride": 24}, "row of 8 bgra pixels has 32 bytes, got a stride of 24"),
        ({"stride": -8}, "got a stride of -8"),
        ({"slice_height": 3}, "at least the 4 of the frame, got 3; 0 for rows without padding"),
        ({"planes": [(0, 8)]}, "each of the 2 planes of nv12, without stride and slice_height; got 1"),
        ({"planes": [(0, 8), (-1, 8)]}, "byte 0 of the buffer or later, got -1"),
        ({"planes": [(0, 8), (32, 7)]}, "got a stride of 7"),
    ],
)
def test_a_frame_that_cannot_be_is_refused(options, message):
    with pytest.raises(UsageError, match=message):
        FrameFormat(**{"layout": "nv12", "width": 8, "height": 4, **options})


def test_yuyv_may_have_an_odd_height():
    frame = FrameFormat(layout="yuyv", width=2, height=3)
    assert to_rgb(bytes([16, 128, 16, 128] * 3), frame).max() == 0


@pytest.mark.parametrize("layout", sorted(LAYOUTS))
def test_a_short_buffer_is_refused(layout):
    frame = FrameFormat(layout=layout, width=8, height=4, stride=41)
    with pytest.raises(
        UsageError, match=f"8×4 {layout} frame with a stride of 41 has {frame.size} bytes, got"
    ):
        to_rgb(bytes(frame.size - 1), frame)
    with pytest.raises(UsageError, match="got 0: the buffer is cut off"):
        to_rgb(b"", frame)


@pytest.mark.parametrize("data", ["text", [1, 2], np.zeros((8, 16), np.uint8)[:, ::2]])
def test_only_bytes_in_one_piece_are_a_frame(data):
    with pytest.raises(UsageError, match=r"a frame is bytes, .* in one piece; got"):
        to_rgb(data, FrameFormat(layout="rgb", width=2, height=2))


@pytest.mark.parametrize(
    "wrong", [np.zeros((4, 8), np.uint8), np.zeros((4, 8, 3)), np.zeros((8, 4, 3), np.uint8)]
)
def test_only_an_image_of_its_size_becomes_a_frame(wrong):
    with pytest.raises(UsageError, match=r"expected \(4, 8, 3\) uint8"):
        from_rgb(wrong, FrameFormat(layout="nv12", width=8, height=4))
