"""Make the table of frame formats and the vectors of their conversion.

    python spec/frames/make_frames.py [-o DIR]

The rules are written here once more, pixel by pixel and as plainly as possible, and nothing of the package is
imported: a fault of the package cannot get into what it is compared with. README.md describes the files.
"""

import argparse
import json
import random
import sys
from collections.abc import Iterator, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent
WIDTH, HEIGHT = 6, 4
MATRICES = {
    "bt601": (299, 114, 1000),
    "bt709": (2126, 722, 10000),
    "bt2020": (2627, 593, 10000),
    "smpte240m": (212, 87, 1000),
}
"""Kr and Kb, over the third."""
NAMED = {1: "bt709", 4: "bt601", 5: "bt601", 6: "bt601", 7: "smpte240m", 9: "bt2020"}
"""Matrices by their code of ITU-T H.273; the FCC's of 1953 (4) differs from BT.601 by less than a level."""
SILENT = (0, 2, 3)
"""Codes that say RGB, nothing, or are reserved."""
COLORS = [(matrix, levels) for matrix in MATRICES for levels in ("limited", "full")]

Frame = dict[str, Any]


def rgb_format(order: str) -> dict[str, Any]:
    """Return a format of interleaved channels, such as ``bgra``."""
    alpha = [order.index(letter) for letter in "ax" if letter in order]
    return {
        "color": "rgb",
        "planes": [[len(order), 1, 1]],
        "channels": [[0, order.index(letter), len(order)] for letter in "rgb"],
        "alpha": alpha[0] if alpha else None,
    }


def pairs(first: str, down: int, across: int, size: int = 1) -> dict[str, Any]:
    """Return a format of Y and pairs of Cb and Cr (``u`` first) or Cr and Cb (``v``)."""
    u = 0 if first == "u" else size
    channels = [[0, 0, size], [1, u, 2 * size], [1, size - u, 2 * size]]
    return yuv([[size, 1, 1], [2 * size, across, down]], channels, down, across)


def three(down: int, across: int, u: int = 1, size: int = 1) -> dict[str, Any]:
    """Return a format of three planes, Cb being the `u`-th."""
    chroma = [size, across, down]
    return yuv([[size, 1, 1], chroma, chroma], [[0, 0, size], [u, 0, size], [3 - u, 0, size]], down, across)


def one(order: str) -> dict[str, Any]:
    """Return a 4:2:2 format of one plane, such as ``uyvy``."""
    channels = [[0, order.index("y"), 2], [0, order.index("u"), 4], [0, order.index("v"), 4]]
    return yuv([[4, 2, 1]], channels, 1, 2)


def yuv(planes: list[list[int]], channels: list[list[int]], down: int, across: int) -> dict[str, Any]:
    """Return a format of Y'CbCr."""
    return {"color": "yuv", "planes": planes, "channels": channels, "block": [down, across]}


DEEP = {"bits": 10}
TABLE: dict[str, dict[str, Any]] = {
    **{name: rgb_format(name) for name in ("rgb", "bgr", "bgra")},
    "nv12": pairs("u", 2, 2),
    "yuyv": one("yuyv") | {"aliases": ["yuy2"]},
    **{name: rgb_format(name) for name in ("rgba", "argb", "abgr", "rgbx", "bgrx", "xrgb", "xbgr")},
    "gray8": {"color": "gray", "planes": [[1, 1, 1]], "channels": [[0, 0, 1]], "aliases": ["gray", "grey"]},
    "nv21": pairs("v", 2, 2),
    "nv16": pairs("u", 1, 2),
    "nv61": pairs("v", 1, 2),
    "nv24": pairs("u", 1, 1),
    "i420": three(2, 2) | {"aliases": ["yuv420p"]},
    "yv12": three(2, 2, u=2),
    "i422": three(1, 2) | {"aliases": ["yuv422p"]},
    "i444": three(1, 1) | {"aliases": ["yuv444p"]},
    **{name: one(name) for name in ("uyvy", "yvyu", "vyuy")},
    "p010": pairs("u", 2, 2, size=2) | DEEP | {"shift": 8, "aliases": ["p010le"]},
    "i420p10": three(2, 2, size=2) | DEEP | {"shift": 2, "aliases": ["yuv420p10le"]},
}
REST = {"block": [1, 1], "alpha": None, "bits": 8, "shift": 0, "aliases": []}
FORMATS = {name: {**REST, **facts} for name, facts in TABLE.items()}


