"""The cases of the corpus: manifests that are valid, are none, or are newer, and what is done to folders."""

import hashlib
import json
from collections.abc import Iterator
from copy import deepcopy
from typing import Any

LARGEST_BYTES = 1 << 20
"""Of a manifest; real ones have a few thousand."""
DEEPEST = 32
"""Levels of objects and lists, the document itself being the first."""

FILES = {
    "model.onnx": b"the whole graph\n",
    "prior.onnx": b"the prior\n",
    "body.onnx": b"the body\n",
    "body-64x96.onnx": b"the body of one size\n",
    "model.mlpackage/Manifest.json": b"{}\n",
    "model.mlpackage/Data/weights.bin": b"\0\1\2\3",
    "golden/a photo, 50% #1 \N{LATIN SMALL LETTER E WITH ACUTE}.png": b"not a picture\n",
    "..hidden.txt": b"two dots do not make a parent\n",
}
"""Content of the artifact's files, by path."""
GONE = object()
"""As a value: the key is left out."""

Edit = tuple[str, Any]
"""A place such as ``spec/size/minimum`` and its new value."""


def hashes(*names: str) -> dict[str, str]:
    return {name: hashlib.sha256(FILES[name]).hexdigest() for name in names}


WHOLE: dict[str, Any] = {
    "schema_version": 1,
    "name": "lowlight-small",
    "task": "lowlight",
    "target": "onnx",
    "precision": "fp32",
    "form": "whole",
    "spec": {"scale": 1, "size": {"minimum": 8, "multiple_of": 8}, "halo": None},
    "graphs": [{"role": "whole", "file": "model.onnx", "shape": [64, 96]}],
    "files": hashes("model.onnx"),
}
"""Only what a manifest must have."""
SPLIT: dict[str, Any] = {
    **WHOLE,
    "form": "split",
    "spec": {"scale": 1, "size": {"minimum": 8, "multiple_of": 8}, "halo": 72},
    "graphs": [
        {"role": "prior", "file": "prior.onnx", "shape": None},
        {"role": "body", "file": "body.onnx", "shape": None},
    ],
    "prior": {"thumbnail": 128, "pool": 4},
    "files": hashes("prior.onnx", "body.onnx"),
}
COMPLETE: dict[str, Any] = {
    **WHOLE,
    "prior": None,
    "steps": 4,
    "input": {"image": {"name": "image", "range": [0.0, 1.0]}, "normalised_in_graph": False},
    "weights": {"name": "lowlight-small", "sha256": "0" * 64, "license": "Apache-2.0"},
    "tools": {"torch": "2.13.0"},
    "options": {"cpu": "avx2"},
    "created": "2026-01-01T00:00:00+00:00",
    "toolkit_version": "0.1.0",
    "verification": {"status": "pass", "psnr": 96.5, "nested": {"anything": [None, True, -1.5e-7]}},
}


def edited(base: dict[str, Any], *edits: Edit) -> str:
    """Return a base with some places changed, as JSON."""
    data = deepcopy(base)
    for place, value in edits:
        *parents, last = [int(part) if part.isdigit() else part for part in place.split("/")]
        found: Any = data
        for part in parents:
            found = found[part]
        if value is GONE:
            del found[last]
        else:
            found[last] = value
    return json.dumps(data, indent=1, sort_keys=True, ensure_ascii=False) + "\n"


def _nested(levels: int) -> str:
    """Return a manifest of that depth, its `options` holding lists in lists."""
    lists = levels - 2
    return edited(WHOLE, ("options", {"deep": "DEEP"})).replace('"DEEP"', "[" * lists + "]" * lists)


