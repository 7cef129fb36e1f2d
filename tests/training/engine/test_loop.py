"""The training loop, run for real on something tiny."""

import errno
import json
import subprocess
import sys
from dataclasses import asdict

import pytest
import torch

from restorect_edge import load
from restorect_edge.cli.command import INTERRUPTED as INTERRUPTED_EXIT
from restorect_edge.errors import BackendError, UsageError
from restorect_edge.media.photos import photos
from restorect_edge.training.data.folders import find_pairs
from restorect_edge.training.data.sampling import batches
from restorect_edge.training.data.sources import open_source
from restorect_edge.training.distill import StudentStage
from restorect_edge.training.engine import checkpoint, loop
from restorect_edge.training.engine.journal import Journal
from restorect_edge.training.engine.loop import BEST, LAST, Trainer, fit
from restorect_edge.utils.configuration import to_toml
from restorect_edge.utils.options import options


@pytest.fixture
def source(pairs):
    return open_source(pairs, task="lowlight", least=64)


def advanced(trainer, source, steps):
    for batch in batches(source, trainer.step, trainer.step + steps, trainer.sampling(), workers=0):
        trainer.advance(batch)
    return trainer


def same(first, second):
    a, b = first.state_dict(), second.state_dict()
    return a.keys() == b.keys() and all(torch.equal(a[key], b[key]) for key in a)


