"""``--config`` and ``--print-config``: files of options, for every verb that has more than a few."""

import argparse
import importlib
import sys
from pathlib import Path

import pytest

from restorect_edge.cli.command import Parser
from restorect_edge.errors import UsageError

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

VERBS = ["bench", "calibrate", "drift", "evaluate", "export", "run", "verify"]


@pytest.fixture
def parse(tmp_path):
    """`parse(content, *arguments)` parses arguments beside a file."""

    def parsed(content, *arguments):
        p = Parser("test", "A verb.", "  restorect-edge test\n")
        p.add_argument("inputs", nargs="+")
        p.add_argument("--data", "--calib-data", type=Path, required=True)
        p.add_argument("--num", type=int, default=128, help="of 100 %%")
        p.add_argument("--share", type=float)
        p.add_argument("--shapes")
        p.add_argument("--mean", type=float, nargs=3)
        p.add_argument("--names", nargs="+")
        p.add_argument("--mode", choices=("a", "b"))
        p.add_argument("--fast", action="store_true")
        p.add_argument("--dynamic", action=argparse.BooleanOptionalAction)
        file = tmp_path / "mine.toml"
        file.write_text(content, encoding="utf-8")
        return p.parse_args([*arguments, "--config", str(file)])

    return parsed


def test_the_command_line_wins_over_the_file_over_the_defaults(parse):
    found = parse('data = "pairs"\nshare = 1\nnum = 7\nfast = true', "x", "--num", "3")
    assert (found.data, found.share, found.num, found.fast, found.mode) == (Path("pairs"), 1.0, 3, True, None)
    assert found.configured == {"data", "share", "fast"}


def test_every_name_of_an_option_is_a_key(parse):
    assert parse('calib_data = "pairs"', "x").data == Path("pairs")


def test_lists(parse):
    found = parse('data = "d"\nshapes = ["4x6", "8x8"]\nmean = [0, 0.5, 1]\nnames = ["a"]', "x")
    assert (found.shapes, found.mean, found.names) == ("4x6,8x8", [0, 0.5, 1], ["a"])


def test_no_dynamic_is_an_option_of_the_command_line(parse):
    assert parse('data = "d"\ndynamic = true', "x").dynamic is True
    assert parse('data = "d"\ndynamic = true', "x", "--no-dynamic").dynamic is False


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
        ("data = 3", "must be a string, got 3"),
        ("num =", "cannot read the configuration"),
        ("", "the following arguments are required: --data"),
    ],
)
def test_bad_files_say_what_is_wrong(parse, content, message):
    with pytest.raises(UsageError, match=message):
        parse(content, "x")


def test_a_missing_file():
    with pytest.raises(UsageError, match=r"no configuration at 'none\.toml'"):
        Parser("test", "A verb.", "").parse_args(["--config", "none.toml"])


def test_what_is_printed_is_read_again(parse, capsys):
    with pytest.raises(SystemExit) as ended:
        parse("share = 0.5\nfast = true\nmean = [1, 2, 3]", "--print-config")
    assert ended.value.code == 0
    printed = capsys.readouterr().out
    assert "num = 128  # of 100 %" in printed.splitlines()
    assert "# data =" in printed
    found = parse(f'data = "d"\n{printed}', "x")
    assert (found.share, found.fast, found.mean, found.num) == (0.5, True, [1, 2, 3], 128)


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_prints_its_options(verb, capsys, tmp_path):
    """Without the inputs that it needs, and as a file that it takes."""
    module = importlib.import_module(f"restorect_edge.cli.{verb}")
    with pytest.raises(SystemExit) as ended:
        module.main(["--print-config"])
    assert ended.value.code == 0
    printed = capsys.readouterr().out
    assert tomllib.loads(printed)
    (tmp_path / "all.toml").write_text(printed, encoding="utf-8")
    with pytest.raises(SystemExit):
        module.main(["--config", str(tmp_path / "all.toml"), "--print-config"])
    assert capsys.readouterr().out == printed
