"""The Swift package, which cannot be compiled here: it parses, and what it shares with Python is equal."""

import json
import re
import shlex
from collections.abc import Iterator
from functools import partial, reduce
from operator import getitem
from pathlib import Path

import pytest
import tree_sitter_swift
from openstep_parser import OpenStepDecoder
from tree_sitter import Language, Node, Parser

from restorect_edge import artifact
from restorect_edge.bench.measure import record
from restorect_edge.cli.export import main
from restorect_edge.inference import tiling
from restorect_edge.inference.video import brightness, stream
from restorect_edge.media.ycbcr import MATRICES, RANGES, SHIFT, _forward, coefficients

PACKAGE = Path(__file__).parents[2] / "runtimes" / "swift"
FILES = sorted(f for f in PACKAGE.rglob("*.swift") if ".build" not in f.parts)
KIT, TESTS = PACKAGE / "Sources" / "RestorectKit", PACKAGE / "Tests" / "RestorectKitTests"
READER = (KIT / "ManifestReader.swift").read_text(encoding="utf-8")


@pytest.fixture
def faults(syntax_faults):
    return partial(syntax_faults, tree_sitter_swift)


def nodes(source: bytes, kind: str) -> Iterator[Node]:
    """Yield the syntax nodes of one kind."""
    waiting = [Parser(Language(tree_sitter_swift.language())).parse(source).root_node]
    while waiting:
        node = waiting.pop()
        waiting += node.children
        if node.type == kind:
            yield node


def names_given_twice(source: bytes) -> list[str]:
    """Names that one block declares twice, which the grammar does not mind but the compiler does."""
    found = []
    for node in nodes(source, "statements"):
        declared: set[str] = set()
        for statement in node.children:
            for name in names_of(statement):
                found += [f"line {statement.start_point.row + 1}: {name}"] if name in declared else []
                declared.add(name)
    return found


def names_used_too_early(source: bytes) -> list[str]:
    """Names that a `guard` declares and its own `else` uses, which the grammar does not mind either."""
    found = []
    for node in nodes(source, "guard_statement"):
        _, _, body = node.text.decode().partition("else")
        # of a text, what is put into it
        body = re.sub(r'"(?:[^"\\]|\\.)*"', lambda text: " ".join(re.findall(r"\\\((.*?)\)", text[0])), body)
        used = [name for name in names_of(node) if re.search(rf"(?<![\w.]){name}\b(?!:)", body)]
        found += [f"line {node.start_point.row + 1}: {name}" for name in used]
    return found


def names_of(statement) -> list[str]:
    """Names that a statement declares in its own block: by `let` and `var`, and by `guard let`."""
    written = statement.text.decode()
    if statement.type == "property_declaration":
        return re.findall(r"^(?:let|var) (\w+)", written)
    if statement.type == "guard_statement":
        return re.findall(r"\b(?:let|var) (\w+)", written[: written.index("else")])
    return []


def text(path: Path) -> str:
    return path.read_text(encoding="utf-8")


def number(source: str, name: str) -> float:
    match = re.search(rf"let {name}(?:: \w+)? = ([\d.]+)", source)
    assert match, name
    return float(match[1])


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_it_parses(faults, path):
    assert faults(path.read_bytes()) == []


def test_the_grammar_finds_faults(faults):
    assert faults(b"func f() { let x = (1 + }")
    assert faults(b"func f( -> Int { return 1 }")


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_no_block_declares_a_name_twice(path):
    assert names_given_twice(path.read_bytes()) == []


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_no_guard_uses_what_it_could_not_declare(path):
    assert names_used_too_early(path.read_bytes()) == []


def test_a_name_that_is_used_too_early_is_found():
    assert names_used_too_early(b"func f() { guard let x = y else { x = 1; return } }") == ["line 1: x"]
    assert names_used_too_early(b'func f() { guard let x = y else { print("\\(x)"); return } }') == [
        "line 1: x"
    ]
    assert names_used_too_early(b'func f() { guard let x = y else { self.x = "x"; return } }') == []


def test_a_name_that_is_declared_twice_is_found():
    twice = (
        b"func f(_ y: Int?) { guard let y else { return }\n var x: Int? = y\n guard let x else { return } }"
    )
    assert names_given_twice(twice) == ["line 3: x"]


def test_there_is_a_package():
    assert {"Package.swift", "Runtime.swift", "VideoRestorer.swift", "GoldenTests.swift"} <= {
        f.name for f in FILES
    }


