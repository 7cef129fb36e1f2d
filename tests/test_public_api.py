"""The names that others may build on. Changing this file is changing the contract."""

import importlib
import inspect

import pytest

import restorect_edge
from restorect_edge.media.photos import of_task

PUBLIC = [
    "Artifact",
    "BackendError",
    "ImageSpec",
    "IncompatibleError",
    "MissingDependencyError",
    "QualityError",
    "RestorectError",
    "Runtime",
    "SizeRequirements",
    "UsageError",
    "__version__",
    "bench",
    "calibrate",
    "evaluate",
    "export",
    "load",
    "train",
    "verify",
]
VERBS = ["bench", "calibrate", "evaluate", "export", "train", "verify"]


def test_public_names_are_these():
    assert sorted(restorect_edge.__all__) == PUBLIC


@pytest.mark.parametrize("name", PUBLIC)
def test_every_public_name_is_there_and_documented(name):
    assert (getattr(restorect_edge, name).__doc__ or "").strip()


def test_unknown_names_are_attribute_errors():
    with pytest.raises(AttributeError, match="module 'restorect_edge' has no attribute 'exprot'"):
        _ = restorect_edge.exprot


def parameters(function):
    found = inspect.signature(function).parameters.values()
    return {p.name: p.default for p in found if p.kind is p.KEYWORD_ONLY}


def test_load_takes_these_options():
    names = ("threads", "runtime", "spec", "precision")
    expected = {"device": "auto", **dict.fromkeys(names)}
    assert parameters(restorect_edge.load) == expected


@pytest.mark.parametrize("verb", VERBS)
def test_a_verb_is_a_function_that_takes_the_options_of_its_command(verb):
    command = importlib.import_module(f"restorect_edge.cli.{verb}").parser()
    kind = "student" if verb == "train" else None
    known = {o.name for o in command.known(kind).values()}
    named = set(inspect.signature(getattr(restorect_edge, verb)).parameters)
    library = {"export": {"source", "spec", "name"}}.get(verb, set()) | {"progress"}
    assert named - library <= known
    assert not {"json", "csv", "markdown"} & named, "what prints and writes is the command's"


@pytest.mark.parametrize("verb", VERBS)
def test_a_verb_can_be_called_after_its_module_was_imported(verb):
    module = importlib.import_module(f"restorect_edge.{verb}")
    assert getattr(restorect_edge, verb) is module
    with pytest.raises(TypeError, match="unexpected keyword argument 'no_such'"):
        module(no_such=1)


def test_functions_of_verbs_check_what_they_are_given(tmp_path):
    with pytest.raises(restorect_edge.UsageError, match="output-dir"):
        restorect_edge.train(data=str(tmp_path))
    with pytest.raises(restorect_edge.UsageError, match="runs is at least 1, got 0"):
        restorect_edge.bench("lowlight-small", runs=0)
    with pytest.raises(restorect_edge.UsageError, match="protocl"):
        restorect_edge.evaluate("lowlight-small", data=of_task("lowlight"), protocol="protocl")


def test_export_takes_these_options():
    expected = {
        "target": inspect.Parameter.empty,
        "spec": None,
        "name": None,
        "precision": None,
        "shapes": None,
        "dynamic": None,
        "steps": None,
        "form": None,
        "minimum_deployment_target": "ios17",
        "output_dir": "out",
        "overwrite": False,
    }
    assert parameters(restorect_edge.export.export).items() >= expected.items()


def test_exit_codes_are_these():
    codes = {
        "RestorectError": 1,
        "UsageError": 1,
        "QualityError": 2,
        "MissingDependencyError": 3,
        "IncompatibleError": 4,
        "BackendError": 5,
    }
    assert {name: getattr(restorect_edge, name).exit_code for name in codes} == codes
    assert all(issubclass(getattr(restorect_edge, name), restorect_edge.RestorectError) for name in codes)
