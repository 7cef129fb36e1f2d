"""Names, defaults and errors are one set in all languages: the table of `spec/README.md`, by the sources."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SOURCES = {
    "Python": (*ROOT.glob("restorect_edge/inference/**/*.py"), ROOT / "restorect_edge/errors.py",
               ROOT / "restorect_edge/media/frames.py", ROOT / "restorect_edge/media/video/color.py"),
    "C++": tuple(ROOT.glob("runtimes/cpp/include/restorect/*.hpp")),
    "TypeScript": tuple(ROOT.glob("runtimes/web/src/*.ts")),
    "Kotlin": tuple(ROOT.glob("runtimes/android/core/src/main/**/*.kt")),
    "Swift": tuple(ROOT.glob("runtimes/swift/Sources/RestorectKit/*.swift")),
}  # fmt: skip
"""Where each language declares what its users see."""
DEFAULTS = {
    "Python": (r"prior_every: int = (\S+),", r"smooth: float = (\S+),"),
    "C++": (r"int prior_every = (\S+);", r"double smooth = (\S+);"),
    "TypeScript": (r"priorEvery = (\d+)", r"smooth = (\d+)"),
    "Kotlin": (r"priorEvery: Int = (\d+)", r"smooth: Float = (\S+)f"),
    "Swift": (r"priorEvery: Int = (\d+)", r"smooth: Float = (\d+)"),
}


def table():
    text = (ROOT / "spec" / "README.md").read_text(encoding="utf-8")
    rows = text.split("## Names, defaults and errors")[1].split("| what |")[1].splitlines()[2:]
    return [[cell.strip() for cell in row.strip("|").split("|")] for row in rows if row.startswith("|")]


def source(language):
    return "\n".join(path.read_text(encoding="utf-8") for path in SOURCES[language])


@pytest.mark.parametrize("column", range(5), ids=SOURCES)
def test_the_names_of_the_table_are_declared(column):
    language = list(SOURCES)[column]
    text, rows = source(language), table()
    assert len(rows) >= 11
    names = [name for row in rows for name in re.findall(r"`(\w+)`", row[1 + column])]
    assert not [name for name in names if not re.search(rf"\b{name}\b", text)]


def test_what_is_no_error_is_called_alike_in_all_languages():
    """Casing apart. Every file of Kotlin imports java.lang.Runtime, so that it has another name there."""
    for what, *cells in table():
        names = {tuple(re.findall(r"`(\w+)`", cell.lower().replace("_", ""))) for cell in cells} - {()}
        assert what.startswith("error") or len(names - {("restorer",)}) == 1, what


@pytest.mark.parametrize("language", SOURCES)
@pytest.mark.parametrize("row", range(2))
def test_classes_of_the_table_are_classes(language, row):
    (name,) = re.findall(r"`(\w+)`", table()[row][1 + list(SOURCES).index(language)])
    assert re.search(rf"(?m)^[\w ]*\bclass (RESTORECT_API )?{name}\b", source(language))


@pytest.mark.parametrize("language", DEFAULTS)
def test_videos_have_the_defaults_of_the_table(language):
    text = source(language)
    for pattern, expected in zip(DEFAULTS[language], (1, 0), strict=True):
        found = re.findall(pattern, text)
        assert found
        assert {float(value) for value in found} == {expected}


def test_a_raw_frame_is_bt601_and_limited():
    assert re.search(r'matrix: str = "bt601"\n', source("Python"))
    assert "Matrix matrix = Matrix::bt601;" in source("C++")
    assert "Range range = Range::limited;" in source("C++")
    assert 'frame.matrix ?? "bt601", frame.range ?? "limited"' in source("TypeScript")
    assert 'val matrix: String = "bt601"' in source("Kotlin")
    assert 'val range: String = "limited"' in source("Kotlin")
