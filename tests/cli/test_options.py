"""The options of all verbs: one name for one thing, and what trainers and exporters type elsewhere."""

import importlib
import re
from collections import defaultdict
from dataclasses import fields

import pytest

from restorect_edge.cli.verbs import VERBS
from restorect_edge.utils.options import options

CLASSES = {
    f"{verb} {kind}".strip(): cls
    for verb in [*VERBS, "compare"]
    for kind, cls in importlib.import_module(f"restorect_edge.cli.{verb}").parser().kinds.items()
}

REASONS = {
    "artifacts": "doctor looks at files alone, bench measures weights as well",
    "data": "evaluate scores one folder, train learns from several; calibration's is --calib-data as well",
    "output": "what is written differs, files or a folder; of run, text: a final slash means a folder",
    "output_dir": "an artifact's place or a run's",
    "precision": "what an artifact is made with, or which of the weights that are ready is taken",
    "psnr": "the prior is trained on thumbnails",
    "shapes": "what an artifact is made for, or what is measured",
    "source": "drift takes INT8 artifacts alone",
    "threads": "0 is torch's own number, as torch has it",
    "validation": "pairs for INT8's cost, or for a run's; the latter are made of photographs, too",
    "weights": "the network itself, or what an artifact was made from",
    "workers": "they restore photographs or prepare batches",
}
"""Names that differ between verbs in type or meaning, and why."""


def described():
    found = defaultdict(set)
    for cls in CLASSES.values():
        for o in options(cls):
            found[o.name].add((o.kind, o.count, o.meaning))
    return found


def test_a_name_is_one_thing_in_every_verb():
    differing = {name for name, meanings in described().items() if len(meanings) > 1}
    assert differing == set(REASONS)


@pytest.mark.parametrize("verb", CLASSES)
def test_every_option_says_what_it_means(verb):
    assert not [o.name for o in options(CLASSES[verb]) if not o.meaning]


@pytest.mark.parametrize("verb", CLASSES)
def test_no_two_options_of_a_verb_have_a_flag_in_common(verb):
    flags = [flag for o in options(CLASSES[verb]) for flag in o.flags]
    assert len(flags) == len(set(flags))
    assert not {"--config", "--print-config", "--help", "-h"} & set(flags)


@pytest.mark.parametrize("verb", CLASSES)
def test_a_default_is_of_the_options_type(verb):
    for o in options(CLASSES[verb]):
        if o.default is not None and not o.parse and isinstance(o.default, (int, float, str)):
            assert isinstance(o.default, (o.kind, str)), o.name


@pytest.mark.parametrize("verb", CLASSES)
def test_options_that_replace_others_name_options(verb):
    names = {each.name for each in fields(CLASSES[verb])}
    assert all(set(o.replaces) <= names for o in options(CLASSES[verb]))


TYPED = ("--lr", "--epochs", "--batch-size", "--device", "--data")
"""What users of other trainers type."""


@pytest.mark.parametrize("option", TYPED)
def test_what_trainers_type_is_taken_or_answered_by_train(option, capsys):
    train = importlib.import_module("restorect_edge.cli.train")
    taken = [o for o in options(CLASSES["train student"]) if option in o.flags]
    assert train.main(["student", option, "1"]) == 1
    said = capsys.readouterr().err
    assert ("did you mean" in said) is not bool(taken)


@pytest.mark.parametrize("verb", ["export", "verify", "calibrate", "drift", "inspect", "doctor"])
def test_a_device_is_chosen_where_a_network_runs(verb, capsys):
    assert importlib.import_module(f"restorect_edge.cli.{verb}").main(["--device", "cuda"]) == 1
    assert "did you mean the --device of run, bench and evaluate?" in capsys.readouterr().err


def test_data_of_a_verdict_are_images(capsys):
    assert importlib.import_module("restorect_edge.cli.verify").main(["x", "--data", "photos"]) == 1
    assert re.search(r"--data \(did you mean --images\?\)", capsys.readouterr().err)
