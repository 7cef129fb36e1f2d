"""One small artifact per target, each exported once a session and only if a test asks for it."""

import importlib.util
import json
import os
import random
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from filelock import FileLock
from hypothesis import settings
from PIL import Image

import restorect_edge
from restorect_edge import Artifact
from restorect_edge.artifact import Manifest
from restorect_edge.errors import IncompatibleError
from restorect_edge.targets.registry import TARGETS

# no deadline: how long an example takes says more of the machine than of the code
settings.register_profile("same-examples-every-run", derandomize=True, deadline=None)
settings.load_profile("same-examples-every-run")

WORKER = os.environ.get("PYTEST_XDIST_WORKER")
"""Name of this process among pytest-xdist's; None without it."""
SHAPE = (64, 96)
"""Height and width of the artifacts with fixed sides."""


@pytest.fixture(scope="session")
def shared(tmp_path_factory) -> Path:
    """The folder that all of pytest-xdist's workers have in common; lock what is made there."""
    base = tmp_path_factory.getbasetemp()
    folder = (base.parent if WORKER else base) / "shared"
    folder.mkdir(exist_ok=True)
    return folder


@pytest.fixture(scope="session")
def exported(shared) -> Callable[..., Artifact]:
    """`exported(name, **options)` exports lowlight-small, whichever worker asks first; look, do not touch."""

    def find(name: str, **options) -> Artifact:
        folder = shared / name
        with FileLock(f"{folder}.lock"):
            if not folder.is_dir():
                unfinished = shared / f"{name}-unfinished"
                restorect_edge.export("lowlight-small", output_dir=unfinished, overwrite=True, **options)
                unfinished.rename(folder)
        (path,) = folder.iterdir()
        return Artifact.open(path)

    return find


@pytest.fixture(scope="session")
def artifact_of(exported) -> Callable[[str], Artifact]:
    """`artifact_of(target)` exports for any target: 64x96, in its default precision."""

    def find(target: str) -> Artifact:
        for need in TARGETS[target].missing():
            pytest.skip(f"no module '{need.module}'")
        return exported(target, target=target, shapes=[SHAPE])

    return find


def _of(target: str):
    """Return a fixture: the artifact that `artifact_of` makes for a target."""

    @pytest.fixture(scope="session", name=f"artifact_{target}")
    def found(artifact_of):
        return artifact_of(target)

    return found


artifact_onnx = _of("onnx")
artifact_openvino = _of("openvino")
artifact_coreml = _of("coreml")
artifact_tensorrt = _of("tensorrt")
artifact_litert = _of("litert")


@pytest.fixture(scope="session")
def artifact_split(exported):
    """ONNX, float32, prior and body of dynamic shape."""
    return exported("split", target="onnx", form="split", dynamic=True)


@pytest.fixture(scope="session")
def artifact_openvino_split(exported):
    """OpenVINO, float32, prior and body of dynamic shape."""
    return exported("openvino-split", target="openvino", form="split", dynamic=True)


@pytest.fixture(scope="session")
def artifact_openvino_uint8(exported):
    """OpenVINO, float32, prior and body of dynamic shape, images as 8-bit levels."""
    return exported("openvino-uint8", target="openvino", form="split", dynamic=True, io="uint8")


@pytest.fixture(scope="session")
def artifact_int8(exported):
    """ONNX, INT8 for any x86, 64x96."""
    pytest.importorskip("nncf")
    return exported("int8", target="onnx", precision="int8", shapes=[SHAPE], num_calib=4)


@pytest.fixture(scope="session")
def photo() -> np.ndarray:
    """A dark picture, (40, 56, 3) uint8 RGB: smooth ramps and an edge."""
    rows, columns = np.mgrid[0:40, 0:56].astype(np.float32)
    planes = [rows * 1.2, columns * 0.8, np.where(columns > 28, 50.0, 5.0)]
    return np.stack(planes, axis=-1).astype(np.uint8)


