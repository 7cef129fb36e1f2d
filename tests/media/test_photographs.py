"""Decoding photographs with all that is kept, and encoding them again. pypng, tifffile and pillow-heif,
codecs of their own, read and write the files that ours are compared with."""

import io
import os
import struct
import sys
import zlib
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import numpy as np
import png
import pytest
from PIL import ExifTags, Image, ImageCms, PngImagePlugin

from restorect_edge.errors import MissingDependencyError, UsageError
from restorect_edge.media.codecs import tiff
from restorect_edge.media.codecs.exif import orientation
from restorect_edge.media.decoding import as_sdr, read, read_rgb, size_of, upright
from restorect_edge.media.encoding import check_holds, write
from restorect_edge.media.formats import FORMATS, WRITABLE, check_suffix
from restorect_edge.media.images import unwrap
from restorect_edge.media.photo import Photo

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
    assert write(tmp_path / "a.jpg", photo.image, like=photo) == ("16 bits per channel become 8 in JPEG",)
    np.testing.assert_array_equal(read(tmp_path / "a.jpg").pixels, np.full((8, 8, 3), 0x80))


def test_the_first_frame_of_a_phones_jpeg_is_the_photograph(tmp_path, photo):
    image = Image.fromarray(photo)
    image.save(tmp_path / "phone.jpg", format="MPO", save_all=True, append_images=[image.resize((8, 8))])
    with Image.open(tmp_path / "phone.jpg") as file:
        assert file.n_frames == 2
    assert read(tmp_path / "phone.jpg").pixels.shape == photo.shape


@pytest.mark.parametrize(
    ("suffix", "message"),
    [
        ("webp", "2 frames.*save each as a file of its own"),
        ("tif", "2 pages.*save each as a file of its own"),
        ("gif", "2 frames.*restore it as a video: -o out.mp4"),
        ("png", "2 frames.*restore it as a video: -o out.mp4"),
        ("avif", "2 frames.*restore it as a video: -o out.mp4"),
    ],
)
def test_animations_are_refused(tmp_path, photo, suffix, message):
    image = Image.fromarray(photo)
    path = tmp_path / f"a.{suffix}"
    image.save(path, save_all=True, append_images=[image.transpose(Image.Transpose.ROTATE_180)])
    with pytest.raises(UsageError, match=message):
        read(path)


@pytest.mark.parametrize("kind", ["png", "heic"])
@pytest.mark.parametrize(("transfer", "name"), [(16, "PQ"), (18, "HLG")])
def test_hdr_is_refused_or_tone_mapped_and_never_washed_out(tmp_path, photo, kind, transfer, name):
    if kind == "heic":
        pytest.importorskip("pillow_heif")
    levels = photo.astype(np.uint16) * np.uint16(257)
    write(tmp_path / f"a.{kind}", levels, like=Photo(pixels=levels, cicp=(9, transfer)))
    found = read(tmp_path / f"a.{kind}")
    assert (found.cicp, found.hdr) == ((9, transfer), name)
    with pytest.raises(UsageError, match=rf"'x' is HDR \({name}\), .* wash out; run --tone-map"):
        as_sdr(found, "x")
    with pytest.raises(UsageError, match="is HDR"):
        unwrap(tmp_path / f"a.{kind}")
    mapped = as_sdr(found, "x", tone_map=True)
    assert mapped.pixels.dtype == np.uint16
    assert (mapped.hdr, mapped.chunks) == ("", ())
    assert f"HDR ({name}) was brought to SDR" in mapped.notes[-1]


def test_named_colors_are_kept_or_said(tmp_path, photo):
    """Display P3 without a profile, as some phones write it."""
    wide = Photo(pixels=photo, cicp=(12, 13))
    assert write(tmp_path / "a.png", photo, like=wide) == ()
    assert read(tmp_path / "a.png").cicp == (12, 13)
    (note,) = write(tmp_path / "a.jpg", photo, like=wide)
    assert "the numbers of its colors, which are not sRGB's left out" in note


