"""The web runtime: type-checked and built, then run in headless Chromium on artifacts exported here."""

import json
import os
import re
import shutil
import subprocess
import sys
import tarfile
import urllib.error
import urllib.request
from importlib import metadata
from pathlib import Path

import numpy as np
import pytest

import restorect_edge
from restorect_edge.media.photos import photos

SOURCE = Path(__file__).parents[2] / "runtimes" / "web"
GOLDEN = SOURCE.parent / "golden"
FORMATS = {"rgb", "bgr", "bgra", "nv12", "yuyv"}
VIDEO = (240, 320)
"""(height, width) of the camera's frames."""


def run(*command, code: int = 0, **environment) -> str:
    done = subprocess.run(
        [str(part) for part in command],
        cwd=SOURCE,
        env={**os.environ, **{key: str(value) for key, value in environment.items()}},
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert done.returncode == code, f"{command}\n{done.stdout[-8000:]}\n{done.stderr[-4000:]}"
    return done.stdout if code == 0 else done.stderr + done.stdout


@pytest.fixture(scope="module")
def node(program):
    """The program ``node``, once everything is installed, type-checked and built."""
    npm, found, chromium = program("npm"), program("node"), program("chromium")
    os.environ.setdefault("CHROMIUM", chromium)
    installed, locked = SOURCE / "node_modules" / ".package-lock.json", SOURCE / "package-lock.json"
    if not installed.is_file() or installed.stat().st_mtime < locked.stat().st_mtime:
        run(npm, "ci", "--no-audit", "--no-fund")
    run(npm, "run", "check")
    run(npm, "run", "build")
    return found


@pytest.fixture(scope="module")
def artifacts(artifact_onnx, tmp_path_factory):
    """A folder with `nano` and `nano-levels`, split of dynamic shape, and `whole`, 64x96."""
    folder = tmp_path_factory.mktemp("web")
    for name, io in (("nano", "float32"), ("nano-levels", "uint8")):
        made = {"target": "onnx", "form": "split", "dynamic": True, "output_dir": folder / "made"}
        restorect_edge.export("lowlight-nano", io=io, **made).path.rename(folder / name)
    shutil.copytree(artifact_onnx.path, folder / "whole")
    return folder


@pytest.fixture(scope="module")
def camera(tmp_path_factory):
    """A video that pans over two dark photographs, as Chromium's camera plays it (Y4M, limited range)."""
    av = pytest.importorskip("av")
    height, width = VIDEO
    path = tmp_path_factory.mktemp("camera") / "dark.y4m"
    with path.open("wb") as file:
        file.write(f"YUV4MPEG2 W{width} H{height} F30:1 Ip A1:1 C420jpeg\n".encode())
        for photo in list(photos((400, 600)).values())[:2]:
            for step in range(30):
                cut = np.ascontiguousarray(photo[step : step + height, 2 * step : 2 * step + width])
                planes = av.VideoFrame.from_ndarray(cut, format="rgb24").reformat(format="yuv420p")
                file.write(b"FRAME\n" + planes.to_ndarray().tobytes())
    return path


@pytest.fixture(scope="module")
def large(tmp_path_factory):
    """A dark photograph of 12 megapixels, JPEG."""
    from PIL import Image

    photo = Image.fromarray(next(iter(photos((400, 600)).values())))
    path = tmp_path_factory.mktemp("large") / "night.jpg"
    exif = Image.Exif()
    exif[0x0110] = "Phone 12"
    photo.resize((4000, 3000), Image.Resampling.BICUBIC).save(path, quality=90, exif=exif)
    return path


def golden(node: str, *artifacts: Path, folder: Path = GOLDEN, code: int = 0) -> str:
    named = [part for path in artifacts for part in ("--artifact", path)]
    return run(node, "golden.mjs", "--golden", folder, *named, code=code)


def test_golden_vectors_pass(node, artifact_onnx, artifact_split):
    lines = [json.loads(line) for line in golden(node, artifact_onnx.path, artifact_split.path).splitlines()]
    assert all(line["passed"] == line["vectors"] > 0 for line in lines), lines
    assert {line["runtime"] for line in lines} == {"web-wasm"}
    assert max(line["max_difference"] for line in lines) <= 1
    assert {(line["form"], line["format"]) for line in lines} == {
        *(("convert", layout) for layout in ("nv12", "yuyv")),
        *((form, layout) for form in ("whole", "split") for layout in FORMATS),
        *(("tiled", layout) for layout in ("nv12", "rgb")),
    }


def test_golden_vectors_pass_with_int8(node, tmp_path):
    verb = [sys.executable, "-m", "restorect_edge.export", "--target", "onnx", "--precision", "int8"]
    run(*verb, "--form", "split", "--dynamic", "--num-calib", "4", "-o", tmp_path)
    lines = [json.loads(line) for line in golden(node, *tmp_path.iterdir()).splitlines()]
    int8 = [line for line in lines if line["precision"] == "int8"]
    assert {line["format"] for line in int8} == FORMATS
    assert all(line["passed"] == line["vectors"] > 0 for line in int8), int8


def test_a_vector_that_fails_is_seen(node, artifact_split, tmp_path):
    manifest = json.loads((GOLDEN / "golden.json").read_text(encoding="utf-8"))
    (vector,) = (row for row in manifest["vectors"] if row["name"] == "rgb-96x64-split")
    manifest["vectors"] = [vector]
    vector["output"] = vector["rgb"]  # as if the frame had to stay as it is
    for name in ("input", "rgb"):
        shutil.copy(GOLDEN / vector[name]["file"], tmp_path)
    (tmp_path / "golden.json").write_text(json.dumps(manifest), encoding="utf-8")
    (line,) = golden(node, artifact_split.path, folder=tmp_path, code=2).splitlines()
    found = json.loads(line)
    assert (found["vectors"], found["passed"]) == (1, 0)
    assert found["max_difference"] > 30


def test_other_weights_are_refused(node, artifacts):
    assert "other weights than the vectors: export lowlight-small" in golden(node, artifacts / "nano", code=4)


@pytest.mark.parametrize("part", ["library", "artifacts", "photo", "live"])
def test_in_chromium(node, artifacts, camera, large, part):
    """Each part is a file of tests in `runtimes/web/test`."""
    tests = ["--test", "--test-reporter=spec", f"test/{part}.test.mjs"]
    print(run(node, *tests, ARTIFACTS=artifacts, CAMERA=camera, PHOTO=large))


def test_the_rules_around_the_network_are_those_of_the_vectors(node):
    said = run(node, "--test", "--test-reporter=tap", "test/vectors.test.mjs")
    assert int(re.search(r"^# pass (\d+)", said, re.M)[1]) == 5


def test_frames_are_converted_as_the_vectors_are(node):
    said = run(node, "--test", "--test-reporter=tap", "test/frames.test.mjs")
    assert int(re.search(r"^# pass (\d+)", said, re.M)[1]) == 4


def test_manifests_are_read_as_python_reads_them(node, mutated_corpus):
    for corpus, count in ((SOURCE / "../../spec/manifests", 274), (mutated_corpus, 600)):
        said = run(node, "--test", "--test-reporter=tap", "test/corpus.test.mjs", CORPUS=corpus)
        assert f"{count} manifests are taken or refused" in said


@pytest.fixture
def site(node, artifacts):
    """The URL that the demo is served at."""
    with subprocess.Popen(
        [node, "serve.mjs", "--port", "0", "--artifacts", str(artifacts)],
        cwd=SOURCE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout
        yield process.stdout.readline().split()[0]
        process.terminate()


def test_the_server_isolates_pages_and_lists_artifacts(site, artifacts):
    with urllib.request.urlopen(site) as answer:
        assert answer.headers["Cross-Origin-Opener-Policy"] == "same-origin"
        assert answer.headers["Cross-Origin-Embedder-Policy"] == "require-corp"
        assert b"restorect" in answer.read()
    with urllib.request.urlopen(f"{site}artifacts/index.json") as answer:
        assert {row["folder"]: row["name"] for row in json.load(answer)} == {
            "nano": "lowlight-nano",
            "nano-levels": "lowlight-nano",
            "whole": "lowlight-small",
        }


@pytest.mark.parametrize("path", ["nowhere", "artifacts/..%2f..%2fetc/passwd", "%2e%2e/package.json", "%ff"])
def test_the_server_serves_nothing_else(site, path):
    with pytest.raises(urllib.error.HTTPError) as caught:
        urllib.request.urlopen(site + path)
    assert caught.value.code == 404
    caught.value.close()


def test_the_package_holds_what_a_page_needs(node, program, tmp_path):
    run(program("npm"), "pack", "--ignore-scripts", "--pack-destination", tmp_path)
    with tarfile.open(next(tmp_path.glob("*.tgz"))) as archive:
        names = {name.removeprefix("package/") for name in archive.getnames()}
        archive.extractall(tmp_path / "unpacked", filter="data")
    lib = {"index.js", "index.d.ts", "worker.js", "LICENSE", "ort/LICENSE", "ort/ort-wasm-simd-threaded.wasm"}
    assert {"package.json", "README.md", "LICENSE", *(f"dist/lib/{name}" for name in lib)} <= names
    assert not any(name.startswith(("src", "test", "demo")) or name.endswith(".map") for name in names)
    package = json.loads((tmp_path / "unpacked" / "package" / "package.json").read_text(encoding="utf-8"))
    assert "private" not in package
    assert package["license"] == "Apache-2.0"
    (tmp_path / "node_modules").mkdir()
    (tmp_path / "unpacked" / "package").rename(tmp_path / "node_modules" / package["name"])
    page = shutil.copy(SOURCE / "test" / "consumer.ts", tmp_path)
    strict = [
        "--strict",
        "--noEmit",
        "--module",
        "esnext",
        "--moduleResolution",
        "bundler",
        "--target",
        "es2022",
        "--lib",
        "es2024,dom",
    ]
    run(node, SOURCE / "node_modules" / "typescript" / "bin" / "tsc", "--ignoreConfig", *strict, page)


def test_the_demo_becomes_a_folder_that_any_host_serves(node, artifacts, tmp_path):
    site = tmp_path / "site"
    assert "3 artifacts" in run(node, "static.mjs", "--artifacts", artifacts, "-o", site)
    rows = json.loads((site / "artifacts" / "index.json").read_text(encoding="utf-8"))
    assert {row["folder"] for row in rows} == {"nano", "nano-levels", "whole"}
    assert all((site / "artifacts" / row["folder"] / "manifest.json").is_file() for row in rows)
    assert (site / "index.html").is_file()
    assert "Cross-Origin-Embedder-Policy: require-corp" in (site / "_headers").read_text(encoding="utf-8")
    assert "not empty" in run(node, "static.mjs", "--artifacts", artifacts, "-o", site, code=1)
    assert "no artifacts" in run(node, "static.mjs", "--artifacts", tmp_path, "-o", tmp_path / "x", code=1)


def test_a_port_in_use_is_said(node, site):
    port = site.rstrip("/").rsplit(":", 1)[1]
    assert f"port {port} is in use" in run(node, "serve.mjs", "--port", port, code=1)


def test_the_lock_names_no_registry_and_the_version_is_the_projects():
    assert "http" not in (SOURCE / "package-lock.json").read_text(encoding="utf-8")
    package = json.loads((SOURCE / "package.json").read_text(encoding="utf-8"))
    assert package["version"] == metadata.version("restorect-edge")
