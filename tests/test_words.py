"""Comments, docstrings and messages are in the words of the field: the glossary of CONTRIBUTING.md."""

import ast
import io
import re
import tokenize
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "restorect_edge"
MODULES = sorted(PACKAGE.rglob("*.py"))
BRITISH = (
    r"(de)?quanti[s](e[drs]?|es|ing|ers?|ations?)",
    r"(normal|initial|optim|summar|serial|synchron|recogn)i[s](e[drs]?|es|ing|ations?)",
    r"colour(s|ed|ful|less)?",
    r"grey(s|ish)?",
    r"behaviours?",
    r"neighbour(s|ing|hoods?)?",
    r"centre[ds]?",
    r"licences?",
)
WORDS = (r"back[ -]ends?", r"mend(s|ed|ing)?", r"takes and gives", r"with free sides", *BRITISH)
"""The left column of the glossary, as regular expressions."""
NAMES = re.compile(r"``[^`]*``|`[^`]*`|https?://\S+|--[a-z-]+|[\w.]*[._(=][\w.]+")
"""What is spelled as code or a title has it."""
WORD = re.compile(rf"(?<![\w.])({'|'.join(WORDS)})(?![\w(=])", re.IGNORECASE)


def prose(source: str) -> Iterator[tuple[int, str]]:
    """Yield comments, and strings of more than a word: docstrings and messages; each with its line."""
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.COMMENT:
            yield token.start[0], token.string
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and " " in node.value.strip():
            yield node.lineno, node.value


def faults(source: str) -> list[str]:
    """Return the words of the left column that a module's prose has, each with its line."""
    return [
        f"line {line}: {found[0]}"
        for line, text in prose(source)
        for found in WORD.finditer(NAMES.sub("", text))
    ]


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_prose_has_the_words_of_the_field(path):
    assert faults(path.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize(
    "text",
    [
        "how to mend it",
        "a back end's name",
        "Back-end",
        "quantised",
        "Colour",
        "grey frames",
        "takes and gives",
    ],
)
def test_a_word_of_the_left_column_is_found(text):
    assert faults(f"# {text}\n")
    assert faults(f'"""the {text}"""\n')
    assert faults(f'raise ValueError(f"the {text} of {{name}}")\n')
    assert not faults(f"# `{text}` is a name\nx = {text.split()[-1]!r}\n")


def test_the_glossary_names_what_is_looked_for():
    table = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8").split("## Words")[1].split("## ")[0]
    left = " ".join(re.findall(r"^\| ([^|]+) \|", table, re.MULTILINE))
    assert all(re.search(word, left) for word in WORDS)