def test_16_bit_gray_whose_zero_is_white_is_read_as_shown(tmp_path):
    tifffile = pytest.importorskip("tifffile")
    dark = np.full((8, 12), 900, np.uint16)
    for name, planes in (("miniswhite", 65535 - dark), ("minisblack", dark)):
        tifffile.imwrite(tmp_path / f"{name}.tif", planes, photometric=name)
        assert np.unique(read(tmp_path / f"{name}.tif").pixels) == [900]


def test_cmyk_of_16_bits_says_that_it_is_read_in_8(tmp_path):
    tifffile = pytest.importorskip("tifffile")
    tifffile.imwrite(tmp_path / "a.tif", np.full((8, 12, 4), 900, np.uint16), photometric="separated")
    assert "16 bits per channel of CMYK are read as 8" in read(tmp_path / "a.tif").notes


def test_a_tiff_of_floating_point_keeps_its_metadata_and_says_what_it_becomes(tmp_path, profile):
    tifffile = pytest.importorskip("tifffile")
    tags = [(34675, "B", len(profile), profile, True), (700, "B", len(XMP), XMP, True)]
    tifffile.imwrite(
        tmp_path / "a.tif",
        np.full((8, 12, 3), 0.25, np.float32),
        photometric="rgb",
        extratags=tags,
        resolution=(300, 300),
        resolutionunit="INCH",
    )
    found = read(tmp_path / "a.tif")
    assert (found.icc_profile, found.xmp, found.dpi) == (profile, XMP, (300, 300))
    assert found.notes == ("floating point is written in 16 bits",)


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


@pytest.mark.parametrize("suffix", ["jpg", "png", "webp", "tif"])
def test_damaged_headers_are_named_whatever_the_decoder_makes_of_them(tmp_path, photo, suffix):
    path = tmp_path / f"a.{suffix}"
    Image.fromarray(photo[:4, :6]).save(path)
    whole = path.read_bytes()
    places = range(8, min(len(whole), 130), 3)
    for place in (*places, *(len(whole) - number for number in range(1, 120, 3))):
        for value in (0, 0xFF):
            path.write_bytes(whole[:place] + bytes([value]) + whole[place + 1 :])
            with suppress(UsageError):
                assert read(path).pixels.ndim == 3


def test_a_name_that_no_system_takes_is_named():
    with pytest.raises(UsageError, match=r"cannot read 'a.b\.png' as an image"):
        read(Path("a\0b.png"))


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
    with pytest.raises(UsageError, match=r"cannot write '.*a\.dng': choose one of \.avif, \.bmp"):
        check_suffix(tmp_path / "a.dng")


def test_what_a_format_cannot_hold_leaves_nothing_behind(tmp_path):
    wide = np.zeros((1, 70_000, 3), np.uint8)
    with pytest.raises(UsageError, match=r"cannot write '.*wide\.jpg'"):
        write(tmp_path / "wide.jpg", wide, like=Photo(pixels=wide))
    assert not list(tmp_path.iterdir())


def test_a_failed_write_leaves_the_old_file(tmp_path, photo):
    write(tmp_path / "a.jpg", photo, like=Photo(pixels=photo))
    before = (tmp_path / "a.jpg").read_bytes()
    wide = np.zeros((1, 70_000, 3), np.uint8)
    with pytest.raises(UsageError, match=r"cannot write '.*a\.jpg'"):
        write(tmp_path / "a.jpg", wide, like=Photo(pixels=wide))
    assert (tmp_path / "a.jpg").read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == ["a.jpg"]


def test_a_folder_that_is_a_file_is_an_error(tmp_path, photo):
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError, match="cannot write"):
        write(tmp_path / "file" / "a.png", photo, like=Photo(pixels=photo))


def again(path, folder):
    """Decode a file, write it as it is under the same suffix, and decode that."""
    found = read(path)
    kind = next(entry for entry in FORMATS if path.suffix in entry.suffixes)
    out = folder / f"out{kind.written_as or path.suffix}"
    write(out, found.image, like=found, quality=100)
    return found, read(out)


