"""The frame of every command: exit codes and what is shown."""

import errno
import importlib
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from restorect_edge import errors
from restorect_edge.cli import run as run_verb
from restorect_edge.cli import verbs
from restorect_edge.cli.command import INTERRUPTED, PIPE_CLOSED, run
from restorect_edge.cli.options.parser import Parser
from restorect_edge.utils.options import argument, option


@dataclass(frozen=True, kw_only=True)
class Numbered:
    number: int = argument()
    output: str | None = option(None)


@dataclass(frozen=True, kw_only=True)
class Habitual:
    overwrite: str | None = option(None)
    precision: str | None = option(None)
    shapes: str | None = option(None)


@pytest.fixture
def parser():
    return Parser("test", "A verb.", "  restorect-edge test 3\n", Numbered)


def raising(error):
    def main(args):
        raise error

    return main


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (errors.RestorectError("broken"), 1),
        (errors.UsageError("broken"), 1),
        (errors.QualityError("broken"), 2),
        (errors.IncompatibleError("broken"), 4),
        (errors.BackendError("broken"), 5),
    ],
)
def test_own_errors_are_one_line_and_their_exit_code(parser, capsys, error, code):
    assert run(raising(error), parser, ["1"]) == code
    assert capsys.readouterr() == ("", "error: broken\n")


def test_a_missing_dependency_names_its_extra(parser, capsys):
    assert run(raising(errors.MissingDependencyError("flying", "wings")), parser, ["1"]) == 3
    assert "pip install 'restorect-edge[wings]'" in capsys.readouterr().err


def test_a_long_message_stays_one_line(parser, capsys):
    run(raising(errors.BackendError("first\nsecond")), parser, ["1"])
    assert capsys.readouterr().err == "error: first second\n"


def test_the_code_of_the_body_is_the_exit_code(parser):
    assert run(lambda args: args.number, parser, ["7"]) == 7


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["x"], "invalid int value: 'x'"),
        ([], "required: number"),
        (["1", "--outptu", "x"], "unrecognized arguments: --outptu"),
        (["1", "--out", "x"], "unrecognized arguments: --out"),
    ],
)
def test_wrong_arguments_exit_with_1_and_point_to_help(parser, capsys, arguments, message):
    assert run(raising(AssertionError), parser, arguments) == 1
    out, err = capsys.readouterr()
    assert out == ""
    assert message in err
    assert err.startswith("error: ")
    assert err.endswith("see: restorect-edge test --help\n")


def test_help_shows_the_examples_and_exits_with_0(parser, capsys):
    with pytest.raises(SystemExit, match="0"):
        run(raising(AssertionError), parser, ["--help"])
    assert "examples:\n  restorect-edge test 3\n" in capsys.readouterr().out


def test_an_interrupt_is_a_clean_130(parser, capsys):
    assert run(raising(KeyboardInterrupt()), parser, ["1"]) == INTERRUPTED
    assert capsys.readouterr().err == "interrupted\n"


def test_a_library_that_fails_while_it_is_interrupted_is_a_clean_130(parser, capsys):
    def body(args):
        try:
            raise KeyboardInterrupt
        finally:
            {}["lock"]

    assert run(body, parser, ["1"]) == INTERRUPTED
    assert capsys.readouterr().err == "interrupted\n"


def test_a_library_that_is_interrupted_while_it_is_imported_is_not_called_missing(parser, capsys):
    def body(args):
        try:
            try:
                raise KeyboardInterrupt
            except KeyboardInterrupt as stop:
                raise ImportError("initialization failed") from stop
        except ImportError as error:
            raise errors.MissingDependencyError("flying", "wings") from error

    assert run(body, parser, ["1"]) == INTERRUPTED
    assert capsys.readouterr().err == "interrupted\n"


@pytest.mark.parametrize("name", ["album/a.jpg", "caf\u00e9.jpg".encode(), Path("a.jpg")])
def test_what_the_system_says_of_a_file_is_one_line(parser, capsys, name):
    error = OSError(errno.EIO, "Input/output error", name)
    assert run(raising(error), parser, ["1"]) == 1
    assert capsys.readouterr().err == f"error: cannot use '{os.fsdecode(name)}': Input/output error\n"


