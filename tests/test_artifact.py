"""Artifacts on disk: what is whole opens, what is not is named."""

import json
import os
import re
import socket

import pytest

from restorect_edge.artifact import (
    SCHEMA_VERSION,
    Artifact,
    GraphFile,
    Manifest,
    PriorSpec,
    file_hash,
    hash_files,
    native_files,
)
from restorect_edge.cli.inspect import main as inspect
from restorect_edge.errors import IncompatibleError, UsageError
from restorect_edge.spec import ImageSpec, SizeRequirements


@pytest.fixture
def path(tmp_path):
    """An artifact of three files that nothing needs to run."""
    folder = tmp_path / "artifact"
    (folder / "golden").mkdir(parents=True)
    (folder / "prior.xml").write_bytes(b"<prior/>")
    (folder / "prior.bin").write_bytes(bytes(range(200)))
    (folder / "body.onnx").write_bytes(b"body" * 100)
    (folder / "golden" / "a-in.png").write_bytes(b"picture")
    manifest = Manifest(
        name="mine",
        task="lowlight",
        target="onnx",
        precision="fp32",
        form="split",
        spec=ImageSpec(scale=2, size=SizeRequirements(minimum=8, multiple_of=4), halo=12),
        graphs=(
            GraphFile(role="body", file="body.onnx", shape=(64, 96)),
            GraphFile(role="prior", file="prior.xml"),
        ),
        prior=PriorSpec(thumbnail=128, pool=4),
        steps=4,
        files=hash_files(folder),
    )
    (folder / "manifest.json").write_text(manifest.to_json())
    return folder


def edit(path, **changes):
    data = json.loads((path / "manifest.json").read_text())
    for key, value in changes.items():
        data.pop(key) if value is None else data.__setitem__(key, value)
    (path / "manifest.json").write_text(json.dumps(data))


def test_a_manifest_survives_the_round_trip(path):
    artifact = Artifact.open(path)
    assert Manifest.from_json(artifact.manifest.to_json(), path) == artifact.manifest
    assert artifact.manifest.spec.size.multiple_of == 4
    assert artifact.manifest.graphs[0].shape == (64, 96)
    assert artifact.manifest.prior == PriorSpec(thumbnail=128, pool=4)
    assert [g.file for g in artifact.files("body")] == ["body.onnx"]


def test_every_file_but_the_manifest_is_hashed(path):
    assert sorted(hash_files(path)) == ["body.onnx", "golden/a-in.png", "prior.bin", "prior.xml"]
    empty = path / "empty"
    empty.write_bytes(b"")
    assert file_hash(empty) == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"


def test_bytes_counts_native_files_with_their_companions(path):
    assert Artifact.open(path).bytes == 400 + 8 + 200
    assert native_files(path / "golden") == [path / "golden" / "a-in.png"]


def truncate(path):
    (path / "body.onnx").write_bytes(b"body" * 99)


def flip(path):
    data = bytearray((path / "prior.bin").read_bytes())
    data[100] ^= 1
    (path / "prior.bin").write_bytes(data)


def swap(path):
    first, second = path / "prior.xml", path / "body.onnx"
    content = first.read_bytes()
    first.write_bytes(second.read_bytes())
    second.write_bytes(content)


def edit_golden(path):
    (path / "golden" / "a-in.png").write_bytes(b"another picture")


@pytest.mark.parametrize(
    ("damage", "name"),
    [
        (truncate, r"body\.onnx"),
        (flip, r"prior\.bin"),
        (swap, r"(body\.onnx|prior\.xml)"),
        (edit_golden, r"golden/a-in\.png"),
    ],
)
def test_changed_files_are_named_and_exit_with_4(path, capsys, damage, name):
    damage(path)
    with pytest.raises(IncompatibleError, match=rf"{name}' was changed after the export: sha256 .* copy the"):
        Artifact.open(path)
    assert inspect([str(path)]) == 4
    out, err = capsys.readouterr()
    assert out == ""
    assert "was changed after the export" in err
    assert Artifact.open(path, check=False).manifest.name == "mine"


@pytest.mark.parametrize(
    ("missing", "message"),
    [
        ("prior.bin", r"prior\.bin' is missing from the artifact"),
        ("manifest.json", r"has no manifest\.json: .*interrupted"),
    ],
)
def test_a_missing_file_is_named(path, capsys, missing, message):
    (path / missing).unlink()
    with pytest.raises(IncompatibleError, match=message):
        Artifact.open(path)
    assert inspect([str(path)]) == 4
    assert re.search(message, capsys.readouterr().err)


def test_a_newer_schema_asks_for_an_upgrade(path, capsys):
    edit(path, schema_version=SCHEMA_VERSION + 1, news="of the future")
    with pytest.raises(
        IncompatibleError, match=r"schema version 2, .* reads up to 1: upgrade restorect_edge"
    ):
        Artifact.open(path)
    assert inspect([str(path)]) == 4
    assert "upgrade" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"schema_version": None}, "is not a manifest"),
        ({"schema_version": "new"}, "is not a manifest"),
        ({"spec": None}, "is damaged"),
        ({"spec": {"scale": 0, "size": {}, "halo": None}}, "is damaged"),
        ({"graphs": [{"role": "body"}]}, "is damaged"),
        ({"surprise": 1}, "unknown key 'surprise' in it"),
        ({"name": None}, "is damaged"),
    ],
)
def test_damaged_manifests_are_refused(path, changes, message):
    edit(path, **changes)
    with pytest.raises(IncompatibleError, match=message):
        Artifact.open(path)


@pytest.mark.parametrize("text", ["", "{", "[]", "3"])
def test_what_is_no_json_object_is_no_manifest(path, text):
    (path / "manifest.json").write_text(text)
    with pytest.raises(IncompatibleError, match="is not a manifest"):
        Artifact.open(path)


@pytest.mark.parametrize(
    ("name", "said"),
    [("none", "no artifact at"), ("artifact/body.onnx", "is a file: .* it is part of the artifact")],
)
def test_what_is_no_directory_is_wrong_usage(path, capsys, name, said):
    with pytest.raises(UsageError, match=said):
        Artifact.open(path.parent / name)
    assert inspect([str(path.parent / name)]) == 1
    assert "expected a directory" in capsys.readouterr().err


def pipe(path):
    os.mkfifo(path)


def bound_socket(path):
    here = os.open(path.parent, os.O_RDONLY)
    with socket.socket(socket.AF_UNIX) as one:  # its path may have 107 characters
        one.bind(f"/proc/self/fd/{here}/{path.name}")
    os.close(here)


def to_a_device(path):
    path.symlink_to("/dev/zero")


@pytest.mark.parametrize("make", [pipe, bound_socket, to_a_device])
@pytest.mark.parametrize("name", ["body.bin", "golden/extra", "prior.bin"])
def test_what_a_reader_would_wait_for_is_refused_though_no_manifest_tells_of_it(path, make, name):
    (path / name).unlink(missing_ok=True)
    make(path / name)
    manifest = json.loads((path / "manifest.json").read_text())
    edit(path, files={key: value for key, value in manifest["files"].items() if key != name})
    with pytest.raises(IncompatibleError, match=r"is no file but a pipe, socket|is a link to outside"):
        Artifact.open(path)
