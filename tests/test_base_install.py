"""The base install: numpy, Pillow and tqdm, no backend. What must work there works, and no backend drags
another one in."""

import json
import os
import subprocess
import sys
import sysconfig
from importlib import metadata
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from restorect_edge.cli.verbs import VERBS
from restorect_edge.targets.registry import RUNTIMES, TARGETS

BACK_ENDS = {
    *(need.module for target in TARGETS.values() for need in target.needs),
    "torch",
    "safetensors",
    "onnx",
    "onnxscript",
    "onnxruntime",
    "openvino",
    "coremltools",
    "ai_edge_litert",
    "litert_torch",
    "tensorrt",
    "tensorrt_rtx_bindings",
}

LIBRARIES = {
    "restorect_edge.quantization": {"nncf", "torch"},
    "restorect_edge.export": {"torch"},
    "restorect_edge.targets.onnx.half": {"onnx_ir"},
    "restorect_edge.targets.onnx.unsigned": {"onnx"},
    "restorect_edge.targets.openvino.ir": {"openvino"},
    "restorect_edge.targets.openvino.planes": {"openvino"},
    "restorect_edge.targets.openvino.rows": {"openvino"},
    "restorect_edge.targets.openvino.shuffles": {"openvino"},
    "restorect_edge.targets.openvino.converter": {"openvino", "torch"},
    "restorect_edge.models": {"torch"},
    "restorect_edge.inference": {"torch"},
    "restorect_edge.mil": {"torch"},
    "restorect_edge.targets": {"onnx", "torch"},
    "restorect_edge.training": {"torch"},
}
"""What a module may lack when it is imported, by the longest matching name."""

ALWAYS = {
    "restorect_edge.quantization",
    "restorect_edge.evaluation",
    "restorect_edge.evaluation.naturalness",
    "restorect_edge.evaluation.protocols",
    "restorect_edge.evaluation.report",
    "restorect_edge.evaluation.scores",
    "restorect_edge.evaluation.sheet",
    "restorect_edge.evaluation.underwater",
    "restorect_edge.export",
    "restorect_edge.export.options",
    "restorect_edge.targets.registry",
    "restorect_edge.targets.tensorrt.build_engine",
    "restorect_edge.export.verify.golden",
    "restorect_edge.export.verify.check",
    "restorect_edge.media.photos",
    "restorect_edge.inference",
    "restorect_edge.inference.base",
    "restorect_edge.media.images",
    "restorect_edge.inference.thumbnail",
    "restorect_edge.inference.tiling",
    "restorect_edge.training",
    "restorect_edge.training.config",
    "restorect_edge.training.data.folders",
    "restorect_edge.training.data.datasets",
    "restorect_edge.training.data.degradations",
    "restorect_edge.training.data.pairs",
    "restorect_edge.training.data.sources",
    "restorect_edge.weights",
    *(backend.module for backend in RUNTIMES.values()),
}
"""Modules that must be there without any library, besides all that lie directly in the package."""


def base_requirements() -> list[str]:
    """What pyproject.toml requires without extras, as far as it applies to this Python."""
    requirements = [Requirement(line) for line in metadata.requires("restorect-edge") or []]
    return [r.name for r in requirements if r.marker is None or r.marker.evaluate({"extra": ""})]


@pytest.fixture(scope="module")
def python(tmp_path_factory, repository):
    """The interpreter of an environment that holds the package and its base requirements only."""
    root = tmp_path_factory.mktemp("base")
    create = [sys.executable, "-m", "venv", "--without-pip", str(root / "venv")]
    subprocess.run(create, check=True, capture_output=True)
    libraries = root / "libraries"
    libraries.mkdir()
    (libraries / "restorect_edge").symlink_to(repository / "restorect_edge")
    for name in ["restorect-edge", *base_requirements()]:
        for top in {file.parts[0] for file in metadata.files(name) or [] if len(file.parts) > 1}:
            source = Path(sysconfig.get_path("purelib"), top)
            if top != ".." and source.is_dir() and not (libraries / top).exists():
                (libraries / top).symlink_to(source)
    scheme = {"base": str(root / "venv"), "platbase": str(root / "venv")}
    Path(sysconfig.get_path("purelib", "venv", scheme), "base.pth").write_text(f"{libraries}\n")
    return Path(sysconfig.get_path("scripts", "venv", scheme), "python")


