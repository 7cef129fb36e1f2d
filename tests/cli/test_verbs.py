"""The console script: verbs, help, version, and what is imported when."""

import importlib
import subprocess
import sys
from contextlib import nullcontext
from importlib import metadata

import pytest

from restorect_edge.cli.verbs import VERBS, main


def test_the_verbs_are_these():
    assert list(VERBS) == [
        "export",
        "verify",
        "run",
        "evaluate",
        "inspect",
        "doctor",
        "calibrate",
        "drift",
        "bench",
        "train",
    ]


def test_help_has_a_line_per_verb(capsys):
    with pytest.raises(SystemExit, match="0"):
        main(["--help"])
    lines = capsys.readouterr().out.splitlines()
    for name, verb in VERBS.items():
        assert any(line.split() == [name, *verb.summary.split()] for line in lines)


@pytest.mark.parametrize("name", VERBS)
def test_every_verb_has_help_with_examples(capsys, name):
    with pytest.raises(SystemExit, match="0"):
        main([name, "--help"])
    shown = capsys.readouterr().out
    assert shown.startswith(f"usage: restorect-edge {name} ")
    assert f"examples:\n  python -m restorect_edge.{name}" in shown


@pytest.mark.parametrize("name", VERBS)
def test_every_example_is_one_that_parses(name, repository, tmp_path, monkeypatch):
    """Options that no longer exist must not stay in an example."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "export").symlink_to(repository / "export")
    (tmp_path / "mine.toml").touch()
    module = importlib.import_module(VERBS[name].module)
    parser = module.parser()
    command = f"  python -m restorect_edge.{name}"
    examples = [line for line in parser.epilog.splitlines() if line.startswith(command)]
    assert len(examples) >= 2
    for line in examples:
        arguments = line.removeprefix(command).rstrip("\\").split()
        with pytest.raises(SystemExit) if "--print-config" in arguments else nullcontext():
            parser.parse_args(arguments)


def test_the_version_is_the_packages(capsys):
    with pytest.raises(SystemExit, match="0"):
        main(["--version"])
    assert capsys.readouterr().out == f"restorect-edge {metadata.version('restorect-edge')}\n"


@pytest.mark.parametrize(("verb", "near"), [("exprot", "export"), ("verfy", "verify"), ("docter", "doctor")])
def test_an_unknown_verb_suggests_the_nearest(capsys, verb, near):
    assert main([verb, "--target", "onnx"]) == 1
    assert f"unknown verb '{verb}'; known: bench, calibrate, " in (err := capsys.readouterr().err)
    assert f"(did you mean '{near}'?)" in err


def test_no_verb_is_wrong_usage(capsys):
    assert main([]) == 1
    assert "no verb; choose export, verify" in capsys.readouterr().err


def test_arguments_and_exit_codes_pass_through(capsys, tmp_path):
    assert main(["inspect", str(tmp_path / "none")]) == 1
    assert main(["inspect", str(tmp_path)]) == 4
    assert main(["run", "--nonsense"]) == 1
    assert "see: restorect-edge run --help" in capsys.readouterr().err


def test_the_console_script_is_installed():
    (script,) = metadata.entry_points(group="console_scripts", name="restorect-edge")
    assert script.load() is main


def test_a_verb_is_imported_only_when_used():
    code = (
        "import sys; from restorect_edge.cli.verbs import main; main(['inspect', 'none']); "
        "print(sorted(m for m in sys.modules if m.startswith('restorect_edge.')))"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = set(eval(result.stdout))
    assert "restorect_edge.cli.inspect" in loaded
    others = {verb.module for verb in VERBS.values()} - {"restorect_edge.cli.inspect"}
    assert not loaded & others


def test_the_package_runs_as_a_module():
    result = subprocess.run(
        [sys.executable, "-m", "restorect_edge", "evalute"], capture_output=True, text=True, check=False
    )
    assert result.returncode == 1
    assert result.stdout == ""
    assert "did you mean 'evaluate'?" in result.stderr


def test_helps_import_nothing_heavy():
    """Start-up is measured by benchmarks/startup.py; what would spoil it is looked for here."""
    code = (
        "import importlib, sys\n"
        "from restorect_edge.cli.verbs import VERBS\n"
        "for verb in VERBS.values():\n"
        "    importlib.import_module(verb.module).parser().format_help()\n"
        "print(sorted({'torch', 'onnx', 'onnxruntime', 'openvino', 'coremltools', 'scipy', 'matplotlib', "
        "'av', 'nncf', 'jinja2', 'skimage', 'ray', 'torchvision'} & sys.modules.keys()))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
