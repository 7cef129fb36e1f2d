"""The Kotlin of Android: the part without Android is compiled and run, the app compiled against stand-ins."""

import json
import re
import shutil
import sys
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest
import tree_sitter_kotlin
from filelock import FileLock
from tree_sitter import Language, Parser

FOLDER = Path(__file__).parents[2] / "runtimes" / "android"
CORE, APP = FOLDER / "core" / "src", FOLDER / "app" / "src" / "main"
SCRIPTS = sorted(FOLDER.rglob("*.gradle.kts"))
STAND_INS = Path(__file__).parent / "stand_ins" / "android"


@pytest.fixture(scope="module")
def compiled(run, program, shared):
    """`compiled(name, *sources, uses=...)` compiles Kotlin once a session; a warning is an error."""
    kotlinc = program("kotlinc")

    def build(name: str, *sources: Path, uses: Path | None = None) -> Path:
        jar = shared / f"{name}.jar"
        with FileLock(f"{jar}.lock"):
            if not jar.is_file():
                options = ["-jvm-target", "1.8", "-Werror", *(["-cp", uses] if uses else [])]
                run(kotlinc, *sources, *options, "-d", jar)
        return jar

    return build


@pytest.fixture(scope="module")
def core(compiled) -> Path:
    """The part without Android and what holds it to the vectors."""
    return compiled("kotlin-core", CORE / "main", CORE / "check")


@pytest.fixture(scope="module")
def check(run, program, core):
    """`check(*arguments, code=0)` runs what holds it to the vectors; returns what it printed."""
    java, kotlinc = program("java"), Path(program("kotlinc")).resolve()
    library = kotlinc.parents[1] / "lib" / "kotlin-stdlib.jar"
    command = [java, "-Xshare:auto", "-XX:TieredStopAtLevel=1", "-cp", f"{core}:{library}"]

    def done(*arguments, code: int = 0):
        return run(*command, "org.restorect.core.CheckKt", *arguments, code=code)

    return done


def test_it_passes_the_vectors_of_the_specification(check, repository):
    counted = dict(re.findall(r"(.+): (\d+) compared, 0 not", check("vectors", repository / "spec").stdout))
    least = {"layouts": 27, "frames": 150, "YUV_420_888 images": 20, "refused frames": 15}
    least |= {"matrices": 50, "thumbnails": 30, "latents": 9, "brightness": 8, "tiles": 10}
    assert counted.keys() == least.keys()
    assert all(int(counted[name]) >= count for name, count in least.items())


@pytest.mark.parametrize(
    ("file", "old", "new", "group"),
    [
        ("frames/formats.json", '"nv21": {"block": [2, 2]', '"nv21": {"block": [1, 2]', "layouts"),
        ("vectors/brightness.json", '"smooth": 0.75', '"smooth": 0.7', "brightness"),
        ("vectors/tiles.json", '"padded": [3024, 4032]', '"padded": [3032, 4032]', "tiles"),
        ("vectors/latent.json", '"prior_every": 3', '"prior_every": 2', "latents"),
    ],
)
def test_what_is_not_as_it_must_be_is_found(check, repository, tmp_path, file, old, new, group):
    spec = tmp_path / "spec"
    shutil.copytree(repository / "spec", spec, ignore=shutil.ignore_patterns("manifests", "*.py"))
    text = (spec / file).read_text(encoding="utf-8")
    assert old in text
    (spec / file).write_text(text.replace(old, new, 1), encoding="utf-8")
    failed = check("vectors", spec, code=2)
    assert {line.partition(":")[0] for line in failed.stderr.splitlines()} == {group}


def test_manifests_are_read_as_python_reads_them(check, repository, mutated_corpus):
    said = check("corpus", repository / "spec" / "manifests").stdout
    assert re.fullmatch(r"274 manifests and 11 folders read, 0 not as they must be\n", said)
    assert "600 manifests and 0 folders read, 0 not" in check("corpus", mutated_corpus).stdout


def lines(printed: str) -> list[dict]:
    return [json.loads(line) for line in printed.splitlines()]


def test_golden_frames_are_converted_to_the_byte(check, repository):
    found = lines(check("golden", repository / "runtimes" / "golden").stdout)
    assert {line["format"] for line in found} == {"nv12", "yuyv"}
    assert all(line["passed"] == line["vectors"] and line["max_difference"] == 0 for line in found)


@pytest.mark.parametrize(
    ("fixture", "runtime", "forms"),
    [
        ("artifact_litert", "kotlin-litert", {"whole"}),
        ("artifact_split", "kotlin-onnxruntime", {"split", "tiled"}),
        ("artifact_openvino_uint8", "kotlin-openvino", {"split", "tiled"}),
    ],
)
def test_golden_frames_are_restored(check, repository, request, fixture, runtime, forms):
    """Everything but the network is Kotlin's; the network is run by the library itself, over a pipe."""
    path = request.getfixturevalue(fixture).path
    network = sys.executable, FOLDER / "network.py", path
    found = lines(check("golden", repository / "runtimes" / "golden", path, *network).stdout)
    assert {line["runtime"] for line in found} == {runtime}
    assert {line["form"] for line in found} == forms
    assert {line["format"] for line in found} == {"rgb", "bgr", "bgra", "nv12", "yuyv"}
    assert all(line["passed"] == line["vectors"] for line in found)


def test_wrong_commands_are_refused(check):
    assert "usage: " in check(code=1).stderr
    assert "usage: " in check("golden", "folder", "artifact", code=1).stderr


def test_the_app_is_compiled_against_stand_ins(compiled, core):
    compiled("kotlin-app", APP / "kotlin", STAND_INS, uses=core)


def test_the_app_calls_tensors_as_the_files_do(artifact_litert):
    litert = pytest.importorskip("ai_edge_litert.interpreter")
    (graph,) = artifact_litert.manifest.graphs
    signatures = litert.Interpreter(str(artifact_litert.path / graph.file)).get_signature_list()
    source = (APP / "kotlin" / "org" / "restorect" / "app" / "LiteRtNetwork.kt").read_text(encoding="utf-8")
    ((name, signature),) = signatures.items()
    assert f'"{name}"' in source
    for tensor in (*signature["inputs"], *signature["outputs"]):
        assert f'"{tensor}"' in source


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.parent.name)
def test_build_scripts_parse(script):
    tree = Parser(Language(tree_sitter_kotlin.language())).parse(script.read_bytes())
    assert not tree.root_node.has_error


def test_the_activity_of_the_manifest_is_there():
    namespace = "{http://schemas.android.com/apk/res/android}"
    root = ET.parse(APP / "AndroidManifest.xml").getroot()
    (activity,) = root.iter("activity")
    assert (APP / "kotlin/org/restorect/app" / f"{activity.get(f'{namespace}name')[1:]}.kt").is_file()
    assert [used.get(f"{namespace}name") for used in root.iter("uses-permission")] == [
        "android.permission.CAMERA"
    ]


def test_it_says_what_was_compiled_and_what_was_not_run():
    text = (FOLDER / "README.md").read_text(encoding="utf-8")
    assert "**not run on device**" in text
    assert "compiled against stand-ins" in text
