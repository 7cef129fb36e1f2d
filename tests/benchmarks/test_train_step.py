"""The timing of a training step: its parts add up, and the committed result shows where the time goes."""

import argparse
import json
from pathlib import Path

import pytest

FOLDER = Path(__file__).parents[2] / "benchmarks"
PARTS = ("data", "forward", "backward", "optimiser", "average")


@pytest.fixture(scope="module")
def train_step(script):
    return script("train_step")


def shares(row):
    return sum(row[f"{part}_percent"] for part in PARTS)


def test_the_parts_of_a_step_add_up(train_step, monkeypatch):
    recipes = [r for r in train_step.RECIPES if r.preset == "nano" and not r.taught]
    monkeypatch.setattr(train_step, "RECIPES", recipes)
    monkeypatch.setattr(train_step, "PERIOD", 4)
    options = argparse.Namespace(batch=1, patch=32, amp=0.0, rounds=2)
    blocks = train_step.measure(options)
    assert [len(blocks[recipe]) for recipe in recipes] == [2, 2, 2]
    for recipe in recipes:
        row = train_step.summary(recipe, blocks, 1) if not recipe.without else None
        assert row is None or (80 < shares(row) <= 100.1 and row["images_per_second"] > 0)


def test_trainers_are_as_before_when_the_clocks_are_gone(train_step, monkeypatch):
    options = argparse.Namespace(batch=1, patch=32, amp=0.0)
    trainer = train_step.RECIPES[0].trainer(options)
    with train_step._watched(trainer, train_step.Clocks()):
        assert "losses" in vars(trainer.stage)
    assert "losses" not in vars(trainer.stage)
    assert "_backward" not in vars(trainer)


def test_the_committed_result_shows_that_data_are_not_the_bottleneck(train_step, script):
    (path,) = FOLDER.rglob("train_step--host.json")
    result = script("_results").read(path)
    rows = {(row["preset"], row["teacher"], row["workers"]): row for row in result["rows"]}
    assert rows.keys() == {(p, t, w) for p in ("nano", "small") for t in (False, True) for w in (0, 1)}
    for (_, taught, workers), row in rows.items():
        assert 90 < shares(row) <= 100.1
        assert row["data_percent"] < min(row["forward_percent"], row["backward_percent"])
        assert (row["flex_percent"] is not None) is (taught and not workers)
    assert str(Path.home()) not in json.dumps(result["conditions"])
