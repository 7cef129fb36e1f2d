"""The evaluate command: the numbers, and that every backend gives the same ones."""

import csv
import json
import os

import numpy as np
import pytest
from PIL import Image

import restorect_edge
from restorect_edge.cli.evaluate import main
from restorect_edge.errors import UsageError
from restorect_edge.evaluation.metrics import gt_mean, psnr, ssim
from restorect_edge.scoring.items import find

NAMES = ["a", "b", "c"]


def write_pairs(folder, sizes, names=("low", "high")):
    generator = np.random.default_rng(0)
    for name, (height, width) in zip(NAMES, sizes, strict=True):
        coarse = generator.integers(0, 256, (4, 6, 3), np.uint8)
        clean = Image.fromarray(coarse).resize((width, height), Image.Resampling.BICUBIC)
        dark = Image.fromarray((np.asarray(clean) * 0.25).astype(np.uint8))
        for sub, image in zip(names, (dark, clean), strict=True):
            (folder / sub).mkdir(parents=True, exist_ok=True)
            image.save(folder / sub / f"{name}.png")
    return folder


@pytest.fixture(scope="module")
def pairs(tmp_path_factory):
    """Three pairs of the size of the small artifacts."""
    return write_pairs(tmp_path_factory.mktemp("pairs"), [(64, 96)] * 3)