GRAY = np.arange(0, 250, dtype=np.uint8)[:240].reshape(12, 20)
COLORS = np.dstack([GRAY, GRAY[::-1], GRAY[:, ::-1]])
ALPHA = np.where(np.arange(20) < 9, 0, 200).astype(np.uint8) + np.zeros((12, 1), np.uint8)
MODES = {
    "1": Image.fromarray(GRAY).convert("1"),
    "L": Image.fromarray(GRAY),
    "LA": Image.fromarray(np.dstack([GRAY, ALPHA])),
    "P": Image.fromarray(COLORS).quantize(64),
    "RGB": Image.fromarray(COLORS),
    "RGBA": Image.fromarray(np.dstack([COLORS, ALPHA])),
    "CMYK": Image.fromarray(COLORS).convert("CMYK"),
    "I;16": Image.fromarray(GRAY.astype(np.uint16) * 257 + 3),
}


@pytest.mark.parametrize(
    ("mode", "suffix", "keeps_values"),
    [
        ("1", "png", True),
        ("1", "tif", True),
        ("L", "png", True),
        ("L", "tif", True),
        ("L", "jpg", False),
        ("L", "jfif", False),
        ("L", "bmp", True),
        ("L", "pgm", True),
        ("L", "jp2", True),
        ("LA", "png", True),
        ("LA", "tif", True),
        ("P", "png", True),
        ("P", "gif", True),
        ("P", "bmp", True),
        ("P", "tif", True),
        ("RGB", "bmp", True),
        ("RGB", "tga", True),
        ("RGB", "jp2", True),
        ("RGB", "avif", False),
        ("RGBA", "png", True),
        ("RGBA", "tif", True),
        ("RGBA", "webp", False),
        ("RGBA", "avif", False),
        ("RGBA", "tga", True),
        ("CMYK", "jpg", False),
        ("CMYK", "tif", True),
        ("I;16", "png", True),
        ("I;16", "tif", True),
    ],
)
def test_every_mode_is_read_and_written_as_it_is(tmp_path, mode, suffix, keeps_values):
    image = MODES[mode]
    image.save(tmp_path / f"in.{suffix}", "JPEG" if suffix == "jfif" else None)
    found, written = again(tmp_path / f"in.{suffix}", tmp_path)
    assert found.gray == written.gray == (mode in ("1", "L", "LA", "I;16"))
    assert found.pixels.dtype == written.pixels.dtype == (np.uint16 if mode == "I;16" else np.uint8)
    assert (found.alpha is None) == (written.alpha is None) == (not mode.endswith("A"))
    visible = slice(None) if found.alpha is None else found.alpha > 0
    off = np.abs(found.pixels.astype(int) - written.pixels)[visible]
    assert off.max() == 0 if keeps_values else off.mean() < 6
    if keeps_values and mode.endswith("A"):
        np.testing.assert_array_equal(found.alpha, ALPHA)
        np.testing.assert_array_equal(written.alpha, ALPHA)
    if keeps_values and mode not in ("CMYK", "P", "I;16"):
        np.testing.assert_array_equal(found.pixels, np.asarray(image.convert("RGBA"))[..., :3])


def test_a_transparent_color_is_alpha(tmp_path):
    Image.fromarray(COLORS).save(tmp_path / "in.png", transparency=tuple(COLORS[3, 4].tolist()))
    found, written = again(tmp_path / "in.png", tmp_path)
    assert (found.alpha == 0).sum() == 1
    np.testing.assert_array_equal(written.alpha, found.alpha)


def test_hidden_colors_do_not_brighten_what_the_network_is_shown():
    pixels = np.full((4, 6, 3), 255, np.uint8)
    pixels[:, 3:] = 10
    alpha = np.zeros((4, 6), np.uint8)
    alpha[:, 3:] = 255
    photo = Photo(pixels=pixels, alpha=alpha)
    assert photo.image.max() == 10
    assert photo.pixels.max() == 255


def test_formats_without_alpha_are_refused_for_transparent_pictures(tmp_path):
    MODES["RGBA"].save(tmp_path / "in.png")
    found = read(tmp_path / "in.png")
    with pytest.raises(UsageError, match=r"partly transparent, which JPEG cannot hold; name it \.png"):
        write(tmp_path / "a.jpg", found.image, like=found)
    opaque = replace(found, alpha=np.full_like(found.alpha, 255))
    assert write(tmp_path / "a.jpg", found.image, like=opaque) == ()


