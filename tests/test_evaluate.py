"""The evaluate command: the numbers, and that every back end gives the same ones."""

import csv
import json

import numpy as np
import pytest
from PIL import Image

import restorect_edge
from restorect_edge.evaluate import main
from restorect_edge.metrics import gt_mean, psnr, ssim

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
    assert set(found) == {"images", "psnr", "ssim", "psnr_gt_mean", "protocol", "runtime", "provider"}
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
    ]:
        assert main(arguments) == 1
        assert message in capsys.readouterr().err


def test_pairs_that_cannot_be_scored(artifact_onnx, tmp_path, capsys):
    artifact = str(artifact_onnx.path)
    small = write_pairs(tmp_path / "small", [(64, 96), (10, 56), (64, 96)])
    assert main([artifact, "--data", str(small)]) == 1
    assert "pair 'b' is 56×10; SSIM needs sides of at least 11" in capsys.readouterr().err
    large = write_pairs(tmp_path / "large", [(64, 96), (64, 96), (72, 96)])
    assert main([artifact, "--data", str(large)]) == 4
    assert "does not fit" in capsys.readouterr().err
    Image.new("RGB", (8, 8)).save(tmp_path / "large" / "low" / "c.png")
    assert main([artifact, "--data", str(large)]) == 1
    assert "both must have the same size" in capsys.readouterr().err
