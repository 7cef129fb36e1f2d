"""The corpus of manifests that every language reads alike, the schema, and Python's reader."""

import json
import os
import shutil
import subprocess
import sys
from dataclasses import MISSING, fields

import jsonschema
import pytest

from restorect_edge import artifact, contract
from restorect_edge.artifact import Artifact, Manifest
from restorect_edge.cli.inspect import main as inspect
from restorect_edge.errors import IncompatibleError, UsageError
from restorect_edge.spec import VALUE_FIELDS, ImageSpec, SizeRequirements
from restorect_edge.utils.strict_json import DEEPEST, LARGEST, DamageError, strict_json

DATACLASSES = {
    "": Manifest,
    "spec": ImageSpec,
    "spec.size": SizeRequirements,
    "graphs": artifact.GraphFile,
    "prior": artifact.PriorSpec,
}
KINDS = {
    "' is not a manifest: ": "not a manifest",
    "' has schema version ": "newer",
    "' is damaged: ": "damaged",
    "' is missing from the artifact": "missing",
    "' was changed after the export": "changed",
    "' is a link to outside the artifact": "outside",
}


@pytest.fixture(scope="module")
def corpus(repository):
    return repository / "spec" / "manifests"


@pytest.fixture(scope="module")
def schema(repository):
    return json.loads((repository / "spec" / "manifest.schema.json").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def index(corpus):
    return json.loads((corpus / "index.json").read_text(encoding="utf-8"))


def kind_of(work, *args) -> str:
    try:
        work(*args)
    except IncompatibleError as error:
        return next((kind for words, kind in KINDS.items() if words in str(error)), str(error))
    return "valid"


def test_every_manifest_of_the_corpus_is_taken_or_refused_as_it_must_be(corpus, index):
    found = {}
    for row in index["manifests"]:
        content = (corpus / row["file"]).read_bytes().ljust(row.get("padded_to", 0))
        found[row["file"], row["reason"]] = kind_of(Manifest.from_json, content, corpus / row["file"])
    assert found == {(row["file"], row["reason"]): row["kind"] for row in index["manifests"]}


def test_the_schema_agrees_with_the_corpus(corpus, index, schema):
    validator = jsonschema.Draft202012Validator(schema)
    for row in index["manifests"]:
        if row["kind"] != "not a manifest":
            expected = row["kind"] == "valid" or row.get("beyond_schema", False)
            data = json.loads((corpus / row["file"]).read_bytes())
            assert validator.is_valid(data) == expected, row


@pytest.mark.parametrize("place", DATACLASSES)
def test_the_schema_and_the_reader_have_the_keys_of_the_dataclasses(schema, place):
    part = schema["$defs"][DATACLASSES[place].__name__] if place else schema
    names = {field.name for field in fields(DATACLASSES[place])} - {*VALUE_FIELDS}  # those are in the graph
    optional = {
        field.name
        for field in fields(DATACLASSES[place])
        if field.default is not MISSING or field.default_factory is not MISSING
    }
    assert part["properties"].keys() == names
    assert {*part["required"]} == contract.REQUIRED[place] == names - contract.OPTIONAL.get(place, set())
    assert contract.OPTIONAL.get(place, set()) <= optional


def test_the_schema_has_the_ranges_of_the_reader(schema):
    for name, bounds in contract.RANGES.items():
        parent, _, key = name.rpartition(".")
        part = schema["$defs"][DATACLASSES[parent].__name__] if parent else schema
        number = part["properties"][key]
        number = number.get("items", number)
        assert (number["minimum"], number["maximum"]) == bounds, name
    assert schema["properties"]["graphs"]["maxItems"] == contract.MOST_GRAPHS
    assert schema["properties"]["schema_version"]["const"] == contract.SCHEMA_VERSION


def test_the_committed_corpus_is_what_its_script_makes(repository, corpus, tmp_path):
    subprocess.run(
        [sys.executable, repository / "spec" / "make_corpus.py", "-o", tmp_path],
        check=True,
        capture_output=True,
    )

    def content(folder):
        return {f.relative_to(folder): f.read_bytes() for f in folder.rglob("*") if f.is_file()}

    assert content(tmp_path) == content(corpus)


@pytest.mark.parametrize("fixture", ["artifact_onnx", "artifact_split"])
def test_what_an_export_writes_fits_the_schema(request, schema, fixture):
    made = request.getfixturevalue(fixture)
    data = json.loads((made.path / "manifest.json").read_text(encoding="utf-8"))
    jsonschema.Draft202012Validator(schema).validate(data)


def change(how, path, elsewhere):
    def link(target):
        path.rename(target)
        path.symlink_to(target)

    if how in ("add", "edit"):
        path.write_bytes(b"x")
    elif how == "empty":
        path.write_bytes(b"")
    elif how in ("remove", "folder", "link nowhere"):
        path.unlink()
    if how == "folder":
        path.mkdir()
    elif how == "link nowhere":
        path.symlink_to("gone")
    elif how == "link out":
        link(elsewhere / "moved")
    elif how == "link inside":
        link(path.parent / "moved")


def test_every_folder_of_the_corpus_is_taken_or_refused_as_it_must_be(corpus, index, tmp_path, capsys):
    for number, row in enumerate(index["folders"]):
        folder = tmp_path / str(number) / "artifact"
        shutil.copytree(corpus / "artifact", folder)
        shutil.copy(corpus / "valid" / "file-names.json", folder / "manifest.json")
        change(row["change"], folder / row["path"], folder.parent)
        assert kind_of(Artifact.open, folder) == row["kind"], row
        assert inspect([str(folder)]) == (0 if row["kind"] == "valid" else 4), row
        assert "Traceback" not in capsys.readouterr().err


def test_a_graph_that_is_a_folder_is_found_by_its_files(corpus, tmp_path):
    folder = tmp_path / "artifact"
    shutil.copytree(corpus / "artifact", folder)
    shutil.copy(corpus / "valid" / "package.json", folder / "manifest.json")
    assert Artifact.open(folder).bytes == 7
    (folder / "model.mlpackage" / "Data" / "weights.bin").unlink()
    with pytest.raises(IncompatibleError, match="is missing"):
        Artifact.open(folder)


def test_names_too_long_links_in_circles_and_pipes_are_missing_files(corpus, tmp_path):
    folder = tmp_path / "artifact"
    shutil.copytree(corpus / "artifact", folder)
    manifest = json.loads((corpus / "valid" / "whole.json").read_bytes())
    (folder / "circle").symlink_to("circle")
    os.mkfifo(folder / "pipe")
    for name in ("circle", "pipe", "n" * 300, "a/" * 2000 + "b"):
        files = {**manifest["files"], name: "0" * 64}
        (folder / "manifest.json").write_text(json.dumps({**manifest, "files": files}))
        with pytest.raises(IncompatibleError, match=r"is missing|outside|is no file but a pipe"):
            Artifact.open(folder)


def test_free_form_entries_of_any_type_are_shown(corpus, tmp_path, capsys):
    """Only readers of files hold the contract; what nothing computes with may be anything."""
    folder = tmp_path / "artifact"
    shutil.copytree(corpus / "artifact", folder)
    data = json.loads((corpus / "valid" / "complete.json").read_bytes())
    for value in (None, 1, True, "x", [], {}, {"range": 1}, {"status": [], "psnr": "x"}):
        free = dict.fromkeys(("image", "restored", "status", "psnr", "gate", "max_abs"), value)
        data.update(input=free, verification=free, options={"cpu": "x", "more": value}, weights={"name": "x"})
        (folder / "manifest.json").write_text(json.dumps(data))
        assert inspect([str(folder)]) == 0
        assert "lowlight-small for onnx" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b'"' + b"\\" * 300_001 + b'"', "no JSON"),
        (b'{"a": "' + b"[" * 500_000, "nested"),
        (b"[" * DEEPEST + b"]" * DEEPEST + b"]", "no JSON"),
        (b"9" * 5000, "too large"),
        (b'{"\\u0000": 1, "\\u0000": 2}', r"the key '\?' twice"),
        (b" " * LARGEST + b" ", "larger than 1 MiB"),
    ],
)
def test_strict_json_says_why(content, reason):
    with pytest.raises(DamageError, match=reason):
        strict_json(content)