def test_cmyk_goes_through_its_profile(tmp_path):
    """Of a profile that exchanges nothing Little CMS gives what the formula does not."""
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    MODES["CMYK"].save(tmp_path / "in.jpg", icc_profile=profile)
    found = read(tmp_path / "in.jpg")
    assert "CMYK" in found.notes[0]
    assert found.icc_profile[16:20] != b"CMYK"


DEEP_ALPHA = np.random.default_rng(1).integers(0, 65536, (23, 17), np.uint16)


@pytest.mark.parametrize("interlace", [False, True])
@pytest.mark.parametrize("channels", ["L", "LA", "RGB", "RGBA"])
def test_16_bit_png_of_every_kind(tmp_path, deep, channels, interlace):
    gray, alpha = channels.startswith("L"), channels.endswith("A")
    values = deep[..., :1] if gray else deep
    stored = np.dstack([values, DEEP_ALPHA]) if alpha else values
    writer = png.Writer(17, 23, greyscale=gray, alpha=alpha, bitdepth=16, interlace=interlace)
    with (tmp_path / "in.png").open("wb") as stream:
        writer.write_array(stream, stored.ravel().tolist())
    for photo in again(tmp_path / "in.png", tmp_path):
        np.testing.assert_array_equal(photo.pixels, np.repeat(values, 3, axis=2) if gray else values)
        assert photo.gray == gray
        if alpha:
            np.testing.assert_array_equal(photo.alpha, DEEP_ALPHA)


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("kind", ["gray", "rgb", "rgba", "deflate", "planes", "float"])
def test_16_bit_tiff_of_every_kind(tmp_path, deep, kind, order):
    tifffile = pytest.importorskip("tifffile")
    options = {"photometric": "minisblack" if kind == "gray" else "rgb", "byteorder": order}
    stored = {
        "gray": deep[..., 0],
        "rgba": np.dstack([deep, DEEP_ALPHA]),
        "planes": np.moveaxis(deep, -1, 0),
        "float": (deep / np.float32(65535)).astype(np.float32),
    }.get(kind, deep)
    if kind == "rgba":
        options["extrasamples"] = [2]
    if kind == "planes":
        options["planarconfig"] = "separate"
    if kind == "deflate":
        options |= {"compression": "deflate", "predictor": True}
    tifffile.imwrite(tmp_path / "in.tif", stored, **options)
    assert size_of(tmp_path / "in.tif") == (17, 23)
    for photo in again(tmp_path / "in.tif", tmp_path):
        expected = np.repeat(deep[..., :1], 3, axis=2) if kind == "gray" else deep
        assert np.abs(photo.pixels.astype(int) - expected).max() <= (1 if kind == "float" else 0)
        if kind == "rgba":
            np.testing.assert_array_equal(photo.alpha, DEEP_ALPHA)
    written = tifffile.imread(tmp_path / "out.tif")
    assert written.dtype == np.uint16


def test_values_that_are_no_picture_are_named(tmp_path):
    tifffile = pytest.importorskip("tifffile")
    tifffile.imwrite(tmp_path / "a.tif", np.full((4, 5, 3), 7.5, np.float32), photometric="rgb")
    with pytest.raises(UsageError, match=r"values from 7\.5 to 7\.5; .*floating point from 0 to 1"):
        read(tmp_path / "a.tif")


@pytest.mark.parametrize("depth", [8, 10])
def test_heic_keeps_depth_and_metadata(tmp_path, exif, profile, depth):
    heif = pytest.importorskip("pillow_heif")
    ramp = np.linspace(0, 65535, 48 * 64 * 3).reshape(48, 64, 3).astype(np.uint16)
    mode, data = ("RGB;16", ramp) if depth == 10 else ("RGB", (ramp >> 8).astype(np.uint8))
    file = heif.from_bytes(mode, (64, 48), data.tobytes())
    file.save(tmp_path / "in.heic", quality=100, exif=exif)
    found, written = again(tmp_path / "in.heic", tmp_path)
    assert found.pixels.dtype == written.pixels.dtype == (np.uint16 if depth == 10 else np.uint8)
    assert orientation(found.exif) == orientation(written.exif) == 1, "the decoder turns HEIC itself"
    white = np.iinfo(found.pixels.dtype).max
    assert np.abs(found.pixels.astype(float) - written.pixels).mean() < white / 250
    assert b"Maker" in written.exif


