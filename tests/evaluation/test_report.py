"""Reports and picture sheets."""

import csv
import json
import math

import numpy as np
import pytest

from restorect_edge.evaluation import sheet
from restorect_edge.evaluation.protocols import PROTOCOLS
from restorect_edge.evaluation.report import Report, write_csv, write_markdown
from restorect_edge.evaluation.scores import METRICS, Score

CHOSEN = {key: METRICS[key] for key in ("psnr", "niqe", "fid")}


def made(psnrs, niqes):
    scores = [
        Score(name=f"i|{k}", values={"psnr": p, "niqe": n}, restoring=0.4, scoring=0.1)
        for k, (p, n) in enumerate(zip(psnrs, niqes, strict=True))
    ]
    return Report(
        source="net",
        data="pairs",
        runtime="torch",
        provider="PyTorch",
        protocol=PROTOCOLS["restorect"],
        metrics=CHOSEN,
        means={"psnr": float(np.mean(psnrs)), "niqe": float(np.nanmean(niqes)), "fid": 12.5},
        scores=scores,
    )


@pytest.fixture
def found():
    return made([20.0, 30.0, 25.0], [4.0, math.nan, 6.0])


def test_json_holds_means_spread_and_conditions(found):
    data = json.loads(json.dumps(found.as_json(), allow_nan=False))
    assert (data["images"], data["psnr"], data["niqe"], data["fid"]) == (3, 25, 5, 12.5)
    assert data["deviation"] == {"psnr": pytest.approx(np.std([20, 25, 30]), abs=1e-4), "niqe": 1}
    assert data["undefined"] == {"niqe": 1}
    assert (data["protocol"], data["switches"]["resize"], data["switches"]["border"]) == ("restorect", 256, 5)
    assert data["seconds"] == {"restoring": 0.4, "scoring": 0.1}


def test_text_is_two_lines(found):
    first, second = found.as_text().splitlines()
    assert first == "PSNR 25.00 dB, NIQE 5.000, FID 12.50 (3 images, protocol restorect, PyTorch)"
    assert second == "0.400 s per image restoring, 0.100 s scoring"


def test_markdown_has_both_tables(found, tmp_path):
    write_markdown(tmp_path / "new" / "report.md", found)
    text = (tmp_path / "new" / "report.md").read_text(encoding="utf-8")
    assert "resize 256, gt_mean no, correction 0.1, channel y-bgr, border 5" in text
    assert "| PSNR | higher | 25.00 dB | 4.08 dB | 20.00 dB | 30.00 dB |" in text
    assert "| NIQE | lower | 5.000 | 1.000 | 6.000 | 4.000 |" in text
    assert "| FID | lower | 12.50 | – | – | – |" in text
    assert "| i\\|1 | 30.00 dB | – |" in text


def test_csv_has_a_line_per_image(found, tmp_path):
    write_csv(tmp_path / "scores.csv", found)
    rows = list(csv.DictReader((tmp_path / "scores.csv").read_text(encoding="utf-8").splitlines()))
    assert [(row["name"], float(row["psnr"])) for row in rows] == [("i|0", 20), ("i|1", 30), ("i|2", 25)]


def test_the_sheet_shows_best_median_and_worst():
    scores = made([20.0, 30.0, 25.0, 22.0, 28.0], [5.0, 4.0, math.nan, 2.0, 3.0]).scores
    by_psnr = sheet.pick(scores, "psnr", METRICS["psnr"])
    assert {place: score.values["psnr"] for place, score in by_psnr.items()} == {
        "best": 30,
        "median": 25,
        "worst": 20,
    }
    by_niqe = sheet.pick(scores, "niqe", METRICS["niqe"])
    assert [score.values["niqe"] for score in by_niqe.values()] == [2, 3, 5]


@pytest.mark.parametrize(("count", "places"), [(1, ["best"]), (2, ["best", "worst"])])
def test_the_sheet_repeats_no_image(count, places):
    scores = made([20.0, 30.0][:count], [1.0] * count).scores
    assert list(sheet.pick(scores, "psnr", METRICS["psnr"])) == places


def test_the_sheet_holds_the_pictures_unscaled_or_scaled_to_a_width():
    generator = np.random.default_rng(0)
    small, wide = (generator.integers(0, 200, (40, width, 3), np.uint8) for width in (60, 960))
    rows = [sheet.Row(title="a", caption="b" * 500, pictures=[("input", image)]) for image in (small, wide)]
    drawn = sheet.draw("heading", rows)
    assert drawn.shape[1] == sheet.WIDTH + 2 * sheet.MARGIN
    top = 2 * sheet.MARGIN + sheet.LINE + 3 * sheet.LINE
    shown = drawn[top : top + 40, sheet.MARGIN : sheet.MARGIN + 60]
    np.testing.assert_array_equal(shown, small)
    assert (drawn[:, -sheet.MARGIN // 2 :] == 255).all(), "long captions are cut"
