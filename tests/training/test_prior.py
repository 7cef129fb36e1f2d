"""The prior's own stage, run for real on something tiny."""

import json

import numpy as np
import pytest
import torch

from restorect_edge import load
from restorect_edge.errors import IncompatibleError
from restorect_edge.media.photos import photos
from restorect_edge.models import build
from restorect_edge.training.config import PriorTraining
from restorect_edge.training.data.folders import find_pairs
from restorect_edge.training.data.sources import open_source
from restorect_edge.training.engine.loop import Trainer, fit
from restorect_edge.training.prior import PriorStage, ThumbnailCache, log_brightness, softened
from restorect_edge.training.prior_distill import DistilledPriorStage
from restorect_edge.weights import card


def options(**changes):
    tiny = {"preset": "nano", "batch": 8, "views": 2, "iterations": 20, "validate_every": 10, "warmup": 5}
    return PriorTraining(**{**tiny, "threads": 1, "ema": 0.8, "learning_rate": 5e-3, **changes})


@pytest.fixture
def source(pairs):
    return open_source(pairs, task="lowlight", least=64)


def test_it_learns_the_brightness_and_the_result_loads(source, pairs, tmp_path):
    best = fit(PriorStage(options()), source, tmp_path, validation=find_pairs(pairs))
    rows = [json.loads(line) for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    assert [row["step"] for row in rows] == [10, 20]
    assert rows[1]["psnr"] > rows[0]["psnr"]
    dark = photos((96, 128))["kodak07-dark"]
    with load(best) as restore:
        assert restore(dark).mean() > 1.5 * dark.mean()
    assert card(best)["flow_steps"] == [4]


def test_the_trunk_and_the_decomposition_stay(source):
    stage = PriorStage(options())
    before = {k: v.clone() for k, v in stage.network.state_dict().items()}
    trainer = Trainer(stage)
    for batch in stage.batches(source, 0, 3, trainer.sampling(), 0):
        trainer.advance(batch)
    changed = {k for k, v in stage.network.state_dict().items() if not torch.equal(v, before[k])}
    assert changed
    trained = ("prior.image_", "prior.retinex_", "body.exposure.", "body.colour.")
    assert all(name.startswith(trained) for name in changed)


def test_a_resumed_run_equals_an_uninterrupted_one_bit_for_bit(source, tmp_path):
    fit(PriorStage(options()), source, tmp_path / "whole")
    stopped = options()
    trainer = Trainer(PriorStage(stopped))
    for batch in trainer.stage.batches(source, 0, 7, trainer.sampling(), 0):
        trainer.advance(batch)
    (tmp_path / "parts").mkdir()
    trainer.save(tmp_path / "parts" / "last.safetensors")
    fit(PriorStage(stopped), source, tmp_path / "parts", resume=True)
    assert (tmp_path / "parts" / "best.safetensors").read_bytes()[-4096:] == (
        tmp_path / "whole" / "best.safetensors"
    ).read_bytes()[-4096:]


def test_the_cache_shows_the_whole_frame_first_and_draws_the_same_again(source, pairs):
    student = build("nano")
    config = options(softened=0.0, varied=0.1, identity=0.1)
    cache = ThumbnailCache(source, student, config)
    assert len(cache.degraded) == 2 * len(source)
    dark = find_pairs(pairs)[0].read()[0].copy()
    image = torch.from_numpy(dark).permute(2, 0, 1)[None].float() / 255
    torch.testing.assert_close(cache.degraded[0, :6], student.thumbnail(image)[0])
    how = Trainer(PriorStage(options())).sampling()
    first, again = (cache.draw(4, how, config) for _ in range(2))
    assert torch.equal(first.view, again.view)
    assert not torch.equal(first.view, cache.draw(5, how, config).view)


@pytest.mark.parametrize(("dimmed", "share"), [(0.0, 0.0), (0.5, 0.5), (1.0, 1.0)])
def test_clean_photographs_are_dimmed_as_often_as_asked(source, dimmed, share):
    config = options(softened=0.0, varied=0.0, identity=1.0, dimmed=dimmed, batch=64)
    batch = ThumbnailCache(source, build("nano"), config).draw(
        0, Trainer(PriorStage(config)).sampling(), config
    )
    darker = (batch.view[:, :3].mean((1, 2, 3)) < 0.999 * batch.clean.mean((1, 2, 3))).float().mean()
    assert float(darker) == pytest.approx(share, abs=0.15)


def test_softening_removes_noise_and_keeps_the_brightness():
    rng = np.random.default_rng(0)
    noisy = np.clip(rng.normal(60, 15, (64, 64, 3)), 0, 255).astype(np.uint8)
    for _ in range(8):
        soft = softened(noisy, rng)
        assert soft.std() < 0.7 * noisy.std()
        assert abs(soft.mean() - noisy.mean()) < 2


def test_brightness_is_the_logarithm_of_mean_gray_and_black_has_a_floor():
    images = torch.stack([torch.full((3, 4, 4), level) for level in (0.0, 0.25, 1.0)])
    expected = torch.log(torch.tensor([1 / 255, 0.25, 1.0]))
    torch.testing.assert_close(log_brightness(images), expected)


@pytest.mark.parametrize("preset", ["nano-means", "paper"])
def test_a_preset_without_such_a_prior_is_refused(preset):
    with pytest.raises(IncompatibleError, match=rf"'{preset}' has no prior to train on thumbnails; use nano"):
        PriorStage(options(preset=preset))


def distilled(source, tmp_path, preset, **changes):
    teacher = build("nano", seed=4)
    config = options(preset=preset, iterations=40, batch=8, identity=0.5, **changes)
    stage = DistilledPriorStage(config, teacher, {"sha256": "0"})
    fit(stage, source, tmp_path)
    return teacher, stage.network


def test_a_prior_made_of_another_decides_the_same_of_dark_photographs(source, tmp_path):
    teacher, network = distilled(source, tmp_path, "small")
    stranger = build("small", seed=0)
    image = torch.from_numpy(photos((96, 128))["kodak07-dark"].copy()).permute(2, 0, 1)[None] / 255
    with torch.no_grad():
        seen = teacher.thumbnail(image)
        wanted = teacher.body.exposed(image, teacher.prior(seen))
        errors = [(n.body.exposed(image, n.prior(seen)) - wanted).abs().mean() for n in (network, stranger)]
    assert errors[0] < 0.5 * errors[1]


def test_only_a_prior_of_the_same_kind_can_be_copied():
    with pytest.raises(IncompatibleError, match="looks at deviations in thumbnails of 64 pixels"):
        DistilledPriorStage(options(), build("small-means"), {})