def write_dng(path):
    """The least that LibRaw develops: a Bayer mosaic of 16 bits with a color matrix."""
    tifffile = pytest.importorskip("tifffile")
    pytest.importorskip("rawpy")
    mosaic = np.full((64, 96), 9000, np.uint16)
    mosaic[:, 48:] = 30000
    matrix = [(1, 1), (0, 1), (0, 1), (0, 1), (1, 1), (0, 1), (0, 1), (0, 1), (1, 1)]
    tifffile.imwrite(
        path,
        mosaic,
        photometric=32803,
        extratags=[
            (33421, "H", 2, (2, 2), True),
            (33422, "B", 4, bytes([0, 1, 1, 2]), True),
            (50706, "B", 4, bytes([1, 4, 0, 0]), True),
            (50708, "s", 0, "Maker Model", True),
            (50721, "2i", 9, [part for pair in matrix for part in pair], True),
            (50778, "H", 1, 21, True),
            (50728, "2I", 3, [1, 1, 1, 1, 1, 1], True),
            (271, "s", 0, "Maker", True),
        ],
    )
    return path


def test_raw_files_are_developed_in_16_bits_and_written_as_tiff(tmp_path):
    found, written = again(write_dng(tmp_path / "in.dng"), tmp_path)
    assert found.pixels.dtype == written.pixels.dtype == np.uint16
    assert found.pixels[:, 60:].mean() > 1.5 * found.pixels[:, :36].mean() > 0
    np.testing.assert_array_equal(found.pixels, written.pixels)
    assert b"Maker" in written.exif
    assert size_of(tmp_path / "in.dng") == (96, 64)


@pytest.mark.parametrize(
    ("name", "library"), [("a.heic", "pillow_heif"), ("a.dng", "rawpy"), ("a.tif", "tifffile")]
)
def test_the_extra_is_named_where_its_library_is_missing(tmp_path, monkeypatch, name, library):
    (tmp_path / name).write_bytes(b"II*\0" + bytes(99))
    monkeypatch.setitem(sys.modules, library, None)
    with pytest.raises(MissingDependencyError, match=r"pip install 'restorect-edge\[photo\]'"):
        read(tmp_path / name)


XMP = b'<?xpacket?><x:xmpmeta xmlns:x="adobe:ns:meta/"><dc:title>Night</dc:title></x:xmpmeta>'
IPTC = tiff.resources(b"\x1c\x02\x78\x00\x05hello")


@pytest.mark.parametrize("suffix", ["jpg", "png", "tif", "webp", "avif"])
def test_xmp_and_what_else_a_format_holds_come_back_as_they_were(tmp_path, photo, profile, exif, suffix):
    rich = Photo(
        pixels=photo,
        exif=exif.removeprefix(b"Exif\0\0"),
        icc_profile=profile,
        xmp=XMP,
        iptc=IPTC,
        comments=(b"one", b"two"),
        text=((b"tEXt", b"Author\0me"), (b"zTXt", b"Long\0\0" + zlib.compress(b"words"))),
        chunks=((b"gAMA", struct.pack(">I", 45455)), (b"tIME", bytes(7))),
        segments=((0xE1, b"http://ns.adobe.com/xmp/extension/\0" + bytes(99)), (0xEC, b"Ducky")),
        dpi=(299.0, 150.0),
    )
    notes = write(tmp_path / f"a.{suffix}", photo, like=rich)
    found = read(tmp_path / f"a.{suffix}")
    kept = next(entry for entry in FORMATS if f".{suffix}" in entry.suffixes).keeps
    for field in kept - {"exif", "dpi", "cicp", "comments" if suffix == "png" else ""}:
        assert getattr(found, field)[: len(getattr(rich, field))] == getattr(rich, field), field
    if "dpi" in kept:
        assert found.dpi == pytest.approx((299, 150), abs=0.1)
    left = {"xmp", "iptc", "comments", "text", "segments"} - kept
    assert len(notes) == len(left)
    assert all("has no place for it" in note for note in notes)


