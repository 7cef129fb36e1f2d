"""Decoding photographs with all that is kept, and encoding them again. pypng, a codec of its own, reads and
writes the 16-bit files that ours is compared with."""

import numpy as np
import png
import pytest
from PIL import Image, ImageCms

from restorect_edge.errors import UsageError
from restorect_edge.media.imagefiles import Photo, check_suffix, read, write

ORIENTATION, MAKE, EXPOSURE, TAKEN = 0x0112, 0x010F, 0x8769, 0x9003
TURNED = 6
"""Rotate by 90° to see it upright."""


@pytest.fixture(scope="module")
def profile():
    return ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


@pytest.fixture
def exif():
    exif = Image.Exif()
    exif[MAKE] = "Maker"
    exif[ORIENTATION] = TURNED
    exif.get_ifd(EXPOSURE)[TAKEN] = "2026:01:31 12:00:00"
    return exif.tobytes()


@pytest.fixture
def deep():
    """(23, 17, 3) uint16 with every byte in use."""
    return np.random.default_rng(0).integers(0, 65536, (23, 17, 3), np.uint16)


def write_png(path, values, interlace):
    height, width = values.shape[:2]
    writer = png.Writer(width, height, greyscale=False, bitdepth=16, interlace=interlace)
    with path.open("wb") as stream:
        writer.write_array(stream, values.ravel().tolist())


def reread(path):
    with Image.open(path) as file:
        file.load()
        return file.size, file.info, file.getexif()


@pytest.mark.parametrize("interlace", [False, True])
def test_16_bit_png_keeps_all_bits(tmp_path, deep, interlace):
    write_png(tmp_path / "deep.png", deep, interlace)
    photo = read(tmp_path / "deep.png")
    assert photo.pixels.dtype == np.uint16
    np.testing.assert_array_equal(photo.pixels, deep)
    assert photo.image.dtype == np.float32
    assert np.abs(photo.image.astype(np.float64) * 65535 - deep).max() < 0.01


@pytest.mark.parametrize("height", [1, 255, 256, 257, 600])
def test_16_bit_png_is_written_in_full(tmp_path, height):
    values = np.random.default_rng(height).integers(0, 65536, (height, 5, 3), np.uint16)
    photo = Photo(pixels=values)
    write(tmp_path / "deep.png", photo.image, like=photo)
    with (tmp_path / "deep.png").open("rb") as stream:
        width, height, rows, facts = png.Reader(file=stream).asDirect()
        rows = [list(row) for row in rows]
    assert (width, height, facts["bitdepth"]) == (5, values.shape[0], 16)
    np.testing.assert_array_equal(np.reshape(rows, values.shape), values)


def test_16_bit_png_keeps_what_there_is_to_keep(tmp_path, deep, exif, profile):
    photo = Photo(pixels=deep, exif=exif.removeprefix(b"Exif\0\0"), icc_profile=profile, dpi=(300.0, 240.0))
    write(tmp_path / "deep.png", photo.image, like=photo)
    size, info, tags = reread(tmp_path / "deep.png")
    assert size == (17, 23)
    assert info["icc_profile"] == profile
    assert info["dpi"] == pytest.approx((300, 240), abs=0.02)
    assert tags[ORIENTATION] == TURNED
    assert tags.get_ifd(EXPOSURE)[TAKEN] == "2026:01:31 12:00:00"


