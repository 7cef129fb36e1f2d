"""Results of any method: scored from a folder, compared in one table, and pairs of two sizes."""

import csv
import json
import re
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

import restorect_edge
from restorect_edge.cli.evaluate import main
from restorect_edge.evaluation.protocols import PROTOCOLS
from restorect_edge.evaluation.published import FIGURES, comparable, table
from restorect_edge.evaluation.sheet import COLORS, error_map

SIZE = (64, 96)


def noise(seed: int, size=SIZE) -> np.ndarray:
    small = np.random.default_rng(seed).integers(0, 256, (8, 12, 3), np.uint8)
    return np.asarray(Image.fromarray(small).resize(size[::-1], Image.Resampling.BICUBIC))


def save(path: Path, pixels: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path)


@pytest.fixture(scope="module")
def pairs(tmp_path_factory):
    folder = tmp_path_factory.mktemp("pairs")
    for index in range(3):
        save(folder / f"high/{index}.png", noise(index))
        save(folder / f"low/{index}.png", noise(index) // 4)
    return folder


@pytest.fixture(scope="module")
def outputs(artifact_onnx, pairs, tmp_path_factory):
    """What the artifact makes of the pairs, written as pictures."""
    folder = tmp_path_factory.mktemp("outputs")
    with restorect_edge.load(artifact_onnx.path) as restore:
        for path in (pairs / "low").iterdir():
            save(folder / path.name, restore(np.asarray(Image.open(path))))
    return folder


def scores(capsys, *arguments):
    code = main([*map(str, arguments), "--json"])
    out, err = capsys.readouterr()
    assert code == 0, err
    return json.loads(out)


NUMBERS = ("images", "psnr", "ssim", "psnr_gt_mean", "deviation", "switches")


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_written_results_score_as_the_artifact_to_the_last_digit(
    artifact_onnx, outputs, pairs, protocol, capsys
):
    ours = scores(capsys, artifact_onnx.path, "--data", pairs, "--protocol", protocol)
    theirs = scores(capsys, "--outputs", outputs, "--data", pairs, "--protocol", protocol)
    assert {key: ours.get(key) for key in NUMBERS} == {key: theirs.get(key) for key in NUMBERS}
    assert (theirs["runtime"], theirs["source"]) == ("files", str(outputs))


def test_results_may_have_one_ending(outputs, pairs, tmp_path, capsys):
    for path in outputs.iterdir():
        shutil.copy(path, tmp_path / f"{path.stem}_method.png")
    assert scores(capsys, "--outputs", tmp_path, "--data", pairs)["images"] == 3


def test_results_that_are_missing_are_named(outputs, pairs, tmp_path, capsys):
    shutil.copy(outputs / "0.png", tmp_path)
    assert main(["--outputs", str(tmp_path), "--data", str(pairs)]) == 1
    assert "has no result for 1, 2: results have the names of the images" in capsys.readouterr().err


def test_a_result_of_another_size_is_named(outputs, pairs, tmp_path, capsys):
    for index in range(3):
        save(tmp_path / f"{index}.png", noise(0, (64, 96) if index < 2 else (64, 95)))
    assert main(["--outputs", str(tmp_path), "--data", str(pairs)]) == 1
    assert "the result for '2' is 95×64, expected 96×64" in capsys.readouterr().err


def test_methods_are_compared_in_one_table_and_one_sheet(artifact_onnx, outputs, pairs, tmp_path, capsys):
    files = {"--sheet": tmp_path / "s.png", "--csv": tmp_path / "s.csv", "--markdown": tmp_path / "s.md"}
    options = [str(word) for pair in files.items() for word in pair]
    sources = [str(artifact_onnx.path), str(outputs), str(pairs / "high")]
    assert main(["--compare", *sources, "--data", str(pairs), *options]) == 0
    text = capsys.readouterr().out
    rows = [line for line in text.splitlines() if line.startswith("| /")]
    assert [row.split(" | ")[0].removeprefix("| ") for row in rows] == sources
    assert "**200.00 dB**" in rows[2]
    assert re.findall(r"[\d.]+ dB", rows[0]) == re.findall(r"[\d.]+ dB", rows[1])
    with Image.open(files["--sheet"]) as picture:
        assert picture.size[0] == 5 * 96 + 6 * 12  # input, three outputs, target
    table_rows = list(csv.DictReader(files["--csv"].read_text().splitlines()))
    assert [row["method"] for row in table_rows] == [source for source in sources for _ in range(3)]
    assert files["--markdown"].read_text().startswith(f"# 3 methods on {pairs}")


def test_one_thing_is_scored_at_a_time(artifact_onnx, outputs, pairs, capsys):
    for words in (["x", "--outputs", str(outputs)], []):
        assert main([*words, "--data", str(pairs)]) == 1
        assert "name what to score: WEIGHTS_OR_ARTIFACT, or --outputs DIR" in capsys.readouterr().err


@pytest.fixture
def enlarged(tmp_path):
    """Pairs of two sizes, and what a method made of them; the targets have two rows too many."""
    for index in range(2):
        high = noise(index, (64, 96))
        save(tmp_path / f"pairs/low/{index}.png", noise(index, (16, 24)))
        save(tmp_path / f"pairs/high/{index}.png", np.vstack([high, high[-2:]]))
        made = np.clip(high + np.random.default_rng(index).normal(0, 9, high.shape), 0, 255)
        save(tmp_path / f"made/{index}.png", made.astype(np.uint8))
    return tmp_path


WINDOW = {"gaussian_weights": True, "sigma": 1.5, "use_sample_covariance": False}


def luma(image: np.ndarray) -> np.ndarray:
    return 16 + image @ (np.array([65.481, 128.553, 24.966]) / 255)


def test_super_resolution_is_scored_on_luma_without_the_border_as_scikit_image_does(enlarged, capsys):
    options = ["--data", enlarged / "pairs", "--protocol", "sr"]
    found = scores(capsys, "--outputs", enlarged / "made", *options)
    assert (found["switches"]["border"], found["switches"]["channel"]) == (4, "y")
    expected = []
    for index in range(2):
        made, high = (
            luma(np.asarray(Image.open(enlarged / f"{where}/{index}.png"))[:64].astype(float))[4:-4, 4:-4]
            for where in ("made", "pairs/high")
        )
        similarity = structural_similarity(
            high,
            made,
            data_range=255,
            gaussian_weights=True,
            sigma=1.5,
            use_sample_covariance=False,
            full=True,
        )[1][5:-5, 5:-5].mean()
        expected.append((peak_signal_noise_ratio(high, made, data_range=255), similarity))
    np.testing.assert_allclose((found["psnr"], found["ssim"]), np.mean(expected, axis=0), atol=1e-4)
    assert scores(capsys, "--outputs", enlarged / "made", *options, "--border", 0)["psnr"] != found["psnr"]


def test_a_network_that_enlarges_is_scored_by_pairs_of_two_sizes(community, enlarged, capsys):
    found = scores(capsys, community("realesr-compact-x4"), "--data", enlarged / "pairs", "--protocol", "sr")
    assert found["images"] == 2
    assert 0 < found["psnr"] < 60


def test_pairs_for_another_scale_are_said(community, enlarged, capsys):
    assert main([str(community("realesrgan-x2")), "--data", str(enlarged / "pairs")]) == 1
    assert "it must be 2 times as large" in capsys.readouterr().err


@pytest.mark.parametrize("figure", FIGURES, ids=lambda f: f"{f.method}-{f.dataset}-{f.protocol}")
def test_published_figures_say_protocol_and_source(figure):
    assert figure.protocol in PROTOCOLS
    assert 10 < figure.psnr < 60
    assert figure.ssim is None or 0.5 < figure.ssim < 1
    assert "arXiv" in figure.source or "/" in figure.source
    assert figure in comparable(figure.dataset, figure.protocol)


def test_own_scores_stand_among_published_ones_of_the_protocol(outputs, pairs, capsys):
    assert main(["--outputs", str(outputs), "--data", str(pairs), "--published", "lol-v1"]) == 0
    assert f"| **{outputs}** |" in (text := capsys.readouterr().out)
    assert "Retinexformer" not in text  # its figures are of gt-mean
    order = [float(line.split("|")[2]) for line in table("lol-v1", "standard", [("x", 23.5, None)])[2:]]
    assert order == sorted(order, reverse=True)


def test_an_error_map_is_black_where_nothing_differs():
    target = np.full((4, 6, 3), 100, np.uint8)
    output = target.copy()
    output[2, 3] = 255
    shown = error_map(output, target)
    assert (shown[0, 0] == COLORS[0]).all()
    assert (shown[2, 3] == COLORS[-1]).all()