def test_iptc_and_png_text_survive_what_pillow_drops(tmp_path, photo):
    info = PngImagePlugin.PngInfo()
    info.add_text("Title", "Night")
    info.add_itxt("Beschreibung", "Grün", lang="de")
    info.add(b"cHRM", bytes(32))
    info.add(b"prVt", b"private, safe to copy")
    info.add(b"prVT", b"private, not to be copied")
    Image.fromarray(photo).save(tmp_path / "in.png", pnginfo=info)
    found, written = again(tmp_path / "in.png", tmp_path)
    assert found.text == written.text != ()
    assert found.chunks == written.chunks
    assert {kind for kind, _ in found.chunks} == {b"cHRM", b"prVt"}


def app1(data):
    return b"\xff\xe1" + struct.pack(">H", len(data) + 2) + data


def test_exif_over_64_kb_is_written_as_it_came(tmp_path, photo):
    stream = io.BytesIO()
    Image.fromarray(photo).save(stream, "JPEG")
    plain = stream.getvalue()
    first = b"Exif\0\0" + b"MM\0*\0\0\0\x08\0\0\0\0\0\0" + bytes(65000)
    (tmp_path / "in.jpg").write_bytes(plain[:2] + app1(first) + app1(b"Exif\0\0" + bytes(60000)) + plain[2:])
    found, written = again(tmp_path / "in.jpg", tmp_path)
    assert len(found.exif) > 125_000
    assert found.exif == written.exif


def ifd(entries, following):
    packed = b"".join(struct.pack("<HHII", *entry) for entry in entries)
    return struct.pack("<H", len(entries)) + packed + struct.pack("<I", following)


def with_preview(preview, *, junk=b""):
    """An EXIF block whose preview lies in IFD1, and which says 96x64."""
    exposure = 8 + 2 + 12 + 4
    second = exposure + 2 + 24 + 4
    data = second + 2 + 36 + 4
    return (
        b"II*\0\x08\0\0\0"
        + ifd([(0x8769, 4, 1, exposure)], second)
        + ifd([(0xA002, 4, 1, 96), (0xA003, 4, 1, 64)], 0)
        + ifd([(0x0103, 3, 1, 6), (0x0201, 4, 1, data), (0x0202, 4, 1, len(preview))], 0)
        + preview
        + junk
    )


@pytest.mark.parametrize("room", [0, 2000])
def test_the_preview_and_the_sides_are_those_of_the_new_picture(tmp_path, room):
    dark = Image.new("RGB", (96, 64), (12, 12, 16))
    stream = io.BytesIO()
    dark.resize((48, 32)).save(stream, "JPEG")
    preview = stream.getvalue() + bytes(room)
    bright = np.full((128, 192, 3), 180, np.uint8)
    like = Photo(pixels=np.asarray(dark), exif=with_preview(preview, junk=b"maker's note"))
    write(tmp_path / "a.jpg", bright, like=like)
    block = read(tmp_path / "a.jpg").exif
    exif = Image.Exif()
    exif.load(b"Exif\0\0" + block)
    sides = exif.get_ifd(0x8769)
    assert (sides[0xA002], sides[0xA003]) == (192, 128)
    thumbnail = exif.get_ifd(ExifTags.IFD.IFD1)
    shown = Image.open(io.BytesIO(block[thumbnail[0x0201] :][: thumbnail[0x0202]]))
    assert shown.size == (48, 32)
    assert np.asarray(shown).mean() == pytest.approx(180, abs=3)
    assert block.endswith(b"maker's note")


def test_a_preview_that_is_no_picture_is_cut_off(tmp_path, photo):
    write(tmp_path / "a.jpg", photo, like=Photo(pixels=photo, exif=with_preview(b"not a picture" * 9)))
    block = read(tmp_path / "a.jpg").exif
    assert b"not a picture" not in block
    exif = Image.Exif()
    exif.load(b"Exif\0\0" + block)
    assert not exif.get_ifd(ExifTags.IFD.IFD1)