def test_training_lowers_the_error_and_the_result_loads(student_options, source, pairs, tmp_path):
    best = fit(StudentStage(student_options()), source, tmp_path, validation=find_pairs(pairs))
    rows = [json.loads(line) for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    assert [row["step"] for row in rows] == [15, 30]
    assert rows[1]["psnr"] > rows[0]["psnr"]
    assert (tmp_path / "pictures" / "000030.jpg").stat().st_size > 1000
    assert list((tmp_path / "tensorboard").iterdir())
    dark = photos((96, 128))["kodak07-dark"]
    with load(best) as restore:
        assert restore(dark).mean() > 1.5 * dark.mean()


def test_the_same_seed_gives_the_same_weights(student_options, source):
    torch.set_num_threads(1)
    first, again = (advanced(Trainer(StudentStage(student_options())), source, 3) for _ in range(2))
    other = advanced(Trainer(StudentStage(student_options(seed=1))), source, 3)
    assert same(first.average, again.average)
    assert not same(first.average, other.average)


def test_a_resumed_run_equals_an_uninterrupted_one_bit_for_bit(student_options, source, tmp_path):
    torch.set_num_threads(1)
    straight = advanced(Trainer(StudentStage(student_options())), source, 6)
    advanced(Trainer(StudentStage(student_options())), source, 3).save(tmp_path / LAST)
    resumed = Trainer(StudentStage(student_options()))
    resumed.load(tmp_path / LAST)
    advanced(resumed, source, 3)
    assert resumed.step == straight.step == 6
    assert same(straight.stage, resumed.stage)
    assert same(straight.average, resumed.average)


def test_an_interrupted_run_keeps_its_step_and_goes_on(student_options, source, tmp_path, monkeypatch):
    said = []
    original = Trainer.advance

    def interrupted(self, batch):
        if self.step == 4:
            raise KeyboardInterrupt
        return original(self, batch)

    monkeypatch.setattr(Trainer, "advance", interrupted)
    with pytest.raises(KeyboardInterrupt):
        fit(StudentStage(student_options(iterations=8)), source, tmp_path, log=said.append)
    assert said[-1].startswith("stopped at step 4; go on with --resume")
    monkeypatch.undo()
    fit(StudentStage(student_options(iterations=8)), source, tmp_path, resume=True)
    assert checkpoint.metadata(tmp_path / LAST)["progress"]["step"] == 8


INTERRUPTED = """
import signal, sys
from restorect_edge.cli import train
from restorect_edge.training.engine.loop import Trainer

original, number = Trainer._optimize, getattr(signal, sys.argv[1])

def interrupted(self):
    if self.step == 1:
        signal.raise_signal(number)
    original(self)

Trainer._optimize = interrupted
signal.signal(signal.SIGINT, signal.default_int_handler)  # a run in the background has it ignored
sys.exit(train.main(sys.argv[2:]))
"""
"""A process of its own: libraries that other tests load change how signals are delivered."""


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM"])
def test_a_signal_within_a_step_waits_for_its_end(student_options, source, pairs, tmp_path, name):
    torch.set_num_threads(1)
    config = tmp_path / "run.toml"
    asked = student_options(iterations=3)
    config.write_text(to_toml(options(type(asked)), asdict(asked)))
    arguments = ["student", "--config", config, "--data", pairs, "-o", tmp_path / "a"]
    done = subprocess.run(
        [sys.executable, "-c", INTERRUPTED, name, *map(str, arguments)], capture_output=True, text=True
    )
    assert done.returncode == INTERRUPTED_EXIT, done.stderr
    assert "stopped at step 2; go on with --resume" in done.stderr
    assert checkpoint.metadata(tmp_path / "a" / LAST)["progress"]["step"] == 2
    fit(StudentStage(student_options(iterations=3)), source, tmp_path / "a", resume=True)
    fit(StudentStage(student_options(iterations=3)), source, tmp_path / "b")
    resumed, straight = (checkpoint.read(tmp_path / folder / BEST) for folder in "ab")
    assert all(torch.equal(resumed[key], straight[key]) for key in straight)


def test_nothing_to_resume_is_an_error(student_options, source, tmp_path):
    with pytest.raises(UsageError, match=r"nothing to resume: .* start without --resume"):
        fit(StudentStage(student_options()), source, tmp_path, resume=True)


def test_resuming_with_other_options_is_an_error(student_options, source, tmp_path):
    fit(StudentStage(student_options(iterations=2)), source, tmp_path)
    other = StudentStage(student_options(iterations=2, learning_rate=1e-4))
    with pytest.raises(UsageError, match=r"learning_rate was 0\.002, is 0\.0001"):
        fit(other, source, tmp_path, resume=True)


def test_a_loss_that_is_no_number_names_the_last_good_checkpoint(
    student_options, source, tmp_path, monkeypatch
):
    original = StudentStage.losses

    def spoiled(self, batch, step):
        parts = original(self, batch, step)
        return {**parts, "pixel": parts["pixel"] * float("nan")} if step == 3 else parts

    monkeypatch.setattr(StudentStage, "losses", spoiled)
    stage = StudentStage(student_options(iterations=6, validate_every=2))
    with pytest.raises(
        BackendError, match=r"losses at step 3 .*nan.*lower --learning-rate; .*last\.safetensors' at step 2"
    ):
        fit(stage, source, tmp_path)


def test_a_gradient_that_is_no_number_leaves_the_weights_alone(
    student_options, source, tmp_path, monkeypatch
):
    trainer = advanced(Trainer(StudentStage(student_options())), source, 1)
    before = {key: value.clone() for key, value in trainer.stage.state_dict().items()}
    original = StudentStage.losses

    def steep(self, batch, step):
        parts = original(self, batch, step)
        return {**parts, "steep": (parts["pixel"] * 0.0).sqrt()}

    monkeypatch.setattr(StudentStage, "losses", steep)
    with pytest.raises(BackendError, match=r"the gradient's norm at step 1 is nan: lower --learning-rate"):
        advanced(trainer, source, 1)
    after = trainer.stage.state_dict()
    assert all(torch.equal(before[key], after[key]) for key in before)


def test_a_run_is_not_overwritten_by_another(student_options, source, tmp_path):
    fit(StudentStage(student_options(iterations=1)), source, tmp_path)
    with pytest.raises(UsageError, match=r"holds a run already: give --resume to go on, or another folder"):
        fit(StudentStage(student_options(iterations=1)), source, tmp_path)


def test_a_full_disk_leaves_the_last_good_checkpoint(student_options, source, tmp_path, monkeypatch):
    original = checkpoint.replacing

    def full(path):
        if path.name == LAST and path.is_file():
            raise OSError(errno.ENOSPC, "No space left on device")
        return original(path)

    monkeypatch.setattr(checkpoint, "replacing", full)
    stage = StudentStage(student_options(iterations=4, validate_every=2))
    with pytest.raises(BackendError, match=r"No space left on device.*at step 2"):
        fit(stage, source, tmp_path)
    assert checkpoint.metadata(tmp_path / LAST)["progress"]["step"] == 2


def test_the_first_weights_can_be_given(student_options, source, tmp_path):
    trained = advanced(Trainer(StudentStage(student_options())), source, 2)
    trained.save_average(tmp_path / BEST, {})
    stage = StudentStage(student_options(iterations=1, seed=5, learning_rate=1e-9, warmup=1))
    best = fit(stage, source, tmp_path / "next", initial=checkpoint.read(tmp_path / BEST))
    first, after = checkpoint.read(tmp_path / BEST), checkpoint.read(best)
    assert all(torch.allclose(first[key], after[key], atol=1e-6) for key in first)


def test_curves_are_told_where_tensorboard_is_missing(student_options, source, tmp_path, monkeypatch):
    monkeypatch.setattr("restorect_edge.training.engine.journal.importlib.util.find_spec", lambda name: None)
    said = []
    fit(StudentStage(student_options(iterations=1)), source, tmp_path, log=said.append)
    assert said[0].startswith("TensorBoard is not installed")
    assert not (tmp_path / "tensorboard").exists()
    assert loop.BEST in {path.name for path in tmp_path.iterdir()}


def test_equal_checkpoints_are_equal_files(student_options, tmp_path):
    trainer = Trainer(StudentStage(student_options()))
    for name in ("first", "again"):
        trainer.save(tmp_path / name)
    assert (tmp_path / "first").read_bytes() == (tmp_path / "again").read_bytes()
    again = Trainer(StudentStage(student_options()))
    again.load(tmp_path / "first")
    assert same(trainer.average, again.average)


def test_a_resumed_log_has_no_steps_that_are_taken_again(tmp_path):
    rows = [json.dumps({"step": step}) for step in (3, 6, 9)]
    (tmp_path / "log.jsonl").write_text("\n".join(rows) + '\n{"step": 1')
    journal = Journal(tmp_path, step=6)
    journal.row(9, {"psnr": 20.0})
    assert journal.close() == ""
    found = [json.loads(line) for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    assert found == [{"step": 3}, {"step": 6}, {"step": 9, "psnr": 20.0}]


def test_a_log_on_a_full_disk_stops_the_run_in_a_sentence(student_options, source, tmp_path):
    (tmp_path / "log.jsonl").symlink_to("/dev/full")
    message = "cannot write the log in .*No space left on device; there is no checkpoint yet"
    with pytest.raises(BackendError, match=message):
        fit(StudentStage(student_options(iterations=1)), source, tmp_path)


def test_curves_that_cannot_be_written_at_the_end_are_told(student_options, source, tmp_path, monkeypatch):
    def full(writer):
        raise OSError(errno.ENOSPC, "No space left on device")

    said = []
    monkeypatch.setattr("torch.utils.tensorboard.SummaryWriter.close", full)
    best = fit(StudentStage(student_options(iterations=1)), source, tmp_path, log=said.append)
    assert best.is_file()
    assert said[-1] == "the last curves could not be written to TensorBoard: No space left on device"


def test_a_validation_that_was_interrupted_is_made_up_for(
    student_options, source, pairs, tmp_path, monkeypatch
):
    def interrupted(*_):
        raise KeyboardInterrupt

    options = student_options(iterations=2, validate_every=1)
    monkeypatch.setattr(loop, "validate", interrupted)
    with pytest.raises(KeyboardInterrupt):
        fit(StudentStage(options), source, tmp_path, validation=find_pairs(pairs))
    monkeypatch.undo()
    fit(StudentStage(options), source, tmp_path, validation=find_pairs(pairs), resume=True)
    rows = [json.loads(line) for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    assert [row["step"] for row in rows] == [1, 2]
    assert len(list((tmp_path / "pictures").iterdir())) == 2
