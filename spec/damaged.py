"""The cases of the corpus that are manifests of this schema with one thing wrong."""

import json
from collections.abc import Iterator
from copy import deepcopy
from typing import Any

from cases import COMPLETE, GONE, SPLIT, WHOLE, edited, hashes

KEYS = ("name", "task", "target", "precision", "form", "spec", "graphs", "files")
TEXTS = ("name", "task", "target", "precision", "form", "created", "toolkit_version")
OBJECTS = ("spec", "input", "weights", "tools", "options", "verification", "files")
RANGES = {
    "spec/scale": (1, 16),
    "spec/size/minimum": (1, 4096),
    "spec/size/multiple_of": (1, 4096),
    "spec/halo": (0, 65536),
    "graphs/1/shape/0": (1, 65536),
    "prior/thumbnail": (1, 1024),
    "prior/pool": (1, 256),
    "steps": (1, 65536),
}
"""Least and largest value of every number."""
BEYOND_SCHEMA = (
    "pool-does-not-divide", "pool-larger", "graph-without-hash", "graph-beside-folder", "graph-constructor"
)  # fmt: skip
"""Of the damaged ones, those that JSON Schema cannot tell."""
PATHS = {
    "empty": "",
    "parent": "../model.onnx",
    "parent-inside": "golden/../../model.onnx",
    "parent-at-the-end": "golden/..",
    "itself": ".",
    "itself-inside": "golden/./model.onnx",
    "absolute": "/etc/passwd",
    "network": "//server/share/model.onnx",
    "backslash": "..\\model.onnx",
    "backslash-inside": "golden\\model.onnx",
    "drive": "C:/model.onnx",
    "drive-relative": "c:model.onnx",
    "stream": "model.onnx:hidden",
    "address": "https://example.org/model.onnx",
    "slash-at-the-end": "golden/",
    "slashes": "golden//model.onnx",
    "space-at-the-end": "golden/.. /model.onnx",
    "dot-at-the-end": "golden/.../model.onnx",
    "nul": "model.onnx\0.png",
    "line-end": "model.onnx\n",
    "escape": "\x1b[2Jmodel.onnx",
    "manifest": "manifest.json",
}
"""Paths that no file of an artifact has, whatever the system."""


def damaged() -> Iterator[tuple[str, str, str | bytes]]:
    """Yield name, reason and content of manifests of this schema that are wrong."""
    for key in KEYS:
        yield f"without-{key}", f"{key} is missing", edited(WHOLE, (key, GONE))
    for place in ("spec/scale", "spec/size", "spec/size/minimum", "spec/size/multiple_of", "spec/halo"):
        yield f"without-{_slug(place)}", f"{place} is missing", edited(WHOLE, (place, GONE))
    for place in ("graphs/0/role", "graphs/0/file", "prior/thumbnail", "prior/pool"):
        yield f"without-{_slug(place)}", f"{place} is missing", edited(SPLIT, (place, GONE))
    for place in ("", "spec/", "spec/size/", "graphs/1/", "prior/"):
        yield (
            f"unknown-{_slug(place) or 'key'}",
            f"an unknown key in {place or 'it'}",
            edited(SPLIT, (f"{place}surprise", None)),
        )
    yield "unknown-proto", "a key that JavaScript's objects have", edited(WHOLE, ("__proto__", {"files": {}}))
    yield "unknown-case", "a key in other letters", edited(WHOLE, ("Steps", 4))
    yield from _types()
    yield from _numbers()
    yield from _contradictions()
    for name, path in PATHS.items():
        yield (
            f"file-{name}",
            "a path that leaves the folder or is none, hashed",
            edited(WHOLE, ("files", {**WHOLE["files"], path: "0" * 64})),
        )
        yield (
            f"graph-{name}",
            "a path that leaves the folder or is none, of a graph",
            edited(WHOLE, ("graphs/0/file", path), ("files", {path: "0" * 64})),
        )


def _types() -> Iterator[tuple[str, str, str | bytes]]:
    for key in TEXTS:
        yield f"{key}-number", f"{key} is no text", edited(COMPLETE, (key, 7))
    for key in OBJECTS:
        yield f"{key}-list", f"{key} is no object", edited(COMPLETE, (key, []))
        yield f"{key}-null", f"{key} is null", edited(COMPLETE, (key, None))
    for place, value in (
        ("graphs", {}), ("graphs", None), ("graphs", []), ("graphs/0", "model.onnx"), ("graphs/0/role", None),
        ("graphs/0/file", ["model.onnx"]), ("graphs/0/shape", 64), ("graphs/0/shape", [64]),
        ("graphs/0/shape", [64, 96, 3]), ("graphs/0/shape", []), ("graphs/0/shape", {"height": 64}),
        ("prior", []), ("prior", 4), ("spec/size", 8), ("files/model.onnx", None), ("tools/torch", 2.13),
        ("options/cpu", 1), ("weights/name", 1), ("weights/sha256", False), ("weights/license", ["MIT"]),
        ("weights/licence", ["MIT"]),
    ):  # fmt: skip
        kind = "-".join(_words(value))
        yield f"{_slug(place)}-{kind}", f"{place} is {json.dumps(value)}", edited(COMPLETE, (place, value))
    for value in (1, "true", None):
        name = "-".join(_words(value))
        yield (
            f"prior-deviation-{name}",
            "prior/deviation is no boolean",
            edited(SPLIT, ("prior/deviation", value)),
        )