TOO_LONG = "a" * 300 + ".jpg"


@pytest.mark.parametrize(
    "command",
    [
        ["run", TOO_LONG],
        ["run", "lowlight-nano", TOO_LONG],
        ["evaluate", "lowlight-nano", "--data", TOO_LONG],
        ["calibrate", "--data", TOO_LONG],
        ["bench", "lowlight-nano", "--shapes", "64x96", "-o", TOO_LONG],
        ["inspect", TOO_LONG],
        ["verify", TOO_LONG],
    ],
    ids=lambda command: command[0],
)
def test_a_name_that_no_file_can_have_is_one_line(capsys, command):
    module = importlib.import_module(verbs.VERBS[command[0]].module)
    assert module.main(command[1:]) in (1, 4)
    (line,) = [line for line in capsys.readouterr().err.splitlines() if not line.startswith("license")]
    assert line.startswith("error: ")
    assert TOO_LONG in line


def test_an_error_that_is_not_of_the_system_is_a_defect(parser):
    with pytest.raises(OSError, match="no number"):
        run(raising(OSError("no number")), parser, ["1"])


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="only Linux has a disk that is always full")
def test_a_full_disk_behind_standard_output_is_one_line():
    command = [sys.executable, "-c", CHATTY, "1"]
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True, timeout=60)
    assert (done.returncode, done.stderr) == (1, "error: cannot read or write: No space left on device\n")


