"""Options of a run."""

from dataclasses import asdict

import pytest

from restorect_edge.errors import UsageError
from restorect_edge.training.config import PriorTraining, StudentTraining, TeacherTraining
from restorect_edge.utils.configuration import merged, to_toml
from restorect_edge.utils.options import options


def read(kind, path, given):
    return kind(**merged(options(kind), path, given))


@pytest.mark.parametrize("kind", [StudentTraining, TeacherTraining])
def test_printed_options_read_back(kind, tmp_path):
    path = tmp_path / "run.toml"
    path.write_text(to_toml(options(kind), asdict(kind(seed=7, learning_rate=2e-4))))
    assert read(kind, path, {}) == kind(seed=7, learning_rate=2e-4)


def test_what_is_given_wins_over_the_file_and_the_file_over_the_defaults(tmp_path):
    path = tmp_path / "run.toml"
    path.write_text("seed = 3\nbatch = 2\nema = 1\n")
    config = read(StudentTraining, path, {"seed": 4})
    assert (config.seed, config.batch, config.ema, config.patch) == (4, 2, 1.0, 128)


@pytest.mark.parametrize("kind", [StudentTraining, TeacherTraining, PriorTraining])
def test_every_option_says_what_it_means(kind):
    assert all(o.meaning for o in options(kind))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("sede = 3", "unknown key in .*'sede'.*did you mean 'seed'"),
        ("seed = 'one'", "'seed' in .* must be a whole number, got 'one'"),
        ("seed = ", "cannot read the configuration"),
        ("patch = 100", "patch must be a multiple of 16 pixels, got 100"),
        ("batch = 0", "batch must be at least 1, got 0"),
        ("ema = 1.5", r"ema must lie in \[0, 1\], got 1.5"),
        ("learning_rate = 0.0", "learning_rate must lie between 0 and 1, got 0.0"),
    ],
)
def test_mistakes(text, message, tmp_path):
    path = tmp_path / "run.toml"
    path.write_text(text)
    with pytest.raises(UsageError, match=message):
        read(StudentTraining, path, {})


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(UsageError, match="no configuration at"):
        read(StudentTraining, tmp_path / "none.toml", {})
