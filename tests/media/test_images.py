"""Images as callers hold them: what is taken, and what is refused with which words."""

import numpy as np
import png
import pytest
from PIL import Image

import restorect_edge
from restorect_edge.errors import UsageError
from restorect_edge.media.decoding import read
from restorect_edge.media.encoding import write
from restorect_edge.media.images import from_planes, to_planes, unwrap


@pytest.fixture(scope="module")
def restore(artifact_onnx):
    with restorect_edge.load(artifact_onnx.path, threads=1) as runtime:
        yield runtime


LEVELS = np.zeros((8, 9, 3), np.uint8)
VALUES = np.zeros((8, 9, 3), np.float32)


def with_value(value):
    image = VALUES.copy()
    image[3, 4, 1] = value
    return image


BAD_ARRAYS = {
    "greyscale, two dimensions": (LEVELS[..., 0], r"got \(8, 9\): grayscale; repeat it to three channels"),
    "greyscale, one channel": (LEVELS[..., :1], r"got \(8, 9, 1\): grayscale; repeat it"),
    "two channels": (LEVELS[..., :2], r"\(height, width, 3\), got \(8, 9, 2\)"),
    "alpha": (np.zeros((8, 9, 4), np.uint8), r"it has an alpha channel; pass image\[\.\.\., :3\]"),
    "channels first": (
        np.zeros((3, 8, 9), np.uint8),
        r"channels come last; pass image\.transpose\(1, 2, 0\)",
    ),
    "batch": (LEVELS[None], "one image at a time"),
    "no rows": (LEVELS[:0], "the image is empty: 9×0 pixels"),
    "no columns": (LEVELS[:, :0], "the image is empty: 0×8 pixels"),
    "16 bits": (LEVELS.astype(np.uint16), r"got uint16; divide 16-bit values by 65535\.0 first"),
    "signed integers": (LEVELS.astype(np.int64), r"uint8, or floating point in \[0, 1\], got int64"),
    "truth values": (LEVELS > 0, "got bool"),
    "NaN": (with_value(np.nan), r"\[0, 1\] without NaN, got nan to nan"),
    "infinity": (with_value(np.inf), "got 0 to inf"),
    "negative": (with_value(-0.25), r"got -0\.25 to 0; divide by the white level, and clip"),
    "too large": (with_value(255.0), "got 0 to 255; divide by the white level, and clip"),
    "text": (b"bytes", "an image is an array, a PIL image, a Photo or a path, got bytes"),
    "list": ([[0, 0, 0]], "got list"),
}


@pytest.mark.parametrize("case", BAD_ARRAYS)
def test_bad_arrays_are_refused_with_a_way_out(restore, case):
    image, message = BAD_ARRAYS[case]
    with pytest.raises(UsageError, match=message) as caught:
        restore(image)
    assert caught.value.exit_code == 1


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGBA", "CMYK", "I;16"])
def test_pil_images_of_other_modes_come_back_in_kind(restore, photo, mode):
    image = Image.fromarray(photo).convert("L" if mode == "I;16" else mode)
    if mode == "I;16":
        image = Image.fromarray(np.asarray(image).astype(np.uint16) * 257)
    if mode.endswith("A"):
        image.putalpha(Image.linear_gradient("L").resize(image.size))
    restored = restore(image)
    assert restored.mode == {"1": "L", "P": "RGB", "CMYK": "RGB"}.get(mode, mode)
    assert restored.size == image.size
    if mode != "1":  # black and white dots have no light to find
        assert np.asarray(restored.convert("L")).mean() > photo.mean()
    if mode.endswith("A"):
        np.testing.assert_array_equal(np.asarray(restored)[..., -1], np.asarray(image)[..., -1])


def test_floating_point_beyond_the_range_is_refused(restore):
    with pytest.raises(UsageError, match=r"values from 7 to 7; .*scale it first"):
        restore(Image.fromarray(np.full((8, 8), 7, np.float32)))


def test_16_bit_files_are_not_cut_to_8_bits(restore, tmp_path):
    path = tmp_path / "deep.png"
    with path.open("wb") as stream:
        png.Writer(2, 2, greyscale=False, bitdepth=16).write(stream, [[1, 2, 3, 4, 5, 6]] * 2)
    with Image.open(path) as opened:
        for image in (path, str(path), opened):
            with pytest.raises(UsageError, match="has 16 bits per channel, of which a PIL image keeps 8"):
                restore(image)


def test_files_that_are_no_image_are_named(restore, tmp_path):
    (tmp_path / "notes.png").write_text("not an image")
    with pytest.raises(UsageError, match=r"cannot read '.*notes\.png' as an image"):
        restore(tmp_path / "notes.png")
    with pytest.raises(UsageError, match=r"no image at '.*none\.png'"):
        restore(str(tmp_path / "none.png"))
    with pytest.raises(UsageError, match="cannot read"):
        restore(tmp_path)