def _numbers() -> Iterator[tuple[str, str, str | bytes]]:
    base = _sized()
    for place, (least, most) in RANGES.items():
        wrong = {
            "below": least - 1,
            "above": most + 1,
            "negative": -8,
            "huge": 10**18,
            "beyond-64-bits": 1e30,
        }
        for name, value in {**wrong, "part": 8.5, "text": "8", "true": True}.items():
            # So that the pool is the only thing wrong: 257 has to divide the multiple.
            fits = (("spec/size/multiple_of", 8 * value),) if (place, name) == ("prior/pool", "above") else ()
            yield (
                f"{_slug(place)}-{name}",
                f"{place} is {json.dumps(value)}",
                edited(base, (place, value), *fits),
            )


def _sized() -> dict[str, Any]:
    data = deepcopy(SPLIT)
    data["graphs"][1]["shape"] = [64, 96]
    return data


def _contradictions() -> Iterator[tuple[str, str, str | bytes]]:
    yield "pool-does-not-divide", "pool does not divide multiple_of", edited(SPLIT, ("prior/pool", 3))
    yield "pool-larger", "pool is larger than multiple_of", edited(SPLIT, ("prior/pool", 16))
    yield "form-unknown", "form is neither whole nor split", edited(WHOLE, ("form", "tiled"))
    yield "role-unknown", "a role that is none", edited(WHOLE, ("graphs/0/role", "head"))
    yield (
        "role-constructor",
        "a role that JavaScript's objects have",
        edited(WHOLE, ("graphs/0/role", "constructor")),
    )
    yield "split-without-body", "a split artifact without a body", edited(SPLIT, ("graphs/1", GONE))
    yield "split-without-prior", "a split artifact without a prior", edited(SPLIT, ("graphs/0", GONE))
    yield (
        "split-without-thumbnail",
        "a split artifact that does not describe its prior",
        edited(SPLIT, ("prior", None)),
    )
    yield "split-with-whole", "a split artifact with a whole graph", edited(SPLIT, ("graphs/1/role", "whole"))
    yield (
        "split-with-two-priors",
        "a split artifact with two priors",
        edited(SPLIT, ("graphs", [SPLIT["graphs"][0], *SPLIT["graphs"]])),
    )
    yield "whole-with-body", "a whole artifact with a body", edited(WHOLE, ("graphs/0/role", "body"))
    yield (
        "whole-with-prior",
        "a whole artifact that describes a prior",
        edited(WHOLE, ("prior", SPLIT["prior"])),
    )
    yield "graph-without-hash", "a graph without a sha256", edited(WHOLE, ("files", {}))
    yield (
        "graph-beside-folder",
        "a graph whose name only begins like a hashed folder",
        edited(WHOLE, ("graphs/0/file", "model.ml"), ("files", hashes("model.mlpackage/Manifest.json"))),
    )
    yield (
        "graph-constructor",
        "a graph named like what JavaScript's objects have",
        edited(WHOLE, ("graphs/0/file", "constructor")),
    )
    yield "graphs-too-many", "257 graphs", edited(WHOLE, ("graphs", WHOLE["graphs"] * 257))
    for name, digest in (
        ("short", "abc"), ("upper-case", "A" * 64), ("long", "0" * 65), ("no-hex", "g" * 64), ("empty", ""),
        ("line-end", "0" * 64 + "\n"),
    ):  # fmt: skip
        yield f"hash-{name}", "a sha256 that is none", edited(WHOLE, ("files/model.onnx", digest))
    for name in ("name", "task", "target", "precision", "created", "toolkit_version"):
        yield f"{name}-escape", f"{name} has a control character", edited(COMPLETE, (name, "a\x1b[31mb"))
    for name in ("name", "task", "target", "precision"):
        yield f"{name}-empty", f"{name} is empty", edited(WHOLE, (name, ""))
    yield "name-delete", "name has a control character", edited(WHOLE, ("name", "a\x7f"))


def _slug(place: str) -> str:
    return place.strip("/").replace("/", "-").replace(".", "-").replace("_", "-")


def _words(value: Any) -> list[str]:
    kind = {list: ["list"], dict: ["object"], str: ["text"]}.get(type(value), [])
    return kind + "".join(c if c.isalnum() else " " for c in json.dumps(value)).split()
