"""The metrics by name: choosing, scoring one by one, and what is missing."""

import importlib.util
import math

import numpy as np
import pytest

from restorect_edge.errors import MissingDependencyError, UsageError
from restorect_edge.evaluation.metrics import gt_mean, psnr, ssim
from restorect_edge.evaluation.protocols import PROTOCOLS
from restorect_edge.evaluation.scores import METRICS, Evaluator, choose

STANDARD = PROTOCOLS["standard"]


@pytest.fixture
def pair():
    generator = np.random.default_rng(0)
    target = generator.integers(0, 256, (200, 220, 3), np.uint8)
    return np.clip(target * 0.8, 0, 255).astype(np.uint8), target


def test_the_metrics_are_the_papers_and_the_gt_mean_column():
    paper = {"psnr", "ssim", "fid", "niqe", "lpips", "brisque", "biqi", "uciqe", "uiqm", "clip_iqa"}
    assert set(METRICS) == paper | {"psnr_gt_mean"}


def test_scores_and_means(pair):
    output, target = pair
    evaluator = Evaluator(STANDARD, choose("ssim, psnr,psnr_gt_mean,uiqm", STANDARD, paired=True))
    first = evaluator.add("a", output, target, restoring=0.5)
    second = evaluator.add("b", target, target)
    assert list(first.values) == ["ssim", "psnr", "psnr_gt_mean", "uiqm"]
    assert first.values["psnr"] == psnr(output, target)
    assert first.values["ssim"] == ssim(output, target)
    assert first.values["psnr_gt_mean"] == psnr(gt_mean(output, target), target)
    assert second.values["psnr"] == 200, "equal images"
    assert evaluator.means()["psnr"] == pytest.approx((psnr(output, target) + 200) / 2)
    assert first.restoring == 0.5
    assert first.scoring > 0


def test_a_protocol_acts_before_every_metric(pair):
    output, target = pair
    protocol = PROTOCOLS["restorect"]
    evaluator = Evaluator(protocol, choose("psnr,uciqe", protocol, paired=True))
    values = evaluator.add("a", output, target).values
    prepared = protocol.prepare(output, target)
    assert values["psnr"] == psnr(*map(protocol.view, prepared))
    assert values["uciqe"] == METRICS["uciqe"].make()(sample(protocol, prepared[0]))
    assert values["psnr"] != psnr(output, target)


def sample(protocol, output):
    from restorect_edge.evaluation.scores import Sample

    return Sample(protocol=protocol, output=output, target=None)


def test_an_undefined_score_is_left_out_of_the_mean(pair):
    evaluator = Evaluator(STANDARD, choose("niqe", STANDARD, paired=False))
    flat = evaluator.add("flat", np.zeros((192, 192, 3), np.uint8), None)
    other = evaluator.add("other", pair[0], None)
    assert math.isnan(flat.values["niqe"])
    assert evaluator.means() == {"niqe": other.values["niqe"]}


def test_choosing_by_default():
    assert list(choose(None, STANDARD, paired=True)) == ["psnr", "ssim", "psnr_gt_mean"]
    assert list(choose(None, PROTOCOLS["restorect"], paired=True)) == ["psnr", "ssim"]
    assert list(choose(None, STANDARD, paired=False)) == ["niqe", "brisque"]


@pytest.mark.parametrize(
    ("names", "protocol", "paired", "message"),
    [
        ("psnr,sism", "standard", True, "unknown metric 'sism'.*did you mean 'ssim'"),
        ("psnr,niqe,fid", "standard", False, "psnr, fid need clean images.*without: niqe, brisque"),
        ("psnr_gt_mean", "gt-mean", True, "a column of the protocol 'standard', not of 'gt-mean'"),
        (None, "gt-mean", False, "'gt-mean' changes outputs towards clean images"),
        ("niqe", "restorect", False, "'restorect' changes outputs towards clean images"),
    ],
)
def test_wrong_choices(names, protocol, paired, message):
    with pytest.raises(UsageError, match=message):
        choose(names, PROTOCOLS[protocol], paired=paired)


def test_an_image_that_is_too_small_is_named():
    evaluator = Evaluator(STANDARD, choose("niqe", STANDARD, paired=False))
    with pytest.raises(UsageError, match="image 'a' is 200×90; NIQE needs sides of at least 96 pixels"):
        evaluator.add("a", np.zeros((90, 200, 3), np.uint8), None)


def test_biqi_says_why_there_is_none():
    with pytest.raises(UsageError, match="no maintained package ships"):
        Evaluator(STANDARD, choose("biqi", STANDARD, paired=False))


@pytest.mark.skipif(importlib.util.find_spec("torchmetrics") is not None, reason="the extra is installed")
@pytest.mark.parametrize("name", ["lpips", "fid", "clip_iqa"])
def test_a_learned_metric_names_its_extra_and_its_download(name):
    with pytest.raises(MissingDependencyError, match=f"metric '{name}' needs the extra 'metrics'") as raised:
        Evaluator(STANDARD, choose(name, STANDARD, paired=True))
    assert "pip install 'restorect-edge[metrics]'" in str(raised.value)
    assert "it also downloads" in str(raised.value)


@pytest.mark.skipif(importlib.util.find_spec("torchmetrics") is None, reason="needs the extra 'metrics'")
def test_fid_of_equal_sets_is_nothing(pair):
    try:
        evaluator = Evaluator(STANDARD, choose("fid", STANDARD, paired=True))
    except MissingDependencyError as error:
        pytest.skip(str(error))
    for image in pair:
        evaluator.add("a", image, image)
    assert evaluator.means()["fid"] == pytest.approx(0, abs=1e-2)