@pytest.mark.parametrize("into", ["jpg", "png", "webp", "tif"])
@pytest.mark.parametrize("source", ["jpg", "png", "webp"])
def test_metadata_survives_and_the_picture_is_turned_once(tmp_path, photo, exif, profile, source, into):
    Image.fromarray(photo).save(tmp_path / f"in.{source}", exif=exif, icc_profile=profile, dpi=(300, 300))
    found = read(tmp_path / f"in.{source}")
    assert found.pixels.shape == photo.shape, "pixels are as stored"
    write(tmp_path / f"out.{into}", found.image, like=found)
    with Image.open(tmp_path / f"out.{into}") as file:
        assert file.getexif()[ORIENTATION] == TURNED
    size, info, tags = reread(tmp_path / f"out.{into}")
    assert tags[MAKE] == "Maker"
    assert tags.get_ifd(EXPOSURE)[TAKEN] == "2026:01:31 12:00:00"
    assert info["icc_profile"] == profile
    if "webp" not in (source, into):
        assert info["dpi"] == pytest.approx((300, 300), abs=0.02)
    upright = size if into == "tif" else size[::-1]  # Pillow turns TIFF files itself
    assert upright == (photo.shape[0], photo.shape[1])


@pytest.mark.parametrize("source", ["jpg", "png", "webp"])
def test_the_exif_block_is_kept_byte_by_byte(tmp_path, photo, exif, source):
    Image.fromarray(photo).save(tmp_path / f"in.{source}", exif=exif)
    found = read(tmp_path / f"in.{source}")
    write(tmp_path / f"out.{source}", found.image, like=found)
    assert read(tmp_path / f"out.{source}").exif == found.exif == exif.removeprefix(b"Exif\0\0")


@pytest.mark.parametrize("into", ["jpg", "tif"])
def test_a_turned_tiff_is_turned_once(tmp_path, photo, exif, into):
    Image.fromarray(photo).save(tmp_path / "in.tif", exif=exif)
    found = read(tmp_path / "in.tif")
    np.testing.assert_array_equal(found.pixels, np.rot90(photo, -1))
    write(tmp_path / f"out.{into}", found.image, like=found)
    size, _, tags = reread(tmp_path / f"out.{into}")
    assert size == (photo.shape[0], photo.shape[1])
    assert tags.get(ORIENTATION, 1) == 1
    assert tags[MAKE] == "Maker"
    assert tags.get_ifd(EXPOSURE)[TAKEN] == "2026:01:31 12:00:00"


@pytest.mark.parametrize("suffix", ["png", "tif"])
def test_lossless_formats_give_the_same_pixels_back(tmp_path, photo, suffix):
    write(tmp_path / f"a.{suffix}", photo, like=Photo(pixels=photo))
    found = read(tmp_path / f"a.{suffix}")
    np.testing.assert_array_equal(found.pixels, photo)
    assert (found.exif, found.icc_profile, found.dpi) == (b"", b"", None)


@pytest.mark.parametrize("suffix", ["jpg", "webp"])
def test_quality_is_the_codecs_own(tmp_path, photo, suffix):
    sizes = []
    for quality in (20, 95):
        write(tmp_path / f"a.{suffix}", photo, like=Photo(pixels=photo), quality=quality)
        sizes.append((tmp_path / f"a.{suffix}").stat().st_size)
    assert sizes[0] < sizes[1]


def test_16_bits_go_into_8_where_the_format_has_no_more(tmp_path):
    flat = np.full((8, 8, 3), 0x8042, np.uint16)
    photo = Photo(pixels=flat)
    write(tmp_path / "a.jpg", photo.image, like=photo)
    np.testing.assert_array_equal(read(tmp_path / "a.jpg").pixels, np.full((8, 8, 3), 0x80))
    with pytest.raises(UsageError, match="16 bits are written to PNG only"):
        write(tmp_path / "a.tif", photo.image, like=photo)
    assert [p.name for p in tmp_path.iterdir()] == ["a.jpg"]


def test_the_first_frame_of_a_phones_jpeg_is_the_photograph(tmp_path, photo):
    image = Image.fromarray(photo)
    image.save(tmp_path / "phone.jpg", format="MPO", save_all=True, append_images=[image.resize((8, 8))])
    with Image.open(tmp_path / "phone.jpg") as file:
        assert file.n_frames == 2
    assert read(tmp_path / "phone.jpg").pixels.shape == photo.shape


