"""The ablation: its verdicts, its variants, and a run of two steps that is not repeated."""

import importlib
import json
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from restorect_edge.media.photos import clean, photos
from restorect_edge.models.teacher import Teacher, TeacherConfig
from restorect_edge.training.config import StudentTraining, TeacherTraining
from restorect_edge.training.data.sampling import Sampling, draw
from restorect_edge.training.data.sources import open_source
from restorect_edge.training.engine.loop import BEST, Trainer
from restorect_edge.training.teacher import TeacherStage

FOLDER = Path(__file__).parents[2] / "benchmarks"
SMALL = TeacherConfig(
    dim=8, blocks=(1, 1, 1, 1), refinement=1, heads=(1, 1, 1, 1), latent=32, encoder_blocks=1, thumbnail=64
)


@pytest.fixture(scope="module")
def scripts():
    """The benchmark's modules, imported as the script imports them."""
    sys.path.insert(0, str(FOLDER))
    try:
        yield {name: importlib.import_module(name) for name in ("ablation", "_variants", "_verdict")}
    finally:
        sys.path.remove(str(FOLDER))


@pytest.fixture(scope="module")
def pairs(tmp_path_factory):
    folder = tmp_path_factory.mktemp("pairs")
    for kind, images in (("low", photos((64, 96))), ("high", clean((64, 96)))):
        (folder / kind).mkdir()
        for name, image in images.items():
            Image.fromarray(image).save(folder / kind / f"{name}.png")
    return folder


@pytest.fixture(scope="module")
def batch(pairs):
    how = Sampling(seed=0, batch=2, patch=32, thumbnail=64, deviation=True)
    return draw(open_source(pairs, task="lowlight", least=32), 0, how)


def stage(scripts, name, **more):
    torch.manual_seed(1)
    variant = scripts["_variants"].VARIANTS[name]
    config = StudentTraining(preset="nano", iterations=10, phase=0.0)
    changed = {**{field: getattr(config, field) for field in ("preset", "iterations", "phase")}, **more}
    teacher = Teacher(SMALL).requires_grad_(False).eval()
    return variant.stage(StudentTraining(**{**changed, **variant.changes}), teacher)


def gradients(module):
    return sum(float(p.grad.abs().sum()) for p in module.parameters() if p.grad is not None)


def test_noise_is_pooled_and_gives_students_margin(scripts):
    v = scripts["_verdict"]
    noise = v.pooled([[0.1, 0.3], [1.0, 1.2], [-0.4, -0.2]])
    assert noise.freedom == 3
    assert noise.deviation == pytest.approx(0.02**0.5)
    assert noise.margin(2) == pytest.approx(3.18 * 0.1)
    assert v.pooled([[0.5], [1.0]]) is None


@pytest.mark.parametrize(
    ("differences", "expected"),
    [
        ([0.4, 0.3], "helps"),
        ([-0.4, -0.3], "does not help"),
        ([0.4, -0.1], "within noise"),
        ([0.0, 0.0], "within noise"),
        ([0.318, 0.318], "within noise"),
        ([0.319, 0.319], "helps"),
    ],
)
def test_verdicts(scripts, differences, expected):
    v = scripts["_verdict"]
    assert v.verdict(differences, v.Noise(0.02**0.5, 3)) == expected
    assert v.verdict(differences, None) == "one seed"


def test_every_comparison_is_of_variants_that_are_run(scripts):
    v = scripts["_variants"]
    known = set(v.VARIANTS) | {f"flow-n{n}" for n in v.EXTRA_STEPS}
    for comparison in v.COMPARISONS:
        assert {comparison.having, comparison.lacking} <= known
    assert [c.kind for c in v.COMPARISONS].count("steps") == 3


def test_the_detached_rollout_keeps_losses_from_the_flows(scripts, batch):
    for name, reached in (("flow", True), ("detached", False)):
        trained = stage(scripts, name)
        parts = trained.losses(batch, 0)
        (parts["flex"] + parts["pixel"]).backward()
        prior = trained.network.prior
        for part in (prior.image_flow, prior.retinex_flow, prior.image_encoder, prior.retinex_encoder):
            assert (gradients(part) > 0) is reached
        assert gradients(trained.network.body) > 0
        assert parts["latent"].requires_grad is reached