def run(python, *arguments):
    environment = {key: value for key, value in os.environ.items() if not key.startswith("PYTHON")}
    command = [str(python), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False, env=environment, cwd="/")


def test_the_base_requirements_are_few():
    assert set(base_requirements()) <= {"numpy", "pillow", "tqdm", "tomli"}


def test_no_back_end_is_there(python):
    code = (
        "import importlib.util, sys; print([n for n in sys.argv[1].split() if importlib.util.find_spec(n)])"
    )
    result = run(python, "-c", code, " ".join(BACK_ENDS))
    assert (result.stdout, result.stderr) == ("[]\n", "")


def test_the_package_imports(python):
    code = "import restorect_edge as r; print([n for n in r.__all__ if getattr(r, n) is None], r.__file__)"
    result = run(python, "-W", "error", "-c", code)
    assert result.stderr == ""
    assert result.stdout.startswith("[] ")
    assert str(python.parents[2] / "libraries") in result.stdout


@pytest.mark.parametrize("verb", VERBS)
def test_every_help_works(python, verb):
    result = run(python, "-W", "error", "-m", f"restorect_edge.{verb}", "--help")
    assert (result.returncode, result.stderr) == (0, "")
    assert result.stdout.startswith(f"usage: restorect-edge {verb} ")


def test_the_doctor_says_what_each_back_end_needs(python):
    result = run(python, "-W", "error", "-m", "restorect_edge", "doctor", "--json")
    assert (result.returncode, result.stderr) == (0, "")
    found = json.loads(result.stdout)
    assert [row["available"] for row in found["runtimes"]] == [False] * len(RUNTIMES)
    for row in found["runtimes"]:
        assert "pip install 'restorect-edge[" in row["needs"] or "macOS" in row["needs"]
    for row, target in zip(found["targets"], TARGETS.values(), strict=True):
        extras = dict.fromkeys(["export", *(need.extra for need in target.needs)])
        assert row["needs"] == f"pip install 'restorect-edge[{','.join(extras)}]'"
    assert found["weights"]


@pytest.mark.parametrize(
    ("arguments", "extra"),
    [
        (["export", "--target", "onnx", "-o", "OUT"], "export"),
        (["run", "lowlight-small", "PHOTO", "-o", "OUT"], "onnxruntime"),
        (["run", "lowlight-base", "PHOTO", "-o", "OUT"], "export"),
        (["run", "PHOTO", "-o", "OUT"], "onnxruntime"),
        (["run", "ARTIFACT", "PHOTO", "-o", "OUT"], "onnxruntime"),
        (["bench", "ARTIFACT", "-o", "OUT"], "onnxruntime"),
        (["verify", "ARTIFACT"], "onnxruntime"),
        (["verify", "ARTIFACT", "--weights", "lowlight-small"], "export"),
        (["evaluate", "lowlight-small", "--data", "PAIRS"], "onnxruntime"),
        (["evaluate", "lowlight-small", "--data", "PAIRS", "--runtime", "openvino"], "export"),
        (["train", "student", "--data", "PAIRS", "-o", "OUT"], "train"),
        (["drift", "lowlight-small"], "calibrate"),
    ],
)
def test_a_missing_extra_is_named_with_exit_code_3(
    python, repository, artifact_onnx, tmp_path, arguments, extra
):
    photo = repository / "restorect_edge" / "media" / "photos" / "lowlight" / "kodak04-dark.webp"
    for folder in ("low", "high"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "a.webp").symlink_to(photo)
    places = {"OUT": tmp_path / "out", "ARTIFACT": artifact_onnx.path, "PHOTO": photo, "PAIRS": tmp_path}
    result = run(python, "-m", "restorect_edge", *(places.get(word, word) for word in arguments))
    assert result.returncode == 3, result.stderr
    assert result.stdout == ""
    last = result.stderr.splitlines()[-1]
    assert last.startswith("error: ")
    assert f"pip install 'restorect-edge[{extra}]'" in last
    assert not (tmp_path / "out").exists()


