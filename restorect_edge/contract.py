"""The contract of a manifest, ``spec/README.md``: what is in it, and what is refused.

A manifest comes with an artifact from anywhere. C++, TypeScript and Swift read the same contract, and one
corpus, ``spec/manifests``, is taken and refused alike by all of them.
"""

import re
from collections.abc import Collection
from pathlib import Path
from typing import Any

from restorect_edge.errors import IncompatibleError
from restorect_edge.utils.strict_json import LARGEST, DamageError, shown, strict_json

__all__ = ["LARGEST", "MOST_GRAPHS", "OPTIONAL", "RANGES", "REQUIRED", "SCHEMA_VERSION", "path_fault", "read"]

SCHEMA_VERSION = 1
"""The newest manifest that is read, and the one that is written."""
MOST_GRAPHS = 256
RANGES = {
    "steps": (1, 65536),
    "spec.scale": (1, 16),
    "spec.size.minimum": (1, 4096),
    "spec.size.multiple_of": (1, 4096),
    "spec.halo": (0, 65536),
    "graphs.shape": (1, 65536),
    "prior.thumbnail": (1, 1024),
    "prior.pool": (1, 256),
}
"""Least and largest value of every number. Beyond these lie allocations that no device can make."""
REQUIRED = {
    "": {"schema_version", "name", "task", "target", "precision", "form", "spec", "graphs", "files"},
    "spec": {"scale", "size", "halo"},
    "spec.size": {"minimum", "multiple_of"},
    "graphs": {"role", "file"},
    "prior": {"thumbnail", "pool"},
}
"""Keys that each object must have, by its place."""
OPTIONAL = {
    "": {
        *{"prior", "steps", "input", "weights", "tools", "options", "created", "toolkit_version"},
        "verification",
    },
    "graphs": {"shape"},
    "prior": {"deviation"},
}
"""Keys that each object may have."""

_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


def read(content: bytes, source: Path) -> dict[str, Any]:
    """Return a manifest as plain data: whole numbers as `int`, optional keys left out where they were.

    Args:
        content: the file.
        source: its path, for errors.

    Raises:
        IncompatibleError: it is no manifest, a newer one, or damaged.
    """
    try:
        data = strict_json(content)
        version = _version(data)
    except DamageError as damage:
        raise IncompatibleError(f"'{source}' is not a manifest: {damage}; export again") from None
    # before all other checks: a newer manifest is no damaged one
    if version > SCHEMA_VERSION:
        raise IncompatibleError(
            f"'{source}' has schema version {version}, this restorect_edge reads up to {SCHEMA_VERSION}: "
            "upgrade restorect_edge, or export again with this version"
        )
    try:
        _check(data)
    except DamageError as damage:
        raise IncompatibleError(f"'{source}' is damaged: {damage}; export again") from None
    return {**data, "schema_version": version}


def path_fault(path: str) -> str | None:
    """Return what is wrong with the path of a file in an artifact, or None.

    What is refused leaves the folder on some system: absolute paths, parents, drives, backslashes.
    """
    if _CONTROL.search(path) or re.search(r"[\\:]", path):
        return "has a character that paths here do not have"
    if path == "manifest.json":
        return "is the manifest itself"
    for part in path.split("/"):
        if not part:
            return "is absolute or has an empty component"
        # '..' and '.' end in a dot. Windows drops dots and spaces at the end: '.. ' is a parent there.
        if part[-1] in ". ":
            return "has a component that ends in a dot or a space"
    return None


def _version(data: Any) -> int:
    found = data.get("schema_version") if isinstance(data, dict) else None
    version = _whole(found)
    if version is None or version < 1:
        raise DamageError("it has no schema_version")
    return version


def _check(data: dict[str, Any]) -> None:
    _object(data, "")
    for key in ("name", "task", "target", "precision", "form", "created", "toolkit_version"):
        if key in data:
            _text(data[key], key, empty=key in OPTIONAL[""])
    for key, named in (("input", ()), ("verification", ()), ("options", ("cpu",)), ("tools", None)):
        _texts(data, key, named)
    _texts(data, "weights", ("name", "sha256", "license", "licence"))
    if data.get("steps") is not None:
        _number(data, "steps", "steps")
    _spec(data["spec"])
    _graphs(data["graphs"])
    if data.get("prior") is not None:
        _prior(data["prior"], data["spec"]["size"]["multiple_of"])
    _form(data)
    _files(data)