def test_a_defect_is_not_swallowed(parser):
    with pytest.raises(ZeroDivisionError):
        run(lambda args: 1 // 0, parser, ["1"])


CHATTY = """
import sys
import time
from restorect_edge.cli.command import run
from restorect_edge.cli.options.parser import Parser
from restorect_edge.cli.doctor import Doctor

def main(args):
    for number in range(100_000):
        print(number)
    return 0

sys.exit(run(main, Parser("test", "", "", Doctor), []))
"""


def test_a_reader_that_goes_away_is_no_traceback():
    with subprocess.Popen(
        [sys.executable, "-c", CHATTY], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdout.readline() == b"0\n"
        process.stdout.close()
        assert process.stderr.read() == b""
        assert process.wait(timeout=60) == PIPE_CLOSED


@pytest.mark.parametrize(
    ("given", "meant"),
    [
        ("--overwite", "--overwrite"),
        ("--overwrite-all", "--overwrite"),
        ("-y", "--overwrite"),
        ("--fp16", "--precision fp16"),
        ("--imgsz=640", "--shapes"),
    ],
)
def test_an_unknown_option_names_the_one_that_may_be_meant(capsys, given, meant):
    assert run(lambda args: 0, Parser("test", "", "", Habitual), [given]) == 1
    assert f"(did you mean {meant}?); see: restorect-edge test --help" in capsys.readouterr().err


@pytest.mark.parametrize(
    "given",
    [
        ["net", "--overwrite", "a.jpg", "b.jpg"],
        ["--overwrite", "net", "a.jpg", "b.jpg"],
        ["net", "a.jpg", "--quality", "90", "b.jpg", "--overwrite"],
        ["--overwrite", "--", "net", "a.jpg", "b.jpg"],
    ],
)
def test_options_may_stand_between_inputs(given):
    args = run_verb.parser().parse_args(given)
    assert args.words == ("net", "a.jpg", "b.jpg")
    assert args.overwrite


def test_after_two_dashes_a_name_may_begin_with_one():
    assert run_verb.parser().parse_args(["--overwrite", "--", "-a.jpg"]).words == ("-a.jpg",)


def test_an_unknown_option_between_inputs_is_the_only_one_blamed(capsys):
    assert run_verb.main(["net", "--overwite", "a.jpg"]) == 1
    assert "unrecognized arguments: --overwite (did you mean --overwrite?)" in capsys.readouterr().err


@pytest.mark.parametrize("verb", sorted(verbs.VERBS))
def test_an_option_misspelled_is_named_by_every_verb_before_anything_else(verb, capsys):
    module = importlib.import_module(verbs.VERBS[verb].module)
    option = max((name for action in module.parser()._actions for name in action.option_strings), key=len)
    assert module.main([option[:-2] + option[-1], "3"]) == 1
    assert f"(did you mean {option}?); see: restorect-edge {verb} --help" in capsys.readouterr().err


def test_the_habit_of_an_option_for_the_input_has_a_hint(capsys):
    assert run_verb.main(["-i", "a.jpg"]) == 1
    assert "-i (did you mean the input without an option?)" in capsys.readouterr().err


def test_an_option_like_no_other_has_no_hint(parser, capsys):
    assert run(lambda args: 0, parser, ["1", "--zzz"]) == 1
    assert "did you mean" not in capsys.readouterr().err


NAMING = r"""
import os, sys
from restorect_edge.cli.command import run
from restorect_edge.cli.options.parser import Parser
from restorect_edge.cli.doctor import Doctor

def main(args):
    print(os.fsdecode(b"caf\xe9.jpg"), "gr\u00fcn")
    return 0

sys.exit(run(main, Parser("test", "", "", Doctor), []))
"""


@pytest.mark.parametrize(
    ("encoding", "printed"),
    [("utf-8:strict", b"caf\xe9.jpg gr\xc3\xbcn\n"), ("ascii", b"caf\xe9.jpg gr\\xfcn\n")],
)
def test_any_file_name_is_printed(encoding, printed):
    environment = {**os.environ, "PYTHONIOENCODING": encoding, "PYTHONUTF8": "0"}
    shown = subprocess.run([sys.executable, "-c", NAMING], env=environment, capture_output=True, check=True)
    assert shown.stdout == printed


STOPPED = """
import os, signal, sys, time
from restorect_edge.cli.command import run
from restorect_edge.cli.options.parser import Parser
from restorect_edge.cli.doctor import Doctor

number = getattr(signal, sys.argv[1])

def main(args):
    os.kill(os.getpid(), number)
    time.sleep(10)
    return 0

signal.signal(number, signal.SIG_DFL)  # under nohup a process begins with it ignored
sys.exit(run(main, Parser("test", "", "", Doctor), []))
"""
"""A process of its own: with a handler of a library that an earlier test used, the signal ends the suite."""


@pytest.mark.skipif(sys.platform == "win32", reason="sends POSIX signals")
@pytest.mark.parametrize("number", ["SIGTERM", "SIGHUP"])
def test_a_stopped_command_ends_as_by_ctrl_c(number):
    ended = subprocess.run([sys.executable, "-c", STOPPED, number], capture_output=True, timeout=120)
    assert (ended.returncode, ended.stderr) == (INTERRUPTED, b"interrupted\n")


SWALLOWED = STOPPED.replace(
    """    os.kill(os.getpid(), number)
    time.sleep(10)
    return 0
""",
    """    try:
        os.kill(os.getpid(), number)
        time.sleep(10)
    except KeyboardInterrupt:
        pass
    raise ValueError("could not determine the shape")
""",
)
"""A library that takes being stopped for a failure of its own."""


@pytest.mark.skipif(sys.platform == "win32", reason="sends POSIX signals")
@pytest.mark.parametrize("number", ["SIGTERM", "SIGHUP", "SIGINT"])
def test_a_stop_that_a_library_swallows_is_one_still(number):
    usual = "signal.default_int_handler" if number == "SIGINT" else "signal.SIG_DFL"
    script = SWALLOWED.replace("signal.SIG_DFL", usual)
    ended = subprocess.run([sys.executable, "-c", script, number], capture_output=True, timeout=120)
    assert (ended.returncode, ended.stderr) == (INTERRUPTED, b"interrupted\n")


@pytest.mark.parametrize("verb", ["calibrate", "drift", "export"])
def test_calibration_options_have_the_same_names_in_every_verb(verb):
    """Short ones and long ones, whichever verb somebody comes from."""
    parser = importlib.import_module(f"restorect_edge.cli.{verb}").parser()
    found = {frozenset(action.option_strings) for action in parser._actions}
    for names in (("--data", "--calib-data"), ("--num", "--num-calib"), ("--seed", "--calib-seed")):
        assert frozenset(names) in found
