"""Recipes: an export of every one in the repository, and what wins over them; sizes as they are typed."""

import json
import sys
from pathlib import Path

import pytest

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

from restorect_edge.cli.export import main
from restorect_edge.errors import UsageError
from restorect_edge.export.shapes import parse_shapes

ROOT = Path(__file__).parents[2]
RECIPES = sorted((ROOT / "export").glob("*.toml"))


def test_there_are_recipes():
    assert len(RECIPES) >= 4


@pytest.mark.parametrize("path", RECIPES, ids=lambda path: path.stem)
def test_recipe_exports(path, tmp_path, capsys):
    """As written but for its sizes, which would make the suite slow without testing more."""
    recipe = tomllib.loads(path.read_text(encoding="utf-8"))
    shapes = []
    if "shapes" in recipe:
        # a tile must be larger than its halos
        height, width = (160, 168) if recipe.get("form") == "split" else (64, 96)
        sizes = [f"{height}x{width + 8 * index}" for index in range(len(recipe["shapes"]))]
        shapes = ["--shapes", ",".join(sizes)]
    assert main(["--recipe", str(path), *shapes, "-o", str(tmp_path), "--json"]) == 0
    (row,) = json.loads(capsys.readouterr().out)["artifacts"]
    assert row["verification"]["status"] == "pass"
    assert row["target"] == recipe["target"]


def test_the_command_line_wins_over_the_recipe(tmp_path, capsys):
    recipe = tmp_path / "mine.toml"
    recipe.write_text('target = "openvino"\nshapes = ["64x96"]\n')
    assert main(["--recipe", str(recipe), "--target", "onnx", "--dry-run", "-o", str(tmp_path)]) == 0
    assert capsys.readouterr().out.strip().endswith("lowlight-small-onnx-fp32-64x96")


def test_free_sides_are_instead_of_the_sizes_of_the_recipe(tmp_path, capsys):
    recipe = tmp_path / "mine.toml"
    recipe.write_text('target = "onnx"\nshapes = ["64x96"]\n')
    assert main(["--recipe", str(recipe), "--dynamic", "--dry-run", "-o", str(tmp_path)]) == 0
    assert capsys.readouterr().out.strip().endswith("-dynamic")
    assert main(["--target", "onnx", "--shapes", "64x96", "--dynamic", "--dry-run"]) == 1


def test_shapes_are_height_by_width():
    assert parse_shapes("400x600,720X1280") == [(400, 600), (720, 1280)]


@pytest.mark.parametrize("text", ["400", "400x", "x600", "0x600", "-4x8", "400x600,", "a×b"])
def test_bad_shapes(text):
    with pytest.raises(UsageError, match="not a shape; write height x width"):
        parse_shapes(text)
