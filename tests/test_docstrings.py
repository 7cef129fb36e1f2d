"""Docstrings say which arguments and errors there are."""

import ast
import inspect
import re
from collections import defaultdict
from functools import cache
from pathlib import Path

import pytest

import restorect_edge

PACKAGE = Path(__file__).parents[1] / "restorect_edge"


@cache
def trees():
    return {path: ast.parse(path.read_text(encoding="utf-8")) for path in sorted(PACKAGE.rglob("*.py"))}


@cache
def classes():
    """The package's classes by name, of which several may have the same one."""
    found = defaultdict(list)
    for tree in trees().values():
        for node in ast.walk(tree):
            if isinstance(node, ast.ClassDef):
                found[node.name].append(node)
    return found


def public(tree):
    """Yield the functions and, with their class, the methods that have no underscore, listed or not."""
    for node in tree.body:
        if isinstance(node, ast.FunctionDef) and is_public(node):
            yield node, None
        if isinstance(node, ast.ClassDef) and node.name[0] != "_":
            yield from ((m, node) for m in node.body if isinstance(m, ast.FunctionDef) and is_public(m))


def is_public(function):
    """Whether a function is for others to call, and not an operation of MIL, which Apple documents."""
    return function.name[0] != "_" and not overload(function) and not is_mil_operation(function)


def is_mil_operation(function):
    return any(ast.unparse(decorator) == "op()" for decorator in function.decorator_list)


def overload(node):
    return any(ast.unparse(decorator) == "overload" for decorator in node.decorator_list)


def inherited(method, owner):
    """Whether a base class of the package, or a library's that is called so, says what the method is."""
    bases = [ast.unparse(base).split("[")[0].split(".")[-1] for base in owner.bases] if owner else []
    found = [node for base in bases for node in classes().get(base, ())]
    own = any(
        m.name == method.name and ast.get_docstring(m)
        for c in found
        for m in c.body
        if isinstance(m, ast.FunctionDef)
    )
    return own or any(inherited(method, base) for base in found)


def arguments(function):
    a = function.args
    every = [*a.posonlyargs, *a.args, a.vararg, *a.kwonlyargs, a.kwarg]
    own = {"self"} | (
        {"cls"} if any(ast.unparse(d) == "classmethod" for d in function.decorator_list) else set()
    )
    return [x.arg for x in every if x is not None and x.arg not in own]


def listed_arguments(doc):
    """Return the names of an ``Args:`` section, those of several before one colon as well."""
    section = re.search(r"^ *Args:\n((?: {4,}.*\n|\n)*)", doc + "\n", re.M)
    if section is None:
        return None
    lines = section[1].splitlines()
    depth = min(len(line) - len(line.lstrip()) for line in lines if line.strip())
    heads = [line.strip() for line in lines if line.strip() and len(line) - len(line.lstrip()) == depth]
    return [name.strip().lstrip("*") for head in heads for name in head.partition(":")[0].split(",")]


def raised(function):
    """Return the errors that a function itself raises and lets out, by name."""
    caught = {
        id(n)
        for t in ast.walk(function)
        if isinstance(t, ast.Try) and t.handlers
        for b in t.body
        for n in ast.walk(b)
    }
    nodes = [
        n
        for n in ast.walk(function)
        if isinstance(n, ast.Raise) and isinstance(n.exc, ast.Call) and id(n) not in caught
    ]
    names = {ast.unparse(node.exc.func).split(".")[-1] for node in nodes}
    return {
        "UsageError" if name == "unknown_name" else name
        for name in names
        if name.endswith("Error") or name == "unknown_name"
    }


ALONE = PACKAGE / "targets/tensorrt/build_engine.py"
"""A program by itself, all of whose errors are `EngineError`."""
PATHS = [pytest.param(path, id=path.relative_to(PACKAGE).as_posix()) for path in trees() if path != ALONE]


@pytest.mark.parametrize("path", PATHS)
def test_everything_public_has_a_docstring(path):
    without = [
        f.name for f, owner in public(trees()[path]) if not ast.get_docstring(f) and not inherited(f, owner)
    ]
    assert not without


@pytest.mark.parametrize("path", PATHS)
def test_args_sections_name_the_arguments(path):
    for function, _ in public(trees()[path]):
        found = listed_arguments(ast.get_docstring(function) or "")
        if found is not None and arguments(function) != ["asked"]:
            assert sorted(found) == sorted(arguments(function)), function.name


@pytest.mark.parametrize("path", PATHS)
def test_errors_that_are_raised_are_named(path):
    for function, owner in public(trees()[path]):
        doc = ast.get_docstring(function) or ""
        if doc or not inherited(function, owner):
            missing = {e for e in raised(function) if e not in doc and "raises as" not in doc.lower()}
            assert not missing, function.name


def mentioned(name, doc):
    """Whether a docstring has a name as code, or followed by its shape: ``z (N, latent, 1, 1)``."""
    return f"`{name}`" in doc or re.search(rf"\b{name} \(", doc)


@pytest.mark.parametrize("path", PATHS)
def test_every_argument_of_two_or_more_is_named(path):
    for function, owner in public(trees()[path]):
        doc, names = ast.get_docstring(function) or "", arguments(function)
        if len(names) < 2 or names == ["asked"] or inherited(function, owner):
            continue
        if "arguments are those of" in doc.lower():
            continue
        listed = listed_arguments(doc)
        missing = [n for n in names if not mentioned(n, doc)] if listed is None else set(names) ^ set(listed)
        assert not missing, function.name


@pytest.mark.parametrize("name", [n for n in restorect_edge.__all__ if not n.startswith("_")])
def test_the_public_api_names_every_argument(name):
    found = getattr(restorect_edge, name)
    own = found if not inspect.ismodule(found) else found.__wrapped__
    members = (
        [own]
        if not inspect.isclass(own)
        else [member for key, member in vars(own).items() if inspect.isfunction(member) and key[0] != "_"]
    )
    for member in members:
        doc = inspect.getdoc(member) or ""
        names = [n for n in inspect.signature(member).parameters if n != "self"]
        if "asked:" not in doc:
            assert not [n for n in names if not re.search(rf"\b{n}\b", doc)], member.__name__