@pytest.fixture(scope="session")
def frames() -> Callable[[Path], list[Any]]:
    """`frames(path)` decodes a video's frames."""
    av = pytest.importorskip("av")

    def find(path: Path) -> list[Any]:
        with av.open(str(path)) as container:
            return list(container.decode(video=0))

    return find


@pytest.fixture(scope="session")
def saved() -> Callable[..., Path]:
    """`saved(folder, pictures)` makes a folder of pictures by name, PNG, and returns it."""

    def save(folder: Path, pictures: dict[str, np.ndarray]) -> Path:
        folder.mkdir()
        for name, picture in pictures.items():
            Image.fromarray(picture).save(folder / f"{name}.png")
        return folder

    return save


@pytest.fixture(scope="session")
def saved_pairs(saved, tmp_path_factory) -> Callable[..., Path]:
    """`saved_pairs(degraded, clean)` saves pictures by name as pairs, and returns their folder."""

    def save(degraded: dict[str, np.ndarray], clean: dict[str, np.ndarray]) -> Path:
        folder = tmp_path_factory.mktemp("pairs")
        for kind, pictures in (("low", degraded), ("high", clean)):
            saved(folder / kind, pictures)
        return folder

    return save


@pytest.fixture(scope="session")
def cuda_driver(repository, tmp_path_factory) -> Path:
    """A libcuda.so.1 whose GPU is host memory."""
    compiler = shutil.which("cc") or shutil.which("g++")
    if compiler is None:
        pytest.skip("no C compiler for the stand-in driver")
    library = tmp_path_factory.mktemp("driver") / "libcuda.so.1"
    source = repository / "tests/bench/platforms/jetson/standins/driver.c"
    subprocess.run([compiler, "-shared", "-fPIC", "-o", library, source], check=True)
    return library


@pytest.fixture(scope="session")
def syntax_faults() -> Callable[[Any, bytes], list[str]]:
    """`syntax_faults(grammar, source)` lists what a tree-sitter grammar cannot read, or misses, by line."""

    def find(grammar: Any, source: bytes) -> list[str]:
        from tree_sitter import Language, Parser

        waiting, found = [Parser(Language(grammar.language())).parse(source).root_node], []
        while waiting:
            node = waiting.pop()
            if node.is_error or node.is_missing:
                found.append(f"line {node.start_point.row + 1}: {node.type}")
            waiting += node.children
        return found

    return find


@pytest.fixture(scope="session")
def repository() -> Path:
    """The folder that holds pyproject.toml."""
    return Path(__file__).parents[1]


@pytest.fixture(scope="session")
def pictures(repository):
    """The module that makes the pictures of `spec/vectors`."""
    path = repository / "spec" / "vectors" / "pictures.py"
    found = importlib.util.spec_from_file_location("spec_pictures", path)
    assert found is not None
    assert found.loader is not None
    module = importlib.util.module_from_spec(found)
    found.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def program():
    """Return the path of a program that a test needs; without it the test is skipped, but never in CI."""

    def find(name: str) -> str:
        path = shutil.which(name, path=f"{os.environ.get('PATH', os.defpath)}:/usr/sbin")
        if path is None and os.environ.get("RESTORECT_EDGE_REQUIRE_ALL") == "1":
            pytest.fail(f"'{name}' is not installed, and CI has to run every test")
        if path is None:
            pytest.skip(f"'{name}' is not installed (see .ci/packages.txt)")
        return path

    return find


