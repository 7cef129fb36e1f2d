"""The ablation: its verdicts, its variants, and a run of two steps that is not repeated."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from restorect_edge.media.photos import clean, photos
from restorect_edge.models.flow import STEPS_ALLOWED, LatentFlow
from restorect_edge.models.teacher import Teacher, TeacherConfig
from restorect_edge.training.config import TeacherTraining
from restorect_edge.training.data.sampling import draw
from restorect_edge.training.data.sources import open_source
from restorect_edge.training.engine.loop import BEST, Trainer
from restorect_edge.training.teacher import TeacherStage

FOLDER = Path(__file__).parents[2] / "benchmarks"
SMALL = TeacherConfig(
    dim=8, blocks=(1, 1, 1, 1), refinement=1, heads=(1, 1, 1, 1), latent=32, encoder_blocks=1, thumbnail=64
)


@pytest.fixture(scope="module")
def scripts(script):
    return {
        name: script(name) for name in ("ablation", "_prior_variants", "_variants", "_verdict", "_results")
    }


@pytest.fixture(scope="module")
def pairs(saved_pairs):
    return saved_pairs(photos((64, 96)), clean((64, 96)))


def batch():
    random = torch.Generator().manual_seed(3)
    sizes = ((2, 10, 64, 64), (2, 3, 64, 64), (2, 32, 1, 1), (2, 32, 1, 1))
    return [torch.rand(size, generator=random) for size in sizes]


def stage(scripts, name, **more):
    prior = scripts["_prior_variants"]
    variant = scripts["_variants"].VARIANTS[name]
    config = prior.TaughtPriorTraining(preset="nano", iterations=10, **{**variant.changes, **more})
    return variant.stage(config, Teacher(SMALL).requires_grad_(False).eval())


def losses(scripts, trained, step=0):
    return trained.losses(scripts["_prior_variants"].TaughtBatch(*batch()), step)


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
    kinds = [c.kind for c in v.COMPARISONS]
    assert {kind: kinds.count(kind) for kind in kinds} == {"prior": 11, "steps": 2, "body": 2}


def test_the_detached_rollout_keeps_losses_from_the_flows(scripts):
    for name, reached in (("flow", True), ("detached", False)):
        trained = stage(scripts, name)
        parts = losses(scripts, trained)
        parts["psnr"].backward()
        prior = trained.network.prior
        for part in (prior.image_flow, prior.retinex_flow, prior.image_encoder, prior.retinex_encoder):
            assert (gradients(part) > 0) is reached
        assert gradients(trained.network.body.exposure) > 0
        assert parts["latent"].requires_grad is reached
        assert parts["velocity"].requires_grad


def test_as_before_sets_the_exposure_by_the_teacher_first_and_takes_all_numbers_of_steps(scripts):
    trained = stage(scripts, "as-before", phase=0.5)
    used, steps = [], []
    exposed, rollout = trained.network.body.exposed, trained.rollout
    trained.network.body.exposed = lambda image, z: used.append(z) or exposed(image, z)
    trained.rollout = lambda flows, conditions, n: steps.append(n) or rollout(flows, conditions, n)
    for step in range(6):
        losses(scripts, trained, step)
    truth = torch.cat(batch()[2:], 1)
    assert [torch.equal(z, truth) for z in used] == [True] * 5 + [False]
    assert steps == [4, 1, 4, 2, 4, 8]
    fresh = stage(scripts, "flow").network.prior.image_flow
    condition = torch.randn(2, 32, 1, 1)
    assert torch.allclose(fresh(condition, 4), condition, atol=1e-5)
    assert not torch.allclose(trained.network.prior.image_flow(condition, 4), condition, atol=0.1)


@pytest.mark.parametrize("name", ["regressed", "regressed-supervised", "zero"])
def test_a_latent_without_flow_is_the_same_in_training_and_in_validation(scripts, name):
    trained = stage(scripts, name)
    prior, view = trained.network.prior, torch.rand(2, 6, 64, 64)
    prior.eval()
    with torch.no_grad():
        conditions, z = prior.conditions(view), prior(view)
    expected = torch.zeros_like(z) if name == "zero" else torch.cat(conditions, 1)
    assert torch.equal(z, expected)


def test_the_decomposition_is_trained_before_and_the_work_folder_keeps_it(scripts, pairs, tmp_path):
    prior = scripts["_prior_variants"]
    made, prior.SHARED = prior.SHARED, prior.Shared()
    try:
        prior.SHARED.folder = tmp_path
        trained = stage(scripts, "diffusion", views=1, lessons=2, batch=2)
        before = trained.network.prior.decomposition.layers[0].weight.clone()
        source = open_source(pairs, task="lowlight", least=32)
        how = Trainer(trained).sampling()
        first = next(iter(trained.batches(source, 0, 1, how, 0)))
        assert not torch.equal(trained.network.prior.decomposition.layers[0].weight, before)
        assert len(list(tmp_path.iterdir())) == 3
        prior.SHARED.made.clear()
        again = next(iter(trained.batches(None, 0, 1, how, 0)))
        assert torch.equal(first.view, again.view)
        assert torch.equal(first.image, again.image)
    finally:
        prior.SHARED = made


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
        *("--steps", "2", "--batch", "2", "--views", "1", "--lessons", "1", "--body-batch", "2"),
        *("--patch", "32", "--seeds", "0,1", "--only", "flow,zero,body"),
        *("--work", str(tmp_path / "work"), "-o", str(output)),
    ]
    assert ablation.main(arguments) == 0
    printed = capsys.readouterr().out
    rows = scripts["_results"].read(output)["rows"]
    assert [(row["variant"], row["seed"]) for row in rows] == [
        ("teacher", 0),
        *[(f"flow{n}", 0) for n in ("", "-n1", "-n2")],
        ("zero", 0),
        ("body", 0),
        *[(f"flow{n}", 1) for n in ("", "-n1", "-n2")],
        ("zero", 1),
        ("body", 1),
    ]
    assert rows[1]["psnr"] != rows[2]["psnr"]
    assert "| trained with 4, run with 4, not 1 | flow − flow-n1 |" in printed
    assert "FLEX |" not in printed.split("Rule")[0]
    assert ablation.table(rows) in printed

    monkeypatch.setattr(ablation, "fit", None)
    assert ablation.main(arguments) == 0
    assert scripts["_results"].read(output)["rows"] == rows
    assert ablation.main([*arguments, "--steps", "3"]) == 1
    assert "give another --work folder" in capsys.readouterr().err
    assert ablation.main([*arguments, "--only", "flows"]) == 1
    assert "flow" in capsys.readouterr().err
    assert ablation.main([*arguments, "--seeds", "2", "--only", "body"]) == 1
    assert "which is not trained yet" in capsys.readouterr().err


def test_scores_are_compared_seed_by_seed(scripts):
    ablation, comparison = scripts["ablation"], scripts["_variants"].Comparison("x", "a", "b")
    rows = {
        "a": [{"seed": 0, "psnr": 20.0}, {"seed": 1, "psnr": 21.0}],
        "b": [{"seed": 1, "psnr": 20.5}, {"seed": 2, "psnr": 9.0}],
    }
    assert np.allclose(ablation.differences(comparison, rows, "psnr"), [0.5])


def test_the_committed_report_compares_the_flow_with_two_seeds_or_more(scripts):
    (path,) = FOLDER.rglob("ablation--host.json")
    found = json.loads(path.read_text(encoding="utf-8"))
    v, seeds = scripts["_variants"], set(found["conditions"]["seeds"])
    assert len(seeds) >= 2
    assert found["conditions"]["steps"] == 5000
    names = {row["variant"] for row in found["rows"]}
    assert names <= {"teacher", *v.VARIANTS, *(f"flow-n{n}" for n in v.EXTRA_STEPS)}
    for name in ("flow", "regressed", "as-before"):
        assert {row["seed"] for row in found["rows"] if row["variant"] == name} == seeds


# --- the straight path, which the repaired flow no longer learns from


def constant_flow(value):
    """A flow whose velocity is `value` (1, dim, 1, 1) whatever z, t and c are."""
    flow = LatentFlow(value.shape[1], 8)
    with torch.no_grad():
        flow.out.weight.zero_()
        flow.out.bias.copy_(value.flatten())
    return flow


def test_velocity_matching_of_a_constant_velocity(scripts):
    prior = scripts["_prior_variants"]
    value, z = torch.randn(1, 5, 1, 1), torch.randn(3, 5, 1, 1)
    flow = constant_flow(value)
    expected = np.mean((value.numpy() - (flow.noise.numpy() - z.numpy())) ** 2)
    t = prior.time_grid(4, 3, torch.Generator().manual_seed(0))
    assert float(prior.velocity_matching(flow, z, t, torch.randn(3, 5, 1, 1)).detach()) == pytest.approx(
        float(expected), rel=1e-5
    )


def test_velocity_matching_looks_at_the_straight_path(scripts):
    prior = scripts["_prior_variants"]
    flow, z, c = LatentFlow(4, 8), torch.randn(2, 4, 1, 1), torch.randn(2, 4, 1, 1)
    seen = []
    flow.velocity = lambda z_t, t, condition: seen.append(z_t) or torch.zeros_like(z_t)
    t = torch.tensor([0.25, 1.0]).view(2, 1, 1, 1)
    prior.velocity_matching(flow, z, t, c)
    torch.testing.assert_close(seen[0][0], 0.75 * z[0] + 0.25 * flow.noise[0])
    torch.testing.assert_close(seen[0][1], flow.noise[0])


@pytest.mark.parametrize("steps", STEPS_ALLOWED)
def test_a_perfect_velocity_costs_nothing_and_its_rollout_arrives(scripts, steps):
    prior = scripts["_prior_variants"]
    z, c = torch.randn(1, 6, 1, 1), torch.randn(1, 6, 1, 1)
    flow = constant_flow(torch.zeros(1, 6, 1, 1))
    with torch.no_grad():
        flow.out.bias.copy_((flow.noise - z).flatten())
        t = prior.time_grid(steps, 1, torch.Generator().manual_seed(0))
        assert float(prior.velocity_matching(flow, z, t, c)) == pytest.approx(0.0, abs=1e-12)
        torch.testing.assert_close(flow(c, steps), z)


def test_velocity_matching_trains_velocity_and_condition_but_not_the_latent(scripts):
    prior = scripts["_prior_variants"]
    flow = LatentFlow(6, 16)
    z, c = (torch.randn(4, 6, 1, 1, requires_grad=True) for _ in range(2))
    prior.velocity_matching(flow, z, prior.time_grid(4, 4, torch.Generator().manual_seed(0)), c).backward()
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in flow.parameters())
    assert c.grad.abs().sum() > 0
    assert z.grad is None


def test_velocity_matching_gradient(scripts):
    prior = scripts["_prior_variants"]
    flow = LatentFlow(3, 5).double()
    z, t = torch.randn(2, 3, 1, 1).double(), prior.time_grid(4, 2, torch.Generator().manual_seed(0)).double()
    c = torch.randn(2, 3, 1, 1).double().requires_grad_()
    assert torch.autograd.gradcheck(lambda c: prior.velocity_matching(flow, z, t, c), c)


@pytest.mark.parametrize("steps", STEPS_ALLOWED)
def test_time_grid_is_the_times_the_rollout_visits(scripts, steps):
    prior = scripts["_prior_variants"]
    flow, visited = LatentFlow(2, 4), set()
    flow.velocity = lambda z, t, condition: visited.add(t) or torch.zeros_like(z)
    flow(torch.zeros(1, 2, 1, 1), steps)
    drawn = prior.time_grid(steps, 500, torch.Generator().manual_seed(0))
    assert drawn.shape == (500, 1, 1, 1)
    assert set(drawn.flatten().tolist()) == visited


def test_time_grid_is_the_same_for_the_same_seed(scripts):
    prior = scripts["_prior_variants"]
    assert torch.equal(
        prior.time_grid(8, 20, torch.Generator().manual_seed(3)),
        prior.time_grid(8, 20, torch.Generator().manual_seed(3)),
    )