MODES = [
    ("L", "greyscale"),
    ("LA", "with alpha"),
    ("RGBA", "with alpha"),
    ("P", "not three colour channels"),
    ("I;16", "16-bit or wider"),
    ("1", "greyscale"),
]


@pytest.mark.parametrize(("mode", "words"), MODES)
def test_other_modes_are_refused_with_a_way_out(tmp_path, mode, words):
    Image.new(mode, (8, 8)).save(tmp_path / "a.png")
    with pytest.raises(UsageError, match=rf"a\.png' has mode .*{words}.*only RGB is restored: convert it"):
        read(tmp_path / "a.png")


def test_a_transparent_colour_is_alpha(tmp_path, photo):
    Image.fromarray(photo).save(tmp_path / "a.png", transparency=(0, 0, 0))
    with pytest.raises(UsageError, match="with a transparent colour"):
        read(tmp_path / "a.png")


def test_16_bit_tiff_is_not_read_as_8(tmp_path, deep):
    tifffile = pytest.importorskip("tifffile")
    tifffile.imwrite(tmp_path / "a.tif", deep, photometric="rgb")
    with pytest.raises(UsageError, match="16 bits are read from PNG only"):
        read(tmp_path / "a.tif")


def test_animations_are_refused(tmp_path, photo):
    image = Image.fromarray(photo)
    image.save(
        tmp_path / "a.webp", save_all=True, append_images=[image.transpose(Image.Transpose.ROTATE_180)]
    )
    with pytest.raises(UsageError, match="has 2 frames"):
        read(tmp_path / "a.webp")


@pytest.mark.parametrize("suffix", ["jpg", "png", "webp", "tif"])
def test_truncated_and_foreign_files_are_named(tmp_path, photo, suffix):
    path = tmp_path / f"a.{suffix}"
    Image.fromarray(photo).save(path)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(UsageError, match=rf"cannot read '.*a\.{suffix}' as an image"):
        read(path)
    path.write_text("not an image")
    with pytest.raises(UsageError, match=r"cannot read .* as an image"):
        read(path)
    path.write_bytes(b"")
    with pytest.raises(UsageError, match=r"cannot read .* as an image"):
        read(path)


def test_truncated_16_bit_png_is_named(tmp_path, deep):
    write_png(tmp_path / "a.png", deep, interlace=False)
    whole = (tmp_path / "a.png").read_bytes()
    (tmp_path / "a.png").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(UsageError, match=r"cannot read .* as an image"):
        read(tmp_path / "a.png")


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(UsageError, match=r"no image at '.*none\.png'"):
        read(tmp_path / "none.png")


def test_unknown_formats_are_refused_before_anything_is_written(tmp_path, photo):
    with pytest.raises(UsageError, match=r"cannot write '.*a\.heic': choose one of \.jpeg, \.jpg"):
        check_suffix(tmp_path / "a.heic")


def test_what_a_format_cannot_hold_leaves_nothing_behind(tmp_path):
    wide = np.zeros((1, 70_000, 3), np.uint8)
    with pytest.raises(UsageError, match=r"cannot write '.*wide\.jpg'"):
        write(tmp_path / "wide.jpg", wide, like=Photo(pixels=wide))
    assert not list(tmp_path.iterdir())


def test_a_failed_write_leaves_the_old_file(tmp_path, photo):
    write(tmp_path / "a.jpg", photo, like=Photo(pixels=photo))
    before = (tmp_path / "a.jpg").read_bytes()
    long = Photo(pixels=photo, exif=bytes(70_000))
    with pytest.raises(UsageError, match=r"cannot write '.*a\.jpg'"):
        write(tmp_path / "a.jpg", photo, like=long)
    assert (tmp_path / "a.jpg").read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == ["a.jpg"]


def test_a_folder_that_is_a_file_is_an_error(tmp_path, photo):
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError, match="cannot write"):
        write(tmp_path / "file" / "a.png", photo, like=Photo(pixels=photo))