def test_an_artifact_can_be_inspected(python, artifact_onnx):
    result = run(python, "-m", "restorect_edge", "inspect", artifact_onnx.path)
    assert (result.returncode, result.stderr) == (0, "")


IMPORT_ALL = """
import importlib, json, pkgutil
import restorect_edge

found = {}
for module in pkgutil.walk_packages(restorect_edge.__path__, "restorect_edge.", onerror=lambda name: None):
    if module.name.endswith("__main__"):
        continue
    try:
        importlib.import_module(module.name)
        found[module.name] = None
    except ImportError as error:
        found[module.name] = error.name
print(json.dumps(found))
"""


def allowed(name: str) -> set[str]:
    if name in ALWAYS:
        return set()
    matches = [module for module in LIBRARIES if f"{name}.".startswith(f"{module}.")]
    return LIBRARIES[max(matches, key=len)] if matches else set()


def test_modules_import_or_lack_the_one_library_they_are_for(python):
    result = run(python, "-W", "error", "-c", IMPORT_ALL)
    assert result.stderr == ""
    found = json.loads(result.stdout)
    assert set(found) >= ALWAYS
    wrong = {name: lacks for name, lacks in found.items() if lacks is not None and lacks not in allowed(name)}
    assert wrong == {}


LOADED = "print(sorted({name.partition('.')[0] for name in sys.modules} & set(sys.argv[1].split())))"


def back_ends_after(code: str) -> set[str]:
    """Run `code` in a fresh process of this environment and return the backends that it imported."""
    result = run(sys.executable, "-c", f"import sys\n{code}\n{LOADED}", " ".join(BACK_ENDS))
    assert result.returncode == 0, result.stderr
    return set(eval(result.stdout.splitlines()[-1]))


@pytest.mark.parametrize("name", RUNTIMES)
def test_importing_a_runtime_imports_no_back_end(name):
    assert back_ends_after(f"import {RUNTIMES[name].module}") == set()


@pytest.mark.parametrize(
    "module", ["restorect_edge", "restorect_edge.export", "restorect_edge.export.verify.check"]
)
def test_importing_the_package_imports_no_back_end(module):
    assert back_ends_after(f"import {module}") == set()


@pytest.mark.parametrize(
    ("target", "others"),
    [
        ("onnx", {"onnxruntime", "openvino", "coremltools", "tensorrt", "tensorrt_rtx_bindings"}),
        ("openvino", {"onnxruntime", "coremltools", "tensorrt", "tensorrt_rtx_bindings"}),
        ("tensorrt", {"onnxruntime", "coremltools", "openvino"}),
        ("coreml", BACK_ENDS - {"torch", "safetensors", "coremltools"}),
    ],
)
def test_importing_a_target_imports_no_other(target, others):
    assert not back_ends_after(f"import restorect_edge.targets.{target}.converter") & others


RESTORE = """
import numpy, restorect_edge
with restorect_edge.load({path!r}, threads=1) as restore:
    restore(numpy.zeros((8, 8, 3), numpy.uint8))
"""


@pytest.mark.parametrize(
    ("artifact", "needed"),
    [("artifact_onnx", {"onnxruntime"}), ("artifact_openvino", {"openvino"})],
)
def test_running_an_artifact_imports_its_own_back_end_alone(request, artifact, needed):
    path = request.getfixturevalue(artifact).path
    assert back_ends_after(RESTORE.format(path=str(path))) == needed