def planes_of(frame: Frame) -> list[tuple[int, int]]:
    """Return (offset, stride) of each plane."""
    if frame.get("planes"):
        return [(offset, stride) for offset, stride in frame["planes"]]
    shapes = FORMATS[frame["layout"]]["planes"]
    first = Fraction(shapes[0][0], shapes[0][1])
    stride = frame.get("stride") or int(first * frame["width"])
    rows, offset, found = frame.get("slice_height") or frame["height"], 0, []
    for size, across, down in shapes:
        own = -int(-(stride * Fraction(size, across) / first) // 1)
        found.append((offset, own))
        offset += own * -(-rows // down)
    return found


def sizes_of(frame: Frame) -> tuple[int, int]:
    """Return the bytes of the least buffer, and of one whose last rows are padded too."""
    least, full, rows = [], [], frame.get("slice_height") or frame["height"]
    shapes = FORMATS[frame["layout"]]["planes"]
    for (offset, stride), (size, across, down) in zip(planes_of(frame), shapes, strict=True):
        least.append(offset + stride * (frame["height"] // down - 1) + size * frame["width"] // across)
        full.append(offset + stride * -(-rows // down))
    return max(least), max(full)


def place(frame: Frame, channel: int, y: int, x: int) -> int:
    """Return the byte at which a sample of a pixel begins."""
    facts = FORMATS[frame["layout"]]
    plane, start, step = facts["channels"][channel]
    offset, stride = planes_of(frame)[plane]
    down, across = facts["block"] if channel and facts["color"] == "yuv" else (1, 1)
    return int(offset + y // down * stride + start + x // across * step)


def sample(frame: Frame, data: bytes, channel: int, y: int, x: int) -> int:
    """Return a sample, rounded to 8 bits."""
    at, shift = place(frame, channel, y, x), FORMATS[frame["layout"]]["shift"]
    if not shift:
        return data[at]
    return min((data[at] + 256 * data[at + 1] + (1 << (shift - 1))) >> shift, 255)


def to_rgb(frame: Frame, data: bytes) -> bytes:
    """Return RGB of a frame."""
    color, out = FORMATS[frame["layout"]]["color"], []
    for y in range(frame["height"]):
        for x in range(frame["width"]):
            if color == "gray":
                out += 3 * [data[place(frame, 0, y, x)]]
                continue
            samples = [sample(frame, data, channel, y, x) for channel in (0, 1, 2)]
            out += samples if color == "rgb" else pixel(*samples, frame["matrix"], frame["range"])
    return bytes(out)


def pixel(y: int, cb: int, cr: int, matrix: str, levels: str) -> list[int]:
    """Return R, G and B of one sample of Y'CbCr."""
    kr, kb, light, colored = scales(matrix, levels)
    kg = 1 - kr - kb
    d, u, v = y - (16 if levels == "limited" else 0), cb - 128, cr - 128
    red, blue = 2 * (1 - kr) * colored, 2 * (1 - kb) * colored
    sums = (
        fixed(light) * d + fixed(red) * v,
        fixed(light) * d + fixed(-blue * kb / kg) * u + fixed(-red * kr / kg) * v,
        fixed(light) * d + fixed(blue) * u,
    )
    return [limited((value + 2**19) >> 20) for value in sums]


def from_rgb(frame: Frame, rgb: bytes) -> bytes:
    """Return a frame made of RGB, its padding zero."""
    facts, data = FORMATS[frame["layout"]], bytearray(sizes_of(frame)[1])
    width = frame["width"]
    for y in range(frame["height"]):
        for x in range(width):
            at = 3 * (y * width + x)
            for channel, level in enumerate(samples_of(frame, rgb, y, x, list(rgb[at : at + 3]))):
                word = place(frame, channel, y, x)
                if facts["shift"]:
                    data[word : word + 2] = (level << facts["shift"]).to_bytes(2, "little")
                else:
                    data[word] = level
            if facts["alpha"] is not None:
                offset, stride = planes_of(frame)[0]
                data[offset + y * stride + x * facts["planes"][0][0] + facts["alpha"]] = 255
    return bytes(data)


def samples_of(frame: Frame, rgb: bytes, y: int, x: int, own: list[int]) -> list[int]:
    """Return the 8-bit samples of a pixel, chroma being that of its block's mean."""
    facts = FORMATS[frame["layout"]]
    if facts["color"] == "rgb":
        return own
    levels = "full" if facts["color"] == "gray" else frame["range"]
    kr, kb, light, colored = scales(frame.get("matrix", "bt601"), levels)
    kg = 1 - kr - kb
    luma = [fixed(k / light) for k in (kr, kg, kb)]
    black = 16 if levels == "limited" else 0
    found = [limited((dot(luma, own) + 2**19 >> 20) + black)]
    if facts["color"] == "gray":
        return found
    down, across = facts["block"]
    block = [
        3 * ((y // down * down + j) * frame["width"] + x // across * across + i)
        for j in range(down)
        for i in range(across)
    ]
    sums = [sum(rgb[at + channel] for at in block) for channel in (0, 1, 2)]
    half = fixed(1 / (2 * colored))
    red, blue = fixed(-kr / (2 * (1 - kb)) / colored), fixed(-kb / (2 * (1 - kr)) / colored)
    bits = 20 + {1: 0, 2: 1, 4: 2}[len(block)]
    for weights in ((red, -red - half, half), (half, -half - blue, blue)):
        found.append(limited((dot(weights, sums) + (1 << (bits - 1)) >> bits) + 128))
    return found


def dot(weights: Sequence[int], values: Sequence[int]) -> int:
    """Return the sum of the products."""
    return sum(weight * value for weight, value in zip(weights, values, strict=True))


def scales(matrix: str, levels: str) -> tuple[Fraction, Fraction, Fraction, Fraction]:
    """Return Kr, Kb and the factors of luma and chroma."""
    kr, kb, whole = MATRICES[matrix]
    of_luma, of_chroma = (219, 224) if levels == "limited" else (255, 255)
    return Fraction(kr, whole), Fraction(kb, whole), Fraction(255, of_luma), Fraction(255, of_chroma)


def fixed(value: Fraction) -> int:
    """Return 2²⁰ times the value, rounded half up."""
    return int((value * 2**20 + Fraction(1, 2)) // 1)


def limited(value: int) -> int:
    """Return the value within a byte."""
    return min(max(value, 0), 255)


def frames(layout: str, number: int) -> Iterator[tuple[str, Frame]]:
    """Yield name and description of each frame of a format."""
    matrix, levels = COLORS[number % len(COLORS)]
    base: Frame = {"layout": layout, "width": WIDTH, "height": HEIGHT}
    facts = FORMATS[layout]
    if facts["color"] == "yuv":
        base |= {"matrix": matrix, "range": levels}
    (size, across, _), *others = facts["planes"]
    row = size * WIDTH // across
    yield "tight", base
    yield "padded rows", base | {"stride": row + 6}
    yield "an odd stride", base | {"stride": row + 3}
    if others:
        yield "padded planes", base | {"stride": row + 2, "slice_height": HEIGHT + 4}
    # the planes in the other order, with strides of their own and a few bytes before and between them
    offset, given = 5, []
    for wide, per, down in reversed(facts["planes"]):
        stride = wide * WIDTH // per + 1 + len(given)
        given.append([offset, stride])
        offset += stride * (HEIGHT // down) + 3
    yield "planes of their own", base | {"planes": given[::-1]}
    if facts["block"] == [1, 2]:
        yield "an odd height", base | {"height": 3}
    if facts["color"] == "rgb":
        yield "odd sides", base | {"width": 5, "height": 3}


def colors() -> Iterator[tuple[str, Frame]]:
    """Yield a frame of each matrix and range."""
    for layout in ("nv12", "uyvy", "p010"):
        for matrix, levels in COLORS:
            yield (
                f"{matrix}, {levels}",
                {"layout": layout, "width": WIDTH, "height": HEIGHT, "matrix": matrix, "range": levels},
            )


REFUSED: tuple[tuple[Frame, int, str], ...] = (
    ({"layout": "nv42"}, 99, "unknown frame layout"),
    ({"layout": "rgb", "width": 0}, 99, "the frame is empty"),
    ({"layout": "i420", "width": 5}, 99, "an even width"),
    ({"layout": "nv21", "height": 3}, 99, "an even height"),
    ({"layout": "vyuy", "width": 5}, 99, "an even width"),
    ({"layout": "p010", "stride": 11}, 99, "has 12 bytes, got a stride of 11"),
    ({"layout": "rgba"}, 95, "has 96 bytes, got 95"),
    ({"layout": "i420"}, 35, "has 36 bytes, got 35"),
    ({"layout": "nv12", "slice_height": 3}, 99, "slice_height"),
    ({"layout": "nv12", "slice_height": 8}, 59, "has 60 bytes, got 59"),
    ({"layout": "nv12"}, 54, "which is the size with 6 rows"),
    ({"layout": "yv12"}, 72, "which is the size with 8 rows"),
    ({"layout": "nv16"}, 60, "which is the size with 5 rows"),
    ({"layout": "nv12", "planes": [[0, 6]]}, 99, "each of the 2 planes"),
    ({"layout": "nv12", "stride": 6, "planes": [[0, 6], [24, 6]]}, 99, "without stride and slice_height"),
    ({"layout": "nv12", "planes": [[0, 6], [24, 5]]}, 99, "got a stride of 5"),
    ({"layout": "nv12", "planes": [[0, 6], [90, 6]]}, 99, "has 102 bytes, got 99"),
)
"""What is wrong with a frame of 6×4, or a buffer of so many bytes, and a part of what is said."""


def matrix_of(coefficients: int, primaries: int, rows: int) -> str | None:
    """Return the matrix of a frame by what its stream says; None where it is refused."""
    if coefficients in NAMED:
        return NAMED[coefficients]
    if coefficients not in SILENT:
        return None
    return "bt2020" if primaries == 9 else "bt709" if rows >= 720 else "bt601"


def _matrices() -> Iterator[dict[str, Any]]:
    for coefficients, primaries, rows in [
        *((code, 2, 576) for code in range(18)),
        *((code, primaries, rows) for code in SILENT for primaries in (1, 2, 9) for rows in (719, 720, 1080)),
        (1, 9, 480), (6, 1, 2160), (9, 1, 240), (8, 9, 2160), (255, 2, 720),
    ]:  # fmt: skip
        given = {"coefficients": coefficients, "primaries": primaries, "rows": rows}
        yield given | {"matrix": matrix_of(**given)}


def main(arguments: Sequence[str] | None = None) -> int:
    """Write the files into a folder and return the exit code."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("-o", "--output", type=Path, default=FOLDER, help="folder (default: this one)")
    folder: Path = parser.parse_args(arguments).output
    folder.mkdir(parents=True, exist_ok=True)
    rows = ",\n".join(f'  "{name}": {json.dumps(facts)}' for name, facts in FORMATS.items())
    _write(folder / "formats.json", f'{{\n "schema_version": 1,\n "formats": {{\n{rows}\n }}\n}}\n')
    chosen = ",\n".join("  " + json.dumps(row) for row in _matrices())
    _write(folder / "matrices.json", f'{{\n "schema_version": 1,\n "cases": [\n{chosen}\n ]\n}}\n')
    lists = {
        "converted": [_converted(*case, seed) for seed, case in enumerate(_cases())],
        "refused": [
            {"frame": {"width": WIDTH, "height": HEIGHT, **frame}, "bytes": size, "error": error}
            for frame, size, error in REFUSED
        ],
    }
    parts = [
        f' "{name}": [\n' + ",\n".join("  " + json.dumps(row) for row in found) + "\n ]"
        for name, found in lists.items()
    ]
    _write(folder / "vectors.json", '{\n "schema_version": 1,\n' + ",\n".join(parts) + "\n}\n")
    return 0


def _cases() -> Iterator[tuple[str, Frame]]:
    for number, layout in enumerate(FORMATS):
        yield from frames(layout, number)
    yield from colors()


def _converted(name: str, frame: Frame, seed: int) -> dict[str, Any]:
    """Return a case: random bytes and the RGB that they are, random RGB and the bytes that it becomes."""
    least, full = sizes_of(frame)
    data = random.Random(seed).randbytes(full)
    rgb = random.Random(~seed).randbytes(3 * frame["width"] * frame["height"])
    return {
        "name": f"{frame['layout']}, {name}",
        "frame": frame,
        "size": least,
        "full_size": full,
        "data": data.hex(),
        "rgb": to_rgb(frame, data).hex(),
        "from_rgb": rgb.hex(),
        "made": from_rgb(frame, rgb).hex(),
    }


def _write(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