@pytest.mark.parametrize("name", ["regressed", "zero"])
def test_a_latent_without_flow_is_the_same_in_training_and_in_validation(scripts, batch, name):
    trained = stage(scripts, name)
    assert "velocity" not in trained.losses(batch, 0)
    prior = trained.network.deploy().prior
    with torch.no_grad():
        conditions = prior.conditions(batch.thumbnail)
        z = prior(batch.thumbnail)
    expected = torch.cat(conditions, 1) if name == "regressed" else torch.zeros_like(z)
    assert torch.equal(z, expected)


@pytest.fixture(scope="module")
def teacher(pairs, tmp_path_factory):
    folder = tmp_path_factory.mktemp("teacher")
    config = TeacherTraining(iterations=1, batch=2, patch=32, threads=1)
    trainer = Trainer(TeacherStage(config))
    trainer.advance(draw(open_source(pairs, task="lowlight", least=32), 0, trainer.sampling()))
    trainer.save_average(folder / BEST, {})
    return folder / BEST


def test_two_steps_are_run_once_and_tabled(scripts, pairs, teacher, tmp_path, capsys, monkeypatch):
    ablation = scripts["ablation"]
    output = tmp_path / "ablation.json"
    arguments = [
        *("--teacher", str(teacher), "--data", str(pairs), "--validation", str(pairs), "--preset", "nano"),
        *("--steps", "2", "--batch", "2", "--patch", "32", "--seeds", "0,1", "--only", "flow,zero"),
        *("--work", str(tmp_path / "work"), "-o", str(output)),
    ]
    assert ablation.main(arguments) == 0
    printed = capsys.readouterr().out
    rows = importlib.import_module("_results").read(output)["rows"]
    assert [(row["variant"], row["seed"]) for row in rows] == [
        ("teacher", 0),
        *[(f"flow{n}", 0) for n in ("", "-n1", "-n2", "-n8")],
        ("zero", 0),
        *[(f"flow{n}", 1) for n in ("", "-n1", "-n2", "-n8")],
        ("zero", 1),
    ]
    assert rows[1]["psnr"] != rows[2]["psnr"]
    assert "| latents at all | flow − zero |" in printed
    assert "FLEX |" not in printed.split("Rule")[0]
    assert output.with_suffix(".md").read_text() in printed

    monkeypatch.setattr(ablation, "fit", None)
    assert ablation.main(arguments) == 0
    assert importlib.import_module("_results").read(output)["rows"] == rows
    assert ablation.main([*arguments, "--steps", "3"]) == 1
    assert "give another --work folder" in capsys.readouterr().err
    assert ablation.main([*arguments, "--only", "flows"]) == 1
    assert "flow" in capsys.readouterr().err


def test_scores_are_compared_seed_by_seed(scripts):
    ablation, comparison = scripts["ablation"], scripts["_variants"].Comparison("x", "a", "b")
    rows = {
        "a": [{"seed": 0, "psnr": 20.0}, {"seed": 1, "psnr": 21.0}],
        "b": [{"seed": 1, "psnr": 20.5}, {"seed": 2, "psnr": 9.0}],
    }
    assert np.allclose(ablation.differences(comparison, rows, "psnr"), [0.5])


def test_the_committed_report_has_every_variant_with_two_seeds_or_more(scripts):
    (path,) = FOLDER.rglob("ablation--host.json")
    found = json.loads(path.read_text(encoding="utf-8"))
    seeds = set(found["conditions"]["seeds"])
    assert len(seeds) >= 2
    for name in scripts["_variants"].VARIANTS:
        assert {row["seed"] for row in found["rows"] if row["variant"] == name} == seeds
    assert path.with_suffix(".md").read_text(encoding="utf-8") == scripts["ablation"].table(found["rows"])
