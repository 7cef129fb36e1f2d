"""The run command on real files."""

import numpy as np
import pytest
from PIL import Image

import restorect_edge
from restorect_edge.cli.run import main
from restorect_edge.media.decoding import read
from restorect_edge.media.encoding import write
from restorect_edge.media.photo import Photo


@pytest.fixture
def run(artifact_onnx):
    """Run the command with an artifact."""
    return lambda *arguments: main([str(artifact_onnx.path), *map(str, arguments)])


@pytest.fixture(scope="module")
def restored(artifact_onnx, photo):
    """What the runtime makes of `photo`."""
    with restorect_edge.load(artifact_onnx.path) as restore:
        return restore(photo)


@pytest.fixture
def folder(tmp_path, photo):
    """photos/ with a.png, sub/b.png and things that are not for us."""
    folder = tmp_path / "photos"
    for name in ("a.png", "sub/b.PNG", ".hidden/c.png", "sub/._b.png"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(photo).save(folder / name)
    (folder / "notes.txt").write_text("not an image")
    return folder


def pixels(path):
    with Image.open(path) as file:
        return np.asarray(file)


def files(folder):
    return sorted(p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file())


def test_a_file_becomes_a_file(run, tmp_path, photo, restored, capsys):
    Image.fromarray(photo).save(tmp_path / "dark.png")
    out = tmp_path / "new" / "bright.png"
    assert run(tmp_path / "dark.png", "-o", out) == 0
    np.testing.assert_array_equal(pixels(out), restored)
    shown, messages = capsys.readouterr()
    assert shown == f"{out}\n"
    assert "1 image, ONNX Runtime" in messages
    assert files(tmp_path / "new") == ["bright.png"]


@pytest.mark.parametrize("output", ["out", "out/", "out.2026/"])
def test_a_file_goes_into_a_folder_under_its_name(run, tmp_path, photo, restored, output):
    Image.fromarray(photo).save(tmp_path / "dark.png")
    assert run(tmp_path / "dark.png", "-o", f"{tmp_path}/{output}") == 0
    np.testing.assert_array_equal(pixels(tmp_path / output / "dark.png"), restored)


def test_folders_keep_their_structure_and_names(run, folder, tmp_path, restored):
    assert run(folder, "-o", tmp_path / "out") == 0
    assert files(tmp_path / "out") == ["a.png", "sub/b.PNG"]
    np.testing.assert_array_equal(pixels(tmp_path / "out/sub/b.PNG"), restored)


def test_an_output_folder_inside_is_not_an_input(run, folder):
    assert run(folder, "-o", folder / "out") == 0
    assert run(folder, "-o", folder / "out", "--overwrite") == 0
    assert files(folder / "out") == ["a.png", "sub/b.PNG"]


def test_nothing_is_overwritten_unless_asked(run, folder, tmp_path, capsys):
    (tmp_path / "out/sub").mkdir(parents=True)
    (tmp_path / "out/sub/b.PNG").write_text("mine")
    assert run(folder, "-o", tmp_path / "out") == 1
    assert "sub/b.PNG' exists; use --skip-existing" in capsys.readouterr().err
    assert files(tmp_path / "out") == ["sub/b.PNG"]
    assert (tmp_path / "out/sub/b.PNG").read_text() == "mine"
    assert run(folder, "-o", tmp_path / "out", "--overwrite") == 0
    assert pixels(tmp_path / "out/sub/b.PNG").ndim == 3


def test_a_folder_restored_into_itself_needs_overwrite(run, folder, capsys):
    assert run(folder, "-o", folder) == 1
    assert "' and 1 more exist; use --skip-existing" in capsys.readouterr().err
    assert run(folder, "-o", folder, "--overwrite") == 0
    assert "a.png" in files(folder)


@pytest.mark.parametrize("suffix", ["jpg", "png", "webp"])
def test_orientation_profile_and_pixels_stay_consistent(run, artifact_onnx, tmp_path, photo, suffix):
    exif = Image.Exif()
    exif[0x0112] = 6
    options = {"quality": 100, "subsampling": 0} if suffix == "jpg" else {"lossless": True}
    source = tmp_path / f"dark.{suffix}"
    Image.fromarray(photo).save(source, exif=exif.tobytes(), icc_profile=b"profile" * 30, **options)
    assert run(source, "-o", tmp_path / "out") == 0
    with Image.open(tmp_path / "out" / source.name) as file:
        assert file.getexif()[0x0112] == 6
        assert file.info["icc_profile"] == b"profile" * 30
        got = np.asarray(file)
    with Image.open(source) as file, restorect_edge.load(artifact_onnx.path) as restore:
        expected = restore(np.asarray(file))  # as it is decoded: JPEG changes the noise that the prior reads
    assert got.shape == expected.shape
    assert np.abs(got.astype(float) - expected).mean() < 3


def test_16_bit_png_stays_16_bit(run, artifact_onnx, tmp_path, photo):
    values = photo.astype(np.uint16) * 257 + np.arange(56, dtype=np.uint16)[None, :, None]
    deep = Photo(pixels=np.minimum(values, 65535).astype(np.uint16))
    write(tmp_path / "dark.png", deep.image, like=deep)
    assert run(tmp_path / "dark.png", "-o", tmp_path / "bright.png") == 0
    got = read(tmp_path / "bright.png").pixels
    assert got.dtype == np.uint16
    with restorect_edge.load(artifact_onnx.path) as restore:
        expected = restore(deep.image)
    assert np.abs(got / 65535.0 - expected).max() <= 0.6 / 65535
    assert len(np.unique(got)) > 256


def test_a_bad_file_does_not_stop_the_others(run, folder, tmp_path, capsys):
    (folder / "broken.jpg").write_text("not an image")
    Image.new("L", (16, 16)).save(folder / "gray.png")
    assert run(folder, "-o", tmp_path / "out") == 1
    messages = capsys.readouterr().err
    assert messages.count("broken.jpg") == 1
    assert "error: cannot read '" in messages
    assert "left out: 1 .txt (not a picture format that is read)" in messages
    assert "error: 1 of 4 images were not restored" in messages
    assert files(tmp_path / "out") == ["a.png", "gray.png", "sub/b.PNG"]


def test_several_inputs_go_into_one_folder(run, folder, tmp_path, photo):
    Image.fromarray(photo).save(tmp_path / "c.png")
    assert run(folder / "sub", tmp_path / "c.png", "-o", tmp_path / "out") == 0
    assert files(tmp_path / "out") == ["b.PNG", "c.png"]


def test_weights_and_tiles_and_timings(tmp_path, photo, capsys):
    Image.fromarray(np.tile(photo, (8, 8, 1))).save(tmp_path / "dark.png")
    command = ["lowlight-small", str(tmp_path / "dark.png"), "--threads", "1", "-v", "-o"]
    assert main([*command, str(tmp_path / "whole.png")]) == 0
    assert main([*command, str(tmp_path / "tiled.png"), "--tile", "64"]) == 0
    difference = pixels(tmp_path / "whole.png").astype(int) - pixels(tmp_path / "tiled.png")
    assert np.abs(difference).max() <= 1
    messages = capsys.readouterr().err
    assert "dark.png 448×320: read " in messages
    assert " ms, model " in messages


def error(capsys, code):
    assert code == 1
    out, err = capsys.readouterr()
    assert out == ""
    assert "error: " in err
    return err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["photos", "-o", "photos/a.png"], "is a file; for several images or a folder"),
        (["photos", "none.png", "-o", "out"], "no image or folder at 'none.png'"),
        (["empty", "-o", "out"], "no images in 'empty'; readable: JPEG, PNG"),
        (["photos/a.png", "-o", "out.dng"], "cannot write 'out.dng': choose one of"),
        (["photos", "photos/a.png", "other/a.png", "-o", "out"], "would both become 'out/a.png'"),
        (["photos", "-o", "photos/notes.txt/out"], "'photos/notes.txt' is no folder"),
        (["photos", "-o", "out", "--quality", "0"], "--quality is 1 to 100, got 0"),
        (["photos", "-o", "out", "--threads", "0"], "threads must be at least 1, got 0"),
        (["photos", "-o", "out", "--runtime", "opnvino"], "did you mean 'openvino'?"),
        (
            ["photos", "-o", "out", "--runtime", "coreml"],
            "does not run onnx artifacts; these do: onnxruntime",
        ),
        (["photos/a.png", "-o", "out.png", "--tile", "64"], "sides are fixed at 64x96"),
        (["photos", "-o", "out", "--strength", "2"], "--strength is 0 (the input) to 1"),
        (["photos", "-o", "out", "--workers", "-1"], "--workers is 0 or more, got -1"),
        (["photos", "-o", "out", "--report", "r.txt"], "the report 'r.txt' ends in .csv or .json"),
        (["photos", "-o", "out", "--overwite"], "(did you mean --overwrite?)"),
        (["photos/notes.txt", "-o", "out"], "'photos/notes.txt' is no picture that can be read"),
        (["http://localhost/a.jpg"], "'http://localhost/a.jpg' is a web address: download the file first"),
        (["rtsp://localhost/a", "-o", "a.mp4"], "or give a camera's stream to --camera"),
        (["photos", "-o", "out", "--report", "/proc/rows.csv"], "choose another place with --report"),
    ],
)
def test_wrong_usage_writes_nothing(run, folder, tmp_path, photo, capsys, monkeypatch, arguments, message):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "empty").mkdir()
    (tmp_path / "other").mkdir()
    Image.fromarray(photo).save(tmp_path / "other/a.png")
    before = files(tmp_path)
    assert message in error(capsys, run(*arguments))
    assert files(tmp_path) == before