def scores(capsys, *arguments):
    assert main([*map(str, arguments), "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def test_scores_are_means_over_8_bit_images(artifact_onnx, pairs, capsys):
    found = scores(capsys, artifact_onnx.path, "--data", pairs)
    assert list(found)[:4] == ["images", "psnr", "ssim", "psnr_gt_mean"]
    conditions = {"deviation", "undefined", "switches", "source", "data", "seconds", "provider"}
    assert set(found) >= conditions
    assert found["seconds"]["restoring"] > 0
    assert (found["images"], found["protocol"], found["runtime"]) == (3, "standard", "onnxruntime")
    assert found["provider"].startswith("ONNX Runtime")
    expected = []
    with restorect_edge.load(artifact_onnx.path) as restore:
        for name in NAMES:
            dark, clean = (np.asarray(Image.open(pairs / d / f"{name}.png")) for d in ("low", "high"))
            output = restore(dark)
            expected.append((psnr(output, clean), ssim(output, clean), psnr(gt_mean(output, clean), clean)))
    got = [found["psnr"], found["ssim"], found["psnr_gt_mean"]]
    np.testing.assert_allclose(got, np.mean(expected, axis=0), atol=1e-4)


def test_weights_and_artifacts_agree_to_a_hundredth(artifact_onnx, artifact_openvino, pairs, capsys):
    torch = scores(capsys, "lowlight-small", "--data", pairs)
    assert torch["runtime"] == "torch"
    for artifact, runtime in ((artifact_onnx, "onnxruntime"), (artifact_openvino, "openvino")):
        found = scores(capsys, artifact.path, "--data", pairs)
        assert found["runtime"] == runtime
        for key in ("psnr", "ssim", "psnr_gt_mean"):
            assert found[key] == pytest.approx(torch[key], abs=0.01)


def test_weights_are_exported_for_another_back_end(tmp_path, capsys):
    folder = write_pairs(tmp_path, [(64, 96), (40, 56), (33, 47)], ("input", "target"))
    torch = scores(capsys, "lowlight-small", "--data", folder)
    found = scores(capsys, "lowlight-small", "--data", folder, "--runtime", "onnxruntime")
    assert found["runtime"] == "onnxruntime"
    for key in ("psnr", "ssim", "psnr_gt_mean"):
        assert found[key] == pytest.approx(torch[key], abs=0.01)


def test_text_and_csv(artifact_onnx, pairs, tmp_path, capsys):
    table = tmp_path / "new" / "scores.csv"
    assert main([str(artifact_onnx.path), "--data", str(pairs), "--csv", str(table)]) == 0
    text = capsys.readouterr().out
    assert "(3 images, protocol standard, ONNX Runtime" in text
    rows = list(csv.DictReader(table.read_text().splitlines()))
    assert [row["name"] for row in rows] == NAMES
    mean = np.mean([float(row["psnr"]) for row in rows])
    assert f"PSNR {mean:.2f} dB" in text
    assert [p.name for p in table.parent.iterdir()] == ["scores.csv"]


def test_a_page_and_a_sheet(artifact_onnx, pairs, tmp_path, capsys):
    page, sheet = tmp_path / "new" / "report.md", tmp_path / "new" / "sheet.jpg"
    files = ["--markdown", str(page), "--sheet", str(sheet), "--metrics", "ssim,uciqe"]
    assert main([str(artifact_onnx.path), "--data", str(pairs), *files]) == 0
    capsys.readouterr()
    assert "Protocol `standard`" in (text := page.read_text(encoding="utf-8"))
    assert "| SSIM | higher |" in text
    with Image.open(sheet) as picture:
        assert picture.size[0] == 3 * 96 + 4 * 12
    assert sorted(p.name for p in page.parent.iterdir()) == ["report.md", "sheet.jpg"]


def test_protocols_are_not_mixed(artifact_onnx, pairs, capsys):
    standard = scores(capsys, artifact_onnx.path, "--data", pairs)
    scaled = scores(capsys, artifact_onnx.path, "--data", pairs, "--protocol", "gt-mean")
    script = scores(capsys, artifact_onnx.path, "--data", pairs, "--protocol", "restorect")
    assert scaled["psnr"] == pytest.approx(standard["psnr_gt_mean"], abs=1e-4)
    assert "psnr_gt_mean" not in scaled
    assert script["switches"]["correction"] == 0.1
    options = ["--protocol", "restorect", "--correction", "1"]
    full = scores(capsys, artifact_onnx.path, "--data", pairs, *options)
    assert full["psnr"] > script["psnr"]


def test_images_without_clean_ones(artifact_onnx, pairs, tmp_path, capsys):
    sheet = tmp_path / "sheet.png"
    options = ["--metrics", "uciqe,brisque", "--sheet", sheet]
    found = scores(capsys, artifact_onnx.path, "--data", pairs / "low", *options)
    assert list(found)[:3] == ["images", "uciqe", "brisque"]
    assert found["images"] == 3
    with Image.open(sheet) as picture:
        assert picture.size[0] == 2 * 96 + 3 * 12


def test_a_metric_that_cannot_be_is_refused_first(artifact_onnx, pairs, capsys):
    code = main([str(artifact_onnx.path), "--data", str(pairs), "--metrics", "psnr,biqi"])
    assert code == 1
    assert "no maintained package ships" in capsys.readouterr().err


def test_a_table_that_cannot_be_written_is_an_error(artifact_onnx, pairs, tmp_path, capsys):
    (tmp_path / "file").write_text("")
    assert (
        main([str(artifact_onnx.path), "--data", str(pairs), "--csv", str(tmp_path / "file" / "x.csv")]) == 1
    )
    assert "cannot write" in capsys.readouterr().err


def test_wrong_usage(artifact_onnx, pairs, tmp_path, capsys):
    artifact = str(artifact_onnx.path)
    for arguments, message in [
        (["lowlight-small", "--data", str(tmp_path)], "it must hold low/ and high/ or input/ and target/"),
        (["lowlight-smal", "--data", str(pairs)], "did you mean 'lowlight-small'"),
        ([artifact, "--data", str(pairs), "--runtime", "opnvino"], "did you mean 'openvino'"),
        ([artifact, "--data", str(pairs), "--runtime", "torch"], "does not run onnx artifacts"),
        ([artifact], "--data"),
        ([artifact, "--data", str(pairs), "--metrics", "sism"], "did you mean 'ssim'"),
        ([artifact, "--data", str(pairs), "--protocol", "offical"], "unknown protocol 'offical'"),
        ([artifact, "--data", str(pairs), "--correction", "0.3"], "a switch of 'restorect'"),
        ([artifact, "--data", str(pairs), "--sheet", "sheet.gif"], "cannot write 'sheet.gif'"),
        ([artifact, "--data", str(pairs / "low"), "--metrics", "psnr"], "need clean images"),
    ]:
        assert main(arguments) == 1
        assert message in capsys.readouterr().err


def test_pairs_that_cannot_be_scored(artifact_onnx, tmp_path, capsys):
    artifact = str(artifact_onnx.path)
    small = write_pairs(tmp_path / "small", [(64, 96), (10, 56), (64, 96)])
    assert main([artifact, "--data", str(small)]) == 1
    assert "image 'b' is 56×10; SSIM needs sides of at least 11" in capsys.readouterr().err
    large = write_pairs(tmp_path / "large", [(64, 96), (64, 96), (72, 96)])
    assert main([artifact, "--data", str(large)]) == 4
    assert "does not fit" in capsys.readouterr().err
    Image.new("RGB", (8, 8)).save(tmp_path / "large" / "low" / "c.png")
    assert main([artifact, "--data", str(large)]) == 1
    assert "both must have the same size" in capsys.readouterr().err


def test_scores_of_files_whose_names_are_not_utf_8_are_written(artifact_onnx, tmp_path, photo):
    """Old archives have names in Latin-1, and they come out as they went in."""
    name = os.fsdecode(b"caf\xe9.png")
    (tmp_path / "pairs/low").mkdir(parents=True)
    (tmp_path / "pairs/high").mkdir()
    for side in ("low", "high"):
        Image.fromarray(photo).save(tmp_path / "pairs" / side / name)
    table, sheet = tmp_path / "scores.csv", tmp_path / "sheet.png"
    command = [str(artifact_onnx.path), "--data", str(tmp_path / "pairs"), "--csv", str(table)]
    assert main([*command, "--sheet", str(sheet)]) == 0
    assert b"caf\xe9" in table.read_bytes()
    assert sheet.is_file()


def test_nested_scenes_and_folders_beside_photographs_are_found(tmp_path, photo):
    for path in (
        "nested/Low/s1/0.png",
        "nested/High/s1/0.png",
        "photos/a.png",
        "photos/sub/b.png",
        "photos/._a.png",
    ):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(photo).save(tmp_path / path)
    assert [item.name for item in find(tmp_path / "nested")] == ["s1/0"]
    assert [item.name for item in find(tmp_path / "photos")] == ["a.png", "sub/b.png"]


def test_two_files_of_one_name_are_named(tmp_path, photo):
    for path in ("low/0.png", "low/0.jpg", "high/0.png", "high/0.jpg"):
        (tmp_path / path).parent.mkdir(exist_ok=True)
        Image.fromarray(photo).save(tmp_path / path)
    with pytest.raises(UsageError, match=r"0\.jpg' and '.*0\.png' have one name but for the suffix"):
        find(tmp_path)