def test_lossless_webp_stays_lossless(tmp_path, photo):
    Image.fromarray(photo).save(tmp_path / "in.webp", lossless=True)
    found, written = again(tmp_path / "in.webp", tmp_path)
    assert found.lossless
    assert written.lossless
    np.testing.assert_array_equal(written.pixels, photo)


def test_the_date_of_the_file_is_kept(tmp_path, photo):
    Image.fromarray(photo).save(tmp_path / "in.png")
    os.utime(tmp_path / "in.png", (1e9, 1e9))
    again(tmp_path / "in.png", tmp_path)
    assert (tmp_path / "out.png").stat().st_mtime == 1e9


@pytest.mark.parametrize("name", ["a" * 246 + ".png", "\u591c" * 82 + ".jpg"])
def test_names_of_250_bytes_are_written(tmp_path, photo, name):
    write(tmp_path / name, photo, like=Photo(pixels=photo))
    assert [p.name for p in tmp_path.iterdir()] == [name]


def test_a_link_is_written_through_and_rights_stay(tmp_path, photo):
    (tmp_path / "disk").mkdir()
    target = tmp_path / "disk" / "old.png"
    target.write_bytes(b"old")
    target.chmod(0o640)
    (tmp_path / "out.png").symlink_to(target)
    write(tmp_path / "out.png", photo, like=Photo(pixels=photo))
    assert (tmp_path / "out.png").is_symlink()
    assert target.stat().st_mode & 0o777 == 0o640
    np.testing.assert_array_equal(read(target).pixels, photo)


def test_the_limit_is_ours_and_no_warning_is_heard(tmp_path, monkeypatch):
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 10)
    Image.new("RGB", (40, 30)).save(tmp_path / "a.png")
    assert read(tmp_path / "a.png").pixels.shape == (30, 40, 3)
    assert Image.MAX_IMAGE_PIXELS == 10
    with pytest.raises(UsageError, match=r"40×30, 0 megapixels; the limit is 0.*--max-megapixels 1 "):
        read(tmp_path / "a.png", max_pixels=1000)


@pytest.mark.parametrize("turned", range(1, 9))
def test_pictures_are_turned_alike_by_all_readers(tmp_path, photo, turned):
    from PIL import ImageOps

    exif = Image.Exif()
    exif[ORIENTATION] = turned
    for suffix in ("png", "tif"):
        Image.fromarray(photo).save(tmp_path / f"a.{suffix}", exif=exif)
        with Image.open(tmp_path / f"a.{suffix}") as file:
            expected = np.asarray(ImageOps.exif_transpose(file))
        np.testing.assert_array_equal(read_rgb(tmp_path / f"a.{suffix}"), expected)
        assert size_of(tmp_path / f"a.{suffix}") == expected.shape[1::-1]
    assert orientation(upright(read(tmp_path / "a.png")).exif) == 1


def read_from(image, folder):
    Image.fromarray(image).save(folder / "from.png")
    return read(folder / "from.png")


def as_shown(path):
    """Return a picture as viewers show it: of HEIF they heed no EXIF orientation."""
    from PIL import ImageOps

    if path.suffix in (".heic", ".heif", ".hif"):
        return np.asarray(pytest.importorskip("pillow_heif").open_heif(path))
    with Image.open(path) as file:
        return np.asarray(ImageOps.exif_transpose(file))


@pytest.mark.parametrize("suffix", sorted(WRITABLE))
def test_a_turned_photograph_is_shown_alike_in_every_format(tmp_path, suffix):
    image = np.zeros((32, 48, 3), np.uint8)
    image[:8, :8] = 255  # a corner, which tells all orientations apart
    for turned in range(1, 9):
        exif = Image.Exif()
        exif[ORIENTATION] = turned
        Image.fromarray(image).save(tmp_path / "a.png", exif=exif)
        photo = read(tmp_path / "a.png")
        write(tmp_path / f"b{suffix}", photo.pixels, like=photo)
        shown, expected = as_shown(tmp_path / f"b{suffix}"), upright(photo).pixels
        assert shown.shape == expected.shape
        assert np.abs(shown.astype(int) - expected).mean() < 5