def test_it_says_that_it_is_not_compiled_here(repository):
    assert "**Not compiled here.**" in text(PACKAGE / "README.md")
    assert "not compiled here" in text(repository / "runtimes" / "README.md")


@pytest.mark.parametrize("matrix", MATRICES)
@pytest.mark.parametrize("range_", RANGES)
def test_conversion_coefficients(matrix, range_):
    source = text(KIT / "YCbCr.swift")
    entry = re.search(rf"let {matrix}{range_.title()} = YCbCr\((.*?)\n    \)", source, re.S)
    black, to_rgb, from_rgb = re.findall(r": (\d+|\[.*?\])", entry[1], re.S)
    assert int(black) == (16 if range_ == "limited" else 0)
    assert tuple(json.loads(to_rgb)) == coefficients(matrix, range_)
    assert json.loads(from_rgb) == [value for row in _forward(matrix, range_) for value in row]
    assert number(source, "shift") == SHIFT


def test_layouts_are_those_of_the_table(repository):
    table = json.loads(text(repository / "spec" / "frames" / "formats.json"))["formats"]
    rows = re.findall(
        r'name: "(\w+)".*?channels: (\[\[.*?\]\]), block: (nil|\[.*?\]), shift: (\d+)',
        text(KIT / "PixelLayout.swift"),
        re.S,
    )
    assert {"bgra", "rgba", "nv12", "i420", "uyvy", "yuyv", "p010"} <= {name for name, *_ in rows}
    for name, channels, block, shift in rows:
        facts = table[name]
        assert json.loads(channels) == facts["channels"], name
        assert (json.loads(block) if block != "nil" else [1, 1]) == facts["block"], name
        assert (block == "nil") == (facts["color"] == "rgb"), name
        assert int(shift) == facts["shift"], name


def test_a_matrix_is_chosen_as_the_vectors_say(repository):
    """The switch of the source, read as a table: it is not compiled here."""
    body = re.search(r"func matrixOf\(.*?\n    }\n", text(KIT / "FrameFormat.swift"), re.S)[0]
    named = {
        int(c): name
        for cs, name in re.findall(r'case ([\d, ]+): return "(\w+)"', body)
        for c in cs.split(",")
    }
    silent, bt2020, wide, rows, hd, sd = re.search(
        r'case ([\d, ]+): return primaries == (\d+) \? "(\w+)" : rows >= (\d+) \? "(\w+)" : "(\w+)"', body
    ).groups()
    cases = json.loads(text(repository / "spec" / "frames" / "matrices.json"))["cases"]
    for case in cases:
        usual = wide if case["primaries"] == int(bt2020) else hd if case["rows"] >= int(rows) else sd
        known = named | dict.fromkeys(map(int, silent.split(",")), usual)
        assert known.get(case["coefficients"]) == case["matrix"], case
    keys = re.search(r"struct MatrixCase: Decodable {(.*?)}", text(TESTS / "VectorTests.swift"), re.S)[1]
    assert set(re.findall(r"let (\w+): ", keys)) == cases[0].keys()


def test_constants():
    assert number(text(KIT / "Manifest.swift"), "newestSchema") == artifact.SCHEMA_VERSION
    assert number(text(KIT / "LatentTrack.swift"), "cut") == stream.CUT
    track = text(KIT / "BrightnessTrack.swift")
    for name in ("blocks", "still", "streak", "moved", "largest"):
        assert number(track, name) == getattr(brightness, name.upper()), name
    assert "let darkest = 0.1 / 255\n" in track
    assert brightness.DARKEST == 0.1 / 255
    benchmark = text(TESTS / "BenchmarkTests.swift")
    assert f'"schema_version": {record.SCHEMA_VERSION},' in benchmark


@pytest.mark.parametrize(
    ("name", "place"),
    [
        ("it", ()),
        ("spec", ("$defs", "ImageSpec")),
        ("spec.size", ("$defs", "SizeRequirements")),
        ("graphs", ("$defs", "GraphFile")),
        ("prior", ("$defs", "PriorSpec")),
    ],
)
def test_keys_of_the_manifest_are_those_of_the_schema(repository, name, place):
    schema = reduce(getitem, place, json.loads(text(repository / "spec" / "manifest.schema.json")))
    lists = re.search(
        rf'"{re.escape(name)}",\s+needed: \[(.*?)\],\s+optional: \[(.*?)\]\s*\)', READER, re.S
    ).groups()
    needed, optional = ({*re.findall(r'"(\w+)"', part)} for part in lists)
    assert needed == {*schema["required"]}
    assert optional == schema["properties"].keys() - needed