def valid() -> Iterator[tuple[str, str, str | bytes]]:
    """Yield name, what it shows and content of each document that must be read."""
    yield "whole", "only the keys that it must have", edited(WHOLE)
    yield "complete", "every key", edited(COMPLETE)
    weights = {"name": "lowlight-small", "sha256": "0" * 64, "licence": "Apache-2.0"}
    yield "licence", "the license as earlier versions spelt it", edited(COMPLETE, ("weights", weights))
    yield "split", "prior and body, sides free", edited(SPLIT)
    sizes = {"graphs/1/shape": [512, 512], "prior/deviation": False}
    several = [*SPLIT["graphs"], {"role": "body", "file": "body-64x96.onnx", "shape": [64, 96]}]
    files = hashes("prior.onnx", "body.onnx", "body-64x96.onnx")
    yield "sizes", "several bodies", edited(SPLIT, ("graphs", several), ("files", files), *sizes.items())
    yield "deviation", "a prior that also takes deviations", edited(SPLIT, ("prior/deviation", True))
    folder = hashes("model.mlpackage/Manifest.json", "model.mlpackage/Data/weights.bin")
    package = (("target", "coreml"), ("graphs/0/file", "model.mlpackage"), ("files", folder))
    yield "package", "a graph that is a folder", edited(WHOLE, *package)
    yield "free-sides", "a graph without a shape", edited(WHOLE, ("graphs/0/shape", GONE))
    yield "no-prior-thumbnail", "a split artifact of halo 0", edited(SPLIT, ("spec/halo", 0))
    yield (
        "file-names",
        "spaces, signs, letters and leading dots in paths",
        edited(WHOLE, ("files", hashes("model.onnx", *(name for name in FILES if name[0] in ".g")))),
    )
    yield "other-target", "a target that is not known yet", edited(WHOLE, ("target", "npu"))
    largest = (
        ("spec/scale", 16),
        ("spec/size", {"minimum": 4096, "multiple_of": 4096}),
        ("spec/halo", 65536),
    )
    yield (
        "largest",
        "the largest numbers",
        edited(SPLIT, *largest, ("prior", {"thumbnail": 1024, "pool": 256}), ("steps", 65536)),
    )
    one = {"minimum": 1, "multiple_of": 1}
    smallest = (("spec/size", one), ("prior", {"thumbnail": 1, "pool": 1}), ("graphs/1/shape", [1, 65536]))
    yield "smallest", "the smallest numbers", edited(SPLIT, *smallest)
    # JSON has one kind of number, and JavaScript cannot tell 8.0 from 8.
    real = (("schema_version", 1.0), ("spec/size", {"minimum": 8.0, "multiple_of": 8.0}), ("spec/halo", -0.0))
    yield "reals", "whole numbers written with a point", edited(WHOLE, *real)
    yield (
        "escapes",
        "keys and text with escapes",
        (
            edited(WHOLE, ("name", "NAME"))
            .replace('"name"', r'"\u006eame"')
            .replace("NAME", r"\ud83d\ude00 \u00e9\/")
        ),
    )
    yield "letters", "text in other scripts", edited(WHOLE, ("name", "夜景 é 😀"), ("task", "ночь"))
    yield "one-line", "no white space", json.dumps(COMPLETE, separators=(",", ":"))
    yield "spaces", "tabs and both kinds of line ends", edited(COMPLETE).replace("\n ", "\r\n\t ")
    yield "deepest", f"{DEEPEST} levels", _nested(DEEPEST)
    yield "empty-key", "an empty key among the options", edited(WHOLE, ("options", {"": 0, "-": {}}))
    yield (
        "large-numbers",
        "numbers beyond 64 bits that nothing reads",
        edited(WHOLE, ("options", {"seed": 10**30, "small": 1e-300})),
    )