@pytest.fixture(scope="session")
def mutated_corpus(repository, tmp_path_factory) -> Path:
    """A corpus of mutated manifests, and of how Python reads them, that other readers must read alike."""
    corpus = repository / "spec" / "manifests"
    folder = tmp_path_factory.mktemp("corpus")
    shutil.copytree(corpus / "valid", folder / "valid")
    rng, rows = random.Random(7), []
    originals = [f.read_bytes() for f in sorted((corpus / "valid").glob("*.json")) if f.stat().st_size < 4000]
    for number in range(600):
        content = _mutated(rng.choice(originals), rng)
        (folder / f"{number}.json").write_bytes(content)
        rows.append({"file": f"{number}.json", "kind": _kind(content), "reason": "mutated"})
    (folder / "index.json").write_text(json.dumps({"manifests": rows}))
    assert len({row["kind"] for row in rows}) == 4
    return folder


VALUES = (
    *(
        0,
        1,
        2,
        8,
        16,
        17,
        64,
        4096,
        4097,
        65536,
        2**31,
        2**53 + 1,
        2**63,
        10**22,
        -1,
        1.0,
        8.5,
        1e16,
        -0.0,
        True,
    ),
    *(
        None,
        "",
        "8",
        "whole",
        "split",
        "prior",
        "body",
        "model.onnx",
        "../x",
        "a/./b",
        "\x7f",
        "é",
        [],
        {},
        [8, 8],
    ),
)
BYTES = (
    b'"',
    b"{",
    b"}",
    b"[",
    b"]",
    b",",
    b":",
    b"\\",
    b"\\u00",
    b"\0",
    b"\xff",
    b"\xc3",
    b"0",
    b"-",
    b"e9",
    b".",
    b" ",
)


def _mutated(content: bytes, rng: random.Random) -> bytes:
    """Change one or two places of a manifest: its values, or its bytes."""
    if rng.random() < 0.6:
        data = json.loads(content)
        for _ in range(rng.randint(1, 2)):
            _change(data, rng)
        return json.dumps(data, ensure_ascii=rng.random() < 0.5).encode()
    start = rng.randrange(len(content))
    stop = start + rng.choice((0, 0, 1, 3, 20))
    return content[:start] + rng.choice((*BYTES, content[stop : stop + 30])) + content[stop:]


def _change(data: Any, rng: random.Random) -> None:
    """Change, add or drop one entry somewhere within an object or list."""
    keys = list(range(len(data)) if isinstance(data, list) else data)
    key = rng.choice(keys) if keys else None
    if key is not None and isinstance(data[key], (dict, list)) and rng.random() < 0.7:
        _change(data[key], rng)
    elif key is None or rng.random() < 0.15:
        extra = rng.choice(VALUES)
        data.append(extra) if isinstance(data, list) else data.update(
            {rng.choice(("deviation", "x", "shape")): extra}
        )
    elif rng.random() < 0.2:
        del data[key]
    else:
        data[key] = rng.choice(VALUES)


def _kind(content: bytes) -> str:
    words = {"' is not a manifest: ": "not a manifest", "' has schema": "newer", "' is damaged: ": "damaged"}
    try:
        Manifest.from_json(content, Path("manifest.json"))
    except IncompatibleError as error:
        return next(kind for said, kind in words.items() if said in str(error))
    return "valid"


@pytest.fixture(scope="session")
def script(repository):
    """`script(name)` imports a script of benchmarks/, which finds the modules beside it."""

    def find(name: str):
        sys.path.insert(0, str(repository / "benchmarks"))
        try:
            return importlib.import_module(name)
        finally:
            sys.path.remove(str(repository / "benchmarks"))

    return find


@pytest.fixture(scope="session")
def zoo(script):
    """The benchmark's module of small networks of the community's architectures."""
    return script("_zoo")


@pytest.fixture(scope="session")
def community(zoo, tmp_path_factory):
    """Return the path of an architecture's checkpoint by name; each is written once."""
    folder = tmp_path_factory.mktemp("community")

    def find(name: str) -> Path:
        path = folder / f"{name}.pth"
        return path if path.is_file() else zoo.save(name, folder)

    return find


@pytest.fixture(scope="session")
def community_module(zoo):
    """Build any network of spandrel's: ``community_module("ESRGAN", "RRDBNet", in_nc=1)``."""
    return zoo.module
