"""Loading weights: by name, by path, and everything that can be wrong with them."""

import json
import pickle

import pytest
import torch
from safetensors.torch import save_file

from restorect_edge.errors import IncompatibleError, UsageError
from restorect_edge.models import build
from restorect_edge.models.weights import load_weights
from restorect_edge.weights import card, locate, names


def test_every_shipped_weight_has_a_card_that_matches_it():
    assert "lowlight-small" in names()
    for name in names():
        weights = load_weights(name)
        facts = card(locate(name))
        assert weights.sha256 == facts["sha256"]
        for key in ("name", "preset", "task", "data", "license", "command", "seed", "validation"):
            assert facts[key] is not None, key


def test_the_nearest_name_is_suggested():
    with pytest.raises(UsageError, match=r"unknown weights 'lowlight-smal'.*did you mean 'lowlight-small'"):
        load_weights("lowlight-smal")


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(UsageError, match="no weights at"):
        load_weights(tmp_path / "none.safetensors")


def test_truncated_file(tmp_path):
    whole = locate("lowlight-small").read_bytes()
    (tmp_path / "cut.safetensors").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(IncompatibleError, match="not a whole safetensors file"):
        load_weights(tmp_path / "cut.safetensors")


def test_a_pickle_is_refused_and_not_run(tmp_path):
    class Planted:
        def __reduce__(self):
            return (open, (str(tmp_path / "executed"), "w"))

    path = tmp_path / "evil.safetensors"
    path.write_bytes(pickle.dumps(Planted()))
    with pytest.raises(IncompatibleError, match="is a pickle of Python objects"):
        load_weights(path)
    assert not (tmp_path / "executed").exists()


def test_an_edited_file_does_not_match_its_card(tmp_path):
    path = tmp_path / "edited.safetensors"
    save_file(dict(build("nano").state_dict()), path)
    path.with_suffix(".json").write_text(json.dumps({"preset": "nano", "sha256": "0" * 64}))
    with pytest.raises(IncompatibleError, match="not the file that its card describes"):
        load_weights(path)


def test_weights_of_another_preset_do_not_fit(tmp_path):
    path = tmp_path / "wrong.safetensors"
    save_file(dict(build("nano").state_dict()), path, {"config": json.dumps({"preset": "small"})})
    with pytest.raises(IncompatibleError, match="does not fit its preset"):
        load_weights(path)


def test_a_file_that_names_no_preset(tmp_path):
    path = tmp_path / "bare.safetensors"
    save_file({"x": torch.zeros(1)}, path)
    with pytest.raises(IncompatibleError, match="does not say which preset"):
        load_weights(path)


@pytest.fixture
def nano(tmp_path):
    """A function: weights of nano whose card says what is given of their steps."""

    def made(**stated):
        path = tmp_path / "mine.safetensors"
        save_file(dict(build("nano").state_dict()), path)
        path.with_suffix(".json").write_text(json.dumps({"preset": "nano", **stated}))
        return path

    return made


@pytest.mark.parametrize("steps", [0, 3, 16])
def test_steps_that_no_flow_is_trained_for(steps):
    with pytest.raises(UsageError, match=rf"steps must be one of 1, 2, 4, 8, got {steps}"):
        load_weights("lowlight-small", steps=steps)


@pytest.mark.parametrize("name", names())
@pytest.mark.parametrize("steps", [1, 2, 8])
def test_shipped_weights_run_with_the_steps_of_their_training_alone(name, steps):
    with pytest.raises(UsageError, match=rf"'{name}' was trained for 4 Euler steps; got {steps}, with which"):
        load_weights(name, steps=steps)


def test_weights_trained_for_several_numbers_of_steps_take_each(nano):
    several = nano(flow_steps=[1, 4])
    image = torch.rand(1, 3, 64, 64) * 0.1
    loaded = {n: load_weights(several, steps=n) for n in (1, 4, None)}
    assert {n: found.steps for n, found in loaded.items()} == {1: 1, 4: 4, None: 4}
    assert {n: found.network.prior.steps for n, found in loaded.items()} == {1: 1, 4: 4, None: 4}
    assert loaded[1].network(image).shape == image.shape
    with pytest.raises(UsageError, match="was trained for 1, 4 Euler steps; got 8"):
        load_weights(several, steps=8)


def test_weights_trained_for_other_steps_than_the_presets_take_theirs_unasked(nano):
    assert load_weights(nano(flow_steps=[2, 1])).steps == 2


def test_a_card_that_does_not_say_its_steps_gets_the_presets(nano):
    assert load_weights(nano(), steps=4).steps == load_weights(nano()).steps == 4
    with pytest.raises(UsageError, match="4 Euler steps, as far as is known: their card has no 'flow_steps'"):
        load_weights(nano(), steps=2)


@pytest.mark.parametrize("stated", [[], [3], ["4"], [True], 4, {"4": 1}, "[4]"])
def test_a_card_that_says_nonsense_of_its_steps(nano, stated):
    with pytest.raises(IncompatibleError, match=r"'flow_steps' of '.*' must list some of 1, 2, 4, 8"):
        load_weights(nano(flow_steps=stated))


def test_a_file_without_a_card_says_its_steps_itself(tmp_path):
    path = tmp_path / "bare.safetensors"
    facts = {"config": json.dumps({"preset": "nano"}), "flow_steps": "[1, 4]"}
    save_file(dict(build("nano").state_dict()), path, facts)
    assert load_weights(path, steps=1).steps == 1
    save_file(dict(build("nano").state_dict()), path, facts | {"flow_steps": "[1,"})
    with pytest.raises(IncompatibleError, match=r"the entry 'flow_steps' of .* is damaged"):
        load_weights(path)