def test_a_truncated_file_is_named(restore, tmp_path, photo):
    path = tmp_path / "half.png"
    Image.fromarray(photo).save(path)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(UsageError, match=r"cannot read '.*half\.png' as an image"):
        restore(path)


@pytest.mark.parametrize("size", [(1, 1), (5, 7), (1, 9), (7, 5), (9, 1)])
def test_tiny_images_are_restored(restore, size):
    image = np.random.default_rng(0).integers(0, 80, (*size, 3), np.uint8)
    restored = restore(image)
    assert restored.shape == image.shape
    assert restored.dtype == np.uint8


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_floats_come_back_in_their_type_and_agree_with_levels(restore, photo, dtype):
    restored = restore((photo / 255.0).astype(dtype))
    assert restored.dtype == dtype
    assert 0 <= restored.min() <= restored.max() <= 1
    assert np.abs(restored * 255.0 - restore(photo)).max() < (2.0 if dtype == np.float16 else 0.51)


def test_views_are_taken_and_left_alone(restore, photo):
    flipped = photo[::-1, :, ::-1]
    before = flipped.copy()
    np.testing.assert_array_equal(restore(flipped), restore(before))
    np.testing.assert_array_equal(flipped, before)
    frozen = photo.copy()
    frozen.flags.writeable = False
    np.testing.assert_array_equal(restore(frozen), restore(photo))


def test_pil_images_and_paths_give_pil_images(restore, tmp_path, photo):
    image = Image.fromarray(photo)
    image.info["icc_profile"] = b"profile"
    restored = restore(image)
    assert isinstance(restored, Image.Image)
    assert restored.info["icc_profile"] == b"profile"
    np.testing.assert_array_equal(np.asarray(restored), restore(photo))
    image.save(tmp_path / "a.png")
    for path in (tmp_path / "a.png", str(tmp_path / "a.png")):
        np.testing.assert_array_equal(np.asarray(restore(path)), restore(photo))


@pytest.mark.parametrize("given", ["path", "PIL image"])
def test_paths_and_pil_images_are_turned_upright_and_keep_their_exif(restore, tmp_path, photo, given):
    exif = Image.Exif()
    exif[0x0112], exif[0x010F] = 6, "Maker"
    path = tmp_path / "turned.jpg"
    Image.fromarray(photo).save(path, exif=exif.tobytes(), quality=100, subsampling=0)
    with Image.open(path) as image:
        stored = np.asarray(image)
        restored = restore(path if given == "path" else image)
    assert restored.size == (photo.shape[0], photo.shape[1])
    np.testing.assert_array_equal(np.asarray(restored), restore(np.ascontiguousarray(np.rot90(stored, -1))))
    restored.save(tmp_path / "out.jpg", exif=restored.getexif())
    with Image.open(tmp_path / "out.jpg") as file:
        assert (file.getexif().get(0x0112, 1), file.getexif()[0x010F]) == (1, "Maker")
        assert file.size == restored.size


def test_a_decoded_photo_comes_back_as_one_to_write(restore, tmp_path):
    path = tmp_path / "deep.png"
    with path.open("wb") as stream:
        png.Writer(8, 8, greyscale=False, bitdepth=16).write(stream, [list(range(0, 24000, 1000))] * 8)
    found = read(path)
    restored = restore(found)
    assert restored.pixels.dtype == np.uint16
    assert restored.pixels.mean() > found.pixels.mean()
    write(tmp_path / "out.png", restored.pixels, like=restored)
    np.testing.assert_array_equal(read(tmp_path / "out.png").pixels, restored.pixels)


def test_unwrap_gives_what_it_was_given_back():
    pixels, rewrap = unwrap(LEVELS)
    assert pixels is LEVELS
    assert rewrap(pixels) is pixels


def test_levels_survive_the_way_to_planes_and_back():
    levels = np.arange(256, dtype=np.uint8).repeat(3).reshape(16, 16, 3)
    planes = np.empty((1, 3, 16, 16), np.float32)
    to_planes(levels, planes)
    assert planes.min() == 0.0
    assert planes.max() == 1.0
    back = np.empty_like(levels)
    from_planes(planes[0], back)
    np.testing.assert_array_equal(back, levels)


def test_values_beyond_the_range_are_clipped():
    planes = np.array([-0.5, 0.5, 1.5], np.float32).reshape(3, 1, 1)
    levels, values = np.empty((1, 1, 3), np.uint8), np.empty((1, 1, 3), np.float32)
    from_planes(planes, levels)
    assert levels[0, 0].tolist() == [0, 128, 255]
    from_planes(planes, values)
    assert values[0, 0].tolist() == [0.0, 0.5, 1.0]
