"""``--config`` and ``--print-config``: files of options, for every verb."""

import importlib
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from restorect_edge.cli.options.parser import Parser
from restorect_edge.cli.train import KINDS
from restorect_edge.cli.verbs import VERBS
from restorect_edge.errors import UsageError
from restorect_edge.export.shapes import parse_shapes, written_shapes
from restorect_edge.utils.options import argument, option

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

COMMANDS = [*([verb] for verb in VERBS if verb != "train"), *(["train", kind] for kind in KINDS), ["compare"]]


@dataclass(frozen=True, kw_only=True)
class Options:
    inputs: tuple[str, ...] = argument()
    """What is read."""
    calib_data: Path = option(metavar="DIR")
    """Photographs."""
    num: int = option(128, "--number")
    """Out of 100 %."""
    share: float | None = None
    """Of them."""
    shapes: list[tuple[int, int]] | None = option(
        None, parse=parse_shapes, write=written_shapes, replaces=("dynamic",)
    )
    """Sizes."""
    mean: tuple[float, float, float] | None = None
    """Of each channel."""
    names: tuple[str, ...] = ()
    """Of files."""
    mode: str | None = option(None, choices=("a", "b"))
    """How."""
    fast: bool = False
    """Without a check."""
    dynamic: bool | None = option(None, replaces=("shapes",))
    """Any size."""


@pytest.fixture
def parse(tmp_path):
    """`parse(content, *arguments)` parses arguments beside a file."""

    def parsed(content, *arguments):
        file = tmp_path / "mine.toml"
        file.write_text(content, encoding="utf-8")
        parser = Parser("test", "A verb.", "  restorect-edge test\n", Options)
        return parser.parse_args([*arguments, "--config", str(file)])

    return parsed


def test_the_command_line_wins_over_the_file_over_the_defaults(parse):
    found = parse('calib_data = "pairs"\nshare = 1\nnum = 7\nfast = true', "x", "--num", "3")
    assert (found.calib_data, found.share, found.num, found.fast, found.mode) == (
        Path("pairs"),
        1.0,
        3,
        True,
        None,
    )


def test_every_name_of_an_option_is_a_key(parse):
    assert parse('calib_data = "pairs"\nnumber = 5', "x").num == 5


def test_lists(parse):
    found = parse('calib_data = "d"\nshapes = ["4x6", "8x8"]\nmean = [0, 0.5, 1]\nnames = ["a"]', "x")
    assert (found.shapes, found.mean, found.names) == ([(4, 6), (8, 8)], (0, 0.5, 1), ("a",))


def test_no_dynamic_is_an_option_of_the_command_line(parse):
    assert parse('calib_data = "d"\ndynamic = true', "x").dynamic is True
    assert parse('calib_data = "d"\ndynamic = true', "x", "--no-dynamic").dynamic is False


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("nmu = 3", r"unknown key in .*mine\.toml' 'nmu'.*did you mean 'num'"),
        ("config = 'x'", "unknown key"),
        ("num = '3'", r"'num' in .*mine\.toml' must be a whole number, got '3'"),
        ("num = true", "must be a whole number, got True"),
        ("share = '1'", "must be a number, got '1'"),
        ("fast = 1", "must be true or false, got 1"),
        ("dynamic = 'yes'", "must be true or false, got 'yes'"),
        ("mode = 'c'", "must be one of a, b, got 'c'"),
        ("mean = [1, 2]", r"must be a list of 3, got \[1, 2\]"),
        ("names = 'a'", "must be a list, got 'a'"),
        ("calib_data = 3", "must be a string, got 3"),
        ("num =", "cannot read the configuration"),
        ("", "the following arguments are required: --calib-data"),
    ],
)
def test_bad_files_say_what_is_wrong(parse, content, message):
    with pytest.raises(UsageError, match=message):
        parse(content, "x")


def test_a_missing_file():
    with pytest.raises(UsageError, match=r"no configuration at 'none\.toml'"):
        Parser("test", "A verb.", "", Options).parse_args(["x", "--config", "none.toml"])


def test_what_is_printed_is_read_again(parse, capsys):
    with pytest.raises(SystemExit) as ended:
        parse("share = 0.5\nfast = true\nmean = [1, 2, 3]", "--print-config")
    assert ended.value.code == 0
    printed = capsys.readouterr().out
    assert "num = 128  # Out of 100 %; default 128" in printed.splitlines()
    assert "# calib_data =" in printed
    found = parse(f'calib_data = "d"\n{printed}', "x")
    assert (found.share, found.fast, found.mean, found.num) == (0.5, True, (1, 2, 3), 128)


def test_a_size_on_the_command_line_is_instead_of_a_recipes_other_one(parse):
    found = parse('calib_data = "d"\nshapes = "4x6"', "x", "--dynamic")
    assert (found.shapes, found.dynamic) == (None, True)
    found = parse('calib_data = "d"\ndynamic = true', "x", "--shapes", "4x6")
    assert (found.shapes, found.dynamic) == ([(4, 6)], None)
    assert parse('calib_data = "d"\nshapes = "4x6"', "x", "--no-dynamic").shapes == [(4, 6)]


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_every_verb_prints_its_options(words, capsys, tmp_path):
    """Without the inputs that it needs, and as a file that it takes."""
    verb, *kind = words
    module = importlib.import_module(f"restorect_edge.cli.{verb}")
    with pytest.raises(SystemExit) as ended:
        module.main([*kind, "--print-config"])
    assert ended.value.code == 0
    printed = capsys.readouterr().out
    assert tomllib.loads(printed)
    (tmp_path / "all.toml").write_text(printed, encoding="utf-8")
    with pytest.raises(SystemExit):
        module.main([*kind, "--config", str(tmp_path / "all.toml"), "--print-config"])
    assert capsys.readouterr().out == printed
