"""The names that others may build on. Changing this file is changing the contract."""

import inspect

import pytest

import restorect_edge

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
    "export",
    "load",
]


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
    names = ("require", "threads", "runtime", "spec", "precision")
    expected = {"device": "auto", **dict.fromkeys(names)}
    assert parameters(restorect_edge.load) == expected


def test_export_takes_these_options():
    assert callable(restorect_edge.export), "the module is the function as well"
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