def test_numbers_of_the_manifest_are_those_of_the_schema(repository):
    schema = json.loads(text(repository / "spec" / "manifest.schema.json"))
    bounds = re.findall(r'number\([^()]*?(?:\[.*?\])?, "([\w.]+)", (\w+), (\w+)\)', READER)
    places = {
        "spec": schema["$defs"]["ImageSpec"],
        "spec.size": schema["$defs"]["SizeRequirements"],
        "prior": schema["$defs"]["PriorSpec"],
        "graphs": {"properties": {"shape": schema["$defs"]["GraphFile"]["properties"]["shape"]["items"]}},
        "": schema,
    }
    assert {name for name, *_ in bounds} == {
        "steps", "spec.scale", "spec.size.minimum", "spec.size.multiple_of", "spec.halo", "graphs.shape",
        "prior.pool", "prior.thumbnail",
    }  # fmt: skip
    for name, *limits in bounds:
        parent, _, key = name.rpartition(".")
        expected = places[parent]["properties"][key]
        found = [int(limit) if limit.isdigit() else int(number(READER, limit)) for limit in limits]
        assert found == [expected["minimum"], expected["maximum"]], name
    assert number(READER, "mostGraphs") == schema["properties"]["graphs"]["maxItems"]


def test_it_reads_the_corpus(repository):
    source = text(TESTS / "CorpusTests.swift")
    index = json.loads(text(repository / "spec" / "manifests" / "index.json"))
    assert '"spec/manifests"' in source
    assert {f'"{row["change"]}"' for row in index["folders"]} <= {*re.findall(r'"[a-z ]+"', source)}
    assert {row["kind"] for row in index["manifests"] + index["folders"]} - {"valid"} == {
        *re.findall(r'"\' .*": "(.*)",', source)
    }


def test_spans_of_its_unit_test_are_those_of_python():
    source = text(TESTS / "UnitTests.swift")
    length, window, halo = map(int, re.search(r"length: (\d+), window: (\d+), halo: (\d+)", source).groups())
    written = re.findall(r"Span\(start: (\d+), stop: (\d+), keepFrom: (\d+), keepTo: (\d+)\)", source)
    found = [part.columns for part in tiling.plan((8, length), (8, window), halo)]
    assert [tuple(map(int, span)) for span in written] == [
        (span.start, span.stop, span.keep_from, span.keep_to) for span in found
    ]


def test_names_and_kinds_of_the_packages_inputs(artifact_coreml):
    import coremltools as ct

    (graph,) = artifact_coreml.manifest.graphs
    spec = ct.models.MLModel(str(artifact_coreml.path / graph.file), skip_model_load=True).get_spec()
    source = text(KIT / "Runtime.swift")
    for feature in (*spec.description.input, *spec.description.output):
        assert feature.type.WhichOneof("Type") == "imageType"
        assert f'"{feature.name}"' in source


def test_the_readme_makes_the_artifacts_that_the_tests_read(tmp_path, capsys):
    golden = text(TESTS / "Golden.swift")
    commands = re.findall(r"^python -m restorect_edge\.export (.*)$", text(PACKAGE / "README.md"), re.M)
    names = dict(re.findall(r'static let (whole|split) = "(.*)"', golden))
    made = []
    for command in commands:
        arguments = shlex.split(command)
        assert main([*arguments[:-1], str(tmp_path), "--dry-run", "--json"]) == 0
        names_of = [Path(row["path"]).name for row in json.loads(capsys.readouterr().out)["artifacts"]]
        made += names_of if arguments[-2:] == ["-o", "runtimes/swift/artifacts"] else []
    assert {shlex.split(command)[-1] for command in commands} == {
        "runtimes/swift/artifacts",
        "runtimes/swift/App/artifacts",
    }
    assert made == [names["whole"], names["split"]]


def test_the_golden_vectors_have_the_keys_it_reads(repository):
    golden = json.loads(text(repository / "runtimes" / "golden" / "golden.json"))
    (vector, *_) = golden["vectors"]
    source = text(TESTS / "Golden.swift")
    for struct, data in (("Vector", vector), ("Frame", vector["frame"]), ("Entry", vector["input"])):
        body = re.search(rf"    struct {struct}: Decodable {{(.*?)\n    }}", source, re.S)[1]
        keys = re.findall(r"let (\w+): ", body)
        assert keys
        assert set(keys) <= data.keys()
    assert {"fp16", "z"} <= golden["tolerance"].keys()
    assert set(re.findall(r'case "(\w+)":', source)) <= {v["frame"]["layout"] for v in golden["vectors"]}