def _spec(spec: Any) -> None:
    _object(spec, "spec")
    _object(spec["size"], "spec.size")
    _number(spec, "scale", "spec.scale")
    _number(spec["size"], "minimum", "spec.size.minimum")
    _number(spec["size"], "multiple_of", "spec.size.multiple_of")
    if spec["halo"] is not None:
        _number(spec, "halo", "spec.halo")


def _graphs(graphs: Any) -> None:
    if not isinstance(graphs, list) or not 1 <= len(graphs) <= MOST_GRAPHS:
        raise DamageError(f"graphs is no list of 1 to {MOST_GRAPHS} graphs")
    for graph in graphs:
        _object(graph, "graphs")
        if graph["role"] not in ("whole", "prior", "body"):
            raise DamageError("graphs.role is not known")
        if not isinstance(graph["file"], str):
            raise DamageError("graphs.file is no text")
        _path(graph["file"], "graphs.file")
        shape = graph.get("shape")
        if shape is None:
            continue
        if not isinstance(shape, list) or len(shape) != 2:
            raise DamageError("graphs.shape is no list of height and width")
        for side in range(2):
            _number(shape, side, "graphs.shape")


def _prior(prior: Any, multiple_of: int) -> None:
    _object(prior, "prior")
    _number(prior, "thumbnail", "prior.thumbnail")
    _number(prior, "pool", "prior.pool")
    # else the border of the padded image would cut blocks that the thumbnail is made of
    if multiple_of % prior["pool"]:
        raise DamageError("prior.pool does not divide spec.size.multiple_of")
    if not isinstance(prior.get("deviation", False), bool):
        raise DamageError("prior.deviation is no boolean")


def _form(data: dict[str, Any]) -> None:
    roles = [graph["role"] for graph in data["graphs"]]
    prior = data.get("prior") is not None
    if data["form"] == "whole":
        if {*roles} != {"whole"} or prior:
            raise DamageError("a whole artifact has another graph or a prior")
    elif data["form"] == "split":
        if "whole" in roles or roles.count("prior") != 1 or len(roles) == 1 or not prior:
            raise DamageError("a split artifact has one prior, described by 'prior', and at least one body")
    else:
        raise DamageError(f"form is {shown(data['form'])}, expected whole or split")


def _files(data: dict[str, Any]) -> None:
    files = data["files"]
    if not isinstance(files, dict):
        raise DamageError("files is no object")
    for name, digest in files.items():
        _path(name, "files")
        if not isinstance(digest, str) or not re.fullmatch("[0-9a-f]{64}", digest):
            raise DamageError(f"files.{shown(name)} is no sha256")
    for graph in data["graphs"]:
        # A Core ML package is a folder, whose files are hashed.
        if graph["file"] not in files and not any(name.startswith(graph["file"] + "/") for name in files):
            raise DamageError(f"no sha256 of {graph['file']}")


def _object(value: Any, place: str) -> None:
    name = place or "it"
    if not isinstance(value, dict):
        raise DamageError(f"{name} is no object")
    required = REQUIRED[place]
    for key in value.keys() - required - OPTIONAL.get(place, set()):
        raise DamageError(f"unknown key {shown(key)} in {name}")
    for key in sorted(required - value.keys()):
        raise DamageError(f"{name} lacks '{key}'")


def _text(value: Any, name: str, *, empty: bool) -> None:
    if not isinstance(value, str):
        raise DamageError(f"{name} is no text")
    if _CONTROL.search(value):
        raise DamageError(f"{name} has a control character")
    if not value and not empty:
        raise DamageError(f"{name} is empty")


def _texts(data: dict[str, Any], key: str, named: Collection[str] | None) -> None:
    """Refuse an object whose named values, or all of them where None is given, are no text."""
    if key not in data:
        return
    if not isinstance(data[key], dict):
        raise DamageError(f"{key} is no object")
    for name, value in data[key].items():
        if (named is None or name in named) and not isinstance(value, str):
            raise DamageError(f"{key}.{shown(name)} is no text")


def _path(path: str, name: str) -> None:
    if fault := path_fault(path):
        raise DamageError(f"{name} {shown(path)} {fault}")


def _number(values: Any, key: Any, name: str) -> None:
    """Check a number and store it as `int`."""
    least, most = RANGES[name]
    value = _whole(values[key])
    if value is None or not least <= value <= most:
        raise DamageError(f"{name} is {shown(values[key])}, expected a whole number from {least} to {most}")
    values[key] = value


def _whole(value: Any) -> int | None:
    """Return a whole number, or None. JSON has one kind of number: 8.0 is 8, and true is none."""
    # fractions, infinity and NaN differ from their floor
    if isinstance(value, bool) or not isinstance(value, (int, float)) or value != value // 1:
        return None
    return int(value)