def not_manifests() -> Iterator[tuple[str, str, str | bytes]]:
    """Yield name, reason and content of what is no JSON object with a schema version."""
    whole = edited(WHOLE)
    yield "empty", "no content", ""
    yield "page", "a web page", "<!doctype html><title>404</title>\n"
    yield "cut-off", "the end is missing", whole[: len(whole) // 2]
    yield "rest-behind", "something behind the object", whole + "{}"
    yield "list", "a list", "[" + whole + "]"
    yield "number", "a number", "1\n"
    yield "null", "null", "null\n"
    yield "comment", "a comment", whole.replace("{", "{ // the artifact", 1)
    yield "last-comma", "a comma before the bracket", whole.replace("\n}", ",\n}")
    yield "single-quotes", "single quotes", whole.replace('"', "'")
    yield "line-end-in-text", "a line end within a string", whole.replace("lowlight-small", "low\nlight")
    yield "unknown-escape", "an escape that JSON does not have", whole.replace("lowlight-small", r"\x41")
    yield (
        "leading-zero",
        "a number with a leading zero",
        edited(WHOLE, ("steps", 12345)).replace("12345", "012"),
    )
    yield "hexadecimal", "a hexadecimal number", edited(WHOLE, ("steps", 12345)).replace("12345", "0x10")
    for name, text in (("nan", "NaN"), ("infinity", "-Infinity"), ("overflow", "1e400")):
        yield (
            name,
            f"a number that is none: {text}",
            edited(WHOLE, ("options", {"x": 12345})).replace("12345", text),
        )
    digits = "9" * 400
    yield (
        "digits",
        "an integer of 400 digits",
        edited(WHOLE, ("options", {"x": 12345})).replace("12345", digits),
    )
    yield "twice", "a key twice", whole.replace("{", '{"name": "first",', 1)
    yield "twice-escaped", "a key twice, once escaped", whole.replace("{", r'{"\u006eame": "first",', 1)
    twice = '"scale": 1, "scale": 2'
    yield "twice-inside", "a key twice in an inner object", whole.replace('"scale": 1', twice)
    yield (
        "twice-free",
        "a key twice among the options",
        edited(COMPLETE).replace('"cpu": "avx2"', '"cpu": "avx2", "cpu": "vnni"'),
    )
    yield "too-deep", f"{DEEPEST + 1} levels", _nested(DEEPEST + 1)
    yield "far-too-deep", "100000 levels", "[" * 100_000
    yield "byte-order-mark", "a byte order mark", b"\xef\xbb\xbf" + whole.encode()
    yield "utf-16", "UTF-16", whole.encode("utf-16")
    yield "latin-1", "not UTF-8", edited(WHOLE, ("name", "nuit é")).encode("latin-1")
    yield "overlong", "an overlong UTF-8 form", whole.encode().replace(b"lowlight-small", b"\xc0\xae")
    yield (
        "surrogate-bytes",
        "a surrogate as UTF-8",
        whole.encode().replace(b"lowlight-small", b"\xed\xa0\x80"),
    )
    yield "half-surrogate", "half of a surrogate pair", whole.replace("lowlight-small", r"\ud83d")
    yield "nul-byte", "a NUL byte behind the object", whole + "\0"
    for name, value in (
        ("gone", GONE), ("text", "1"), ("true", True), ("null", None), ("part", 1.5), ("zero", 0),
        ("negative", -1),
    ):  # fmt: skip
        yield (
            f"version-{name}",
            "schema_version is no whole number of at least 1",
            edited(WHOLE, ("schema_version", value)),
        )


def newer() -> Iterator[tuple[str, str, str | bytes]]:
    """Yield name, reason and content of what a later version wrote."""
    yield "next", "the next schema, with a key of its own", edited(WHOLE, ("schema_version", 2), ("news", 1))
    yield "far", "a schema beyond 64 bits", edited(WHOLE, ("schema_version", 10**30))
    yield "otherwise-empty", "nothing but its version", '{"schema_version": 99}'


FOLDERS = (
    ("as it was", "none", "model.onnx", "valid"),
    ("a file that the manifest does not name", "add", "notes.txt", "valid"),
    ("a link to a file of the folder", "link inside", "model.onnx", "valid"),
    ("a missing file", "remove", "model.onnx", "missing"),
    ("a folder in place of a file", "folder", "model.onnx", "missing"),
    ("an edited file", "edit", "model.onnx", "changed"),
    ("an emptied file", "empty", "model.onnx", "changed"),
    ("a link to a file elsewhere", "link out", "model.onnx", "outside"),
    ("a link to nothing", "link nowhere", "model.onnx", "missing"),
    ("a folder that is a link elsewhere", "link out", "golden", "outside"),
    ("a manifest that is a link elsewhere", "link out", "manifest.json", "outside"),
)
"""Name, what is done to the artifact of `valid/file-names.json`, to which path, and what is right then."""