@pytest.mark.parametrize("name", ["Thumbnail", "Latent", "Brightness"])
def test_the_vectors_have_the_keys_it_reads(repository, name):
    data = json.loads(text(repository / "spec" / "vectors" / f"{name.lower()}.json"))
    (case, *_) = data["cases"]
    structs = {f"{name}Case": case}
    if name == "Thumbnail":
        structs["Recipe"] = case["picture"]
    else:
        structs[f"{name}Frame"] = case["frames"][0]
    source = text(TESTS / "VectorTests.swift")
    for struct, row in structs.items():
        body = re.search(rf"    private struct {struct}: Decodable {{(.*?)\n    }}", source, re.S)[1]
        keys = re.findall(r"let (\w+): ", body)
        assert keys
        assert set(keys) <= row.keys()
    assert "tolerance" in data


def test_the_benchmark_writes_keys_of_the_schema():
    schema = record.json_schema()
    row = schema["properties"]["rows"]["items"]
    parts = [schema, schema["properties"]["device"], schema["properties"]["protocol"], row]
    parts += [row["properties"]["subject"]]
    optional = [row["properties"][name]["anyOf"][0] for name in ("cold", "warm_up")]
    written = set(re.findall(r'"(\w+)":', text(TESTS / "BenchmarkTests.swift")))
    needed = {key for part in [*parts, *optional] for key in part["required"]}
    assert needed <= written
    assert written <= {key for part in [*parts, *optional] for key in part["properties"]}


@pytest.fixture(scope="module")
def project() -> dict:
    with (PACKAGE / "App" / "Restorect.xcodeproj" / "project.pbxproj").open(encoding="utf-8") as file:
        return OpenStepDecoder.ParseFromFile(file)


def test_every_object_of_the_app_project_is_there_and_used(project):
    objects = project["objects"]
    named = set(re.findall(r"\b[0-9A-F]{24}\b", json.dumps([*objects.values(), project["rootObject"]])))
    assert named == objects.keys()


def test_the_app_project_has_the_files_and_products_that_there_are(project):
    rows = list(project["objects"].values())
    sources = {row["path"] for row in rows if row.get("lastKnownFileType") == "sourcecode.swift"}
    assert sources == {path.name for path in (PACKAGE / "App" / "Restorect").iterdir()}
    (folder,) = (row["path"] for row in rows if row.get("lastKnownFileType") == "folder")
    assert (PACKAGE / "App" / folder).is_dir()
    products = {row["productName"] for row in rows if row["isa"] == "XCSwiftPackageProductDependency"}
    assert products <= {*re.findall(r'\.library\(name: "(\w+)"', text(PACKAGE / "Package.swift"))}
    (package,) = (row["relativePath"] for row in rows if row["isa"] == "XCLocalSwiftPackageReference")
    assert (PACKAGE / "App" / package / "Package.swift").is_file()


def test_the_app_project_is_as_its_scheme_and_package_say(project):
    rows = project["objects"]
    (target,) = (name for name, row in rows.items() if row["isa"] == "PBXNativeTarget")
    scheme = text(PACKAGE / "App/Restorect.xcodeproj/xcshareddata/xcschemes/Restorect.xcscheme")
    assert set(re.findall(r'BlueprintIdentifier = "(\w+)"', scheme)) == {target}
    settings = [row["buildSettings"] for row in rows.values() if row["isa"] == "XCBuildConfiguration"]
    assert sum("INFOPLIST_KEY_NSCameraUsageDescription" in row for row in settings) == 2
    (least,) = {row["IPHONEOS_DEPLOYMENT_TARGET"] for row in settings if "IPHONEOS_DEPLOYMENT_TARGET" in row}
    assert f".iOS(.v{int(float(least))})" in text(PACKAGE / "Package.swift")


def test_the_app_uses_what_the_package_offers():
    offered = {
        name
        for path in (PACKAGE / "Sources").rglob("*.swift")
        for name in re.findall(r"^public (?:final )?(?:class|struct|enum) (\w+)", text(path), re.M)
    }
    app = "".join(text(path) for path in (PACKAGE / "App").rglob("*.swift"))
    assert {"CameraScreen", "BeforeAfter", "Runtime", "RestorectError"} <= offered
    for name in ("CameraScreen", "BeforeAfter", "Runtime", "RestorectError"):
        assert re.search(rf"\b{name}\b", app)