def test_a_manifest_names_shipped_weights_and_no_files(corpus, tmp_path):
    from restorect_edge.export.verify.reference import weights_of

    folder = tmp_path / "artifact"
    shutil.copytree(corpus / "artifact", folder)
    data = json.loads((corpus / "valid" / "complete.json").read_bytes())
    for name in ("../lowlight-small", "/etc/passwd", "mine.safetensors", ""):
        data["weights"] = {"name": name, "sha256": "0" * 64}
        (folder / "manifest.json").write_text(json.dumps(data))
        with pytest.raises(UsageError, match="which are not shipped"):
            weights_of(Artifact.open(folder))


def test_an_artifact_with_steps_that_its_weights_were_not_trained_for_has_no_reference(corpus, tmp_path):
    from restorect_edge.export.verify.reference import weights_of
    from restorect_edge.weights import card, locate

    folder = tmp_path / "artifact"
    shutil.copytree(corpus / "artifact", folder)
    data = json.loads((corpus / "valid" / "complete.json").read_bytes())
    data["weights"] = {"name": "lowlight-nano", "sha256": card(locate("lowlight-nano"))["sha256"]}
    for steps, accepted in ((4, True), (None, True), (1, False), (3, False), (8, False)):
        (folder / "manifest.json").write_text(json.dumps(data | {"steps": steps}))
        if accepted:
            assert weights_of(Artifact.open(folder)).steps == 4
            continue
        with pytest.raises(IncompatibleError, match=rf"cannot be compared: .* got {steps}"):
            weights_of(Artifact.open(folder))


@pytest.mark.parametrize(
    "fields", [{"scale": 17}, {"scale": 2.0}, {"scale": True}, {"halo": -1}, {"halo": 65537}]
)
def test_what_a_manifest_cannot_hold_is_no_contract(fields):
    with pytest.raises(UsageError, match="must be a whole number from"):
        ImageSpec(**fields)
    with pytest.raises(UsageError, match="multiple_of must be a whole number from 1 to 4096, got 0"):
        SizeRequirements(multiple_of=0)