@pytest.mark.parametrize(
    ("word", "message"),
    [
        ("album", "'album' is no image or folder that is there, and no weights of the package"),
        ("lowlight-nan", "no weights of the package (did you mean 'lowlight-nano'?)"),
        ("lowlight-nano", "give an INPUT to restore"),
    ],
)
def test_one_word_that_is_nothing_is_named(capsys, tmp_path, monkeypatch, word, message):
    monkeypatch.chdir(tmp_path)
    assert message in error(capsys, main([word]))


def test_a_folder_that_cannot_be_made_is_refused_first(run, folder, capsys):
    # Root, who runs tests too, has every permission there.
    assert "cannot write '/proc/nope" in error(capsys, run(folder, "-o", "/proc/nope"))


def test_another_back_end_of_the_target(run, tmp_path, photo, restored, capsys):
    Image.fromarray(photo).save(tmp_path / "dark.png")
    assert (
        run(tmp_path / "dark.png", "-o", tmp_path / "out.png", "--runtime", "openvino", "--threads", 1) == 0
    )
    assert "1 image, OpenVINO" in capsys.readouterr().err
    assert np.abs(pixels(tmp_path / "out.png").astype(int) - restored).max() <= 1


def test_an_image_too_large_for_fixed_sides_exits_with_4(artifact_onnx, tmp_path, photo, capsys):
    Image.fromarray(np.tile(photo, (3, 1, 1))).save(tmp_path / "dark.png")
    assert main([str(artifact_onnx.path), str(tmp_path / "dark.png"), "-o", str(tmp_path / "out")]) == 4
    assert "export again with --shapes" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_an_absent_device_exits_with_5(run, folder, tmp_path, capsys):
    assert run(folder, "-o", tmp_path / "out", "--device", "dsp") == 5
    assert "here: " in capsys.readouterr().err
