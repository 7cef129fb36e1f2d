"""Recipes: parsing, errors, and an export of every one in the repository."""

from pathlib import Path

import pytest

from restorect_edge.cli.export import main
from restorect_edge.errors import UsageError
from restorect_edge.export import export
from restorect_edge.export.recipe import parse_shapes, read_recipe

ROOT = Path(__file__).parents[2]
RECIPES = sorted((ROOT / "export").glob("*.toml"))


def test_there_are_recipes():
    assert len(RECIPES) >= 4


@pytest.mark.parametrize("path", RECIPES, ids=lambda path: path.stem)
def test_recipe_exports(path, tmp_path):
    """As written but for its sizes, which would make the suite slow without testing more."""
    options = read_recipe(path)
    if "shapes" in options:
        # a tile must be larger than its halos
        height, width = (160, 168) if options.get("form") == "split" else (64, 96)
        options["shapes"] = [(height, width + 8 * index) for index in range(len(options["shapes"]))]
    artifact = export(options.pop("weights", "lowlight-small"), output_dir=tmp_path, **options)
    assert artifact.manifest.verification["status"] == "pass"


def test_the_command_line_wins_over_the_recipe(tmp_path, capsys):
    recipe = tmp_path / "mine.toml"
    recipe.write_text('target = "openvino"\nshapes = ["64x96"]\n')
    assert main(["--recipe", str(recipe), "--target", "onnx", "--dry-run", "-o", str(tmp_path)]) == 0
    assert capsys.readouterr().out.strip().endswith("lowlight-small-onnx-fp32-64x96")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ('targt = "onnx"', r"unknown key in .* 'targt'.*did you mean 'target'"),
        ('steps = "4"', r"'steps' in .* must be a int, got '4'"),
        ("target = onnx", "cannot read the recipe"),
        ('shapes = ["64by96"]', "not a shape"),
    ],
)
def test_bad_recipes_say_what_is_wrong(tmp_path, content, message):
    path = tmp_path / "bad.toml"
    path.write_text(content)
    with pytest.raises(UsageError, match=message):
        read_recipe(path)


def test_missing_recipe(tmp_path):
    with pytest.raises(UsageError, match="no recipe at"):
        read_recipe(tmp_path / "none.toml")


def test_shapes_are_height_by_width():
    assert parse_shapes("400x600,720X1280") == [(400, 600), (720, 1280)]


@pytest.mark.parametrize("text", ["400", "400x", "x600", "0x600", "-4x8", "400x600,", "a×b"])
def test_bad_shapes(text):
    with pytest.raises(UsageError, match="not a shape; write height x width"):
        parse_shapes(text)