@pytest.mark.parametrize("suffix", ["jpg", "webp", "tga"])
def test_sides_that_a_format_cannot_hold_are_refused_before_any_work(tmp_path, photo, suffix):
    panorama = replace(read_from(photo, tmp_path), pixels=np.zeros((1, 65536, 3), np.uint8))
    message = r"65536×1, and (JPEG|WEBP|TGA) holds at most \d+ a side; name it \.png"
    with pytest.raises(UsageError, match=message):
        check_holds(tmp_path / f"b.{suffix}", panorama)


def test_xmp_longer_than_a_jpeg_segment_is_said(tmp_path, photo):
    long = replace(read_from(photo, tmp_path), xmp=b"<x>" + b" " * 70_000 + b"</x>")
    assert write(tmp_path / "b.jpg", photo, like=long) == (
        "XMP data of 70007 bytes left out: a JPEG segment holds 65533",
    )
    assert read(tmp_path / "b.jpg").xmp == b""


def test_a_long_comment_is_kept_in_parts(tmp_path, photo):
    comment = bytes(range(1, 256)) * 300
    write(tmp_path / "b.jpg", photo, like=replace(read_from(photo, tmp_path), comments=(comment,)))
    assert b"".join(read(tmp_path / "b.jpg").comments) == comment


def test_further_channels_of_a_tiff_are_said(tmp_path):
    tifffile = pytest.importorskip("tifffile")
    values = np.zeros((16, 16, 5), np.uint8)
    kinds = ["unspecified", "unspecified"]
    tifffile.imwrite(tmp_path / "a.tif", values, photometric="rgb", extrasamples=kinds)
    assert read(tmp_path / "a.tif").notes == ("2 further channels left out",)


def test_training_and_scoring_take_no_hidden_colors(tmp_path):
    MODES["RGBA"].save(tmp_path / "a.png")
    with pytest.raises(UsageError, match="is partly transparent"):
        read_rgb(tmp_path / "a.png")
    Image.fromarray(COLORS).convert("RGBA").save(tmp_path / "b.png")
    np.testing.assert_array_equal(read_rgb(tmp_path / "b.png"), COLORS)
    MODES["I;16"].save(tmp_path / "c.png")
    np.testing.assert_array_equal(read_rgb(tmp_path / "c.png")[..., 0], GRAY)


def test_what_lies_behind_a_jpeg_is_said_to_be_left_out(tmp_path, photo):
    Image.fromarray(photo).save(tmp_path / "a.jpg")
    assert read(tmp_path / "a.jpg").notes == ()
    with (tmp_path / "a.jpg").open("ab") as stream:
        stream.write(bytes(5000))
    assert read(tmp_path / "a.jpg").notes == (), "padding"
    with (tmp_path / "a.jpg").open("ab") as stream:
        stream.write(b"MotionPhoto_Data" * 9)
    assert (
        "behind the picture (such as a motion clip or a gain map) is left out"
        in read(tmp_path / "a.jpg").notes[0]
    )


GAIN_MAP = b"""<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF
 xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"><rdf:Description
 xmlns:xmp="http://ns.adobe.com/xap/1.0/" xmlns:hdrgm="http://ns.adobe.com/hdr-gain-map/1.0/"
 xmlns:Container="http://ns.google.com/photos/1.0/container/" xmp:Rating="5" hdrgm:Version="1.0">
<Container:Directory><rdf:Seq/></Container:Directory></rdf:Description></rdf:RDF></x:xmpmeta>"""


def test_an_ultra_hdr_jpeg_does_not_go_on_to_claim_its_gain_map(tmp_path, photo):
    """The gain map is a JPEG behind the picture, which ends as a whole file does."""
    Image.fromarray(photo).save(tmp_path / "map.jpg")
    Image.fromarray(photo).save(tmp_path / "a.jpg", xmp=GAIN_MAP)
    with (tmp_path / "a.jpg").open("ab") as stream:
        stream.write((tmp_path / "map.jpg").read_bytes())
    found = read(tmp_path / "a.jpg")
    assert "or a gain map) is left out" in found.notes[0]
    assert b'xmp:Rating="5"' in found.xmp
    assert b"hdrgm:Version" not in found.xmp
    assert b"Container:Directory" not in found.xmp
    assert read(tmp_path / "map.jpg").notes == ()
