"""Sessions on real backends, in seconds: turns, failures that cost no other its row, and interruptions."""

from contextlib import contextmanager
from dataclasses import dataclass, fields, replace

import pytest

from restorect_edge.bench import rows as _rows
from restorect_edge.bench.cold import cold_start
from restorect_edge.bench.images import pictures
from restorect_edge.bench.measure.protocol import QUICK
from restorect_edge.bench.measure.record import Report
from restorect_edge.bench.session import Session, Setup
from restorect_edge.bench.subjects import ArtifactCandidate, candidates
from restorect_edge.errors import BackendError

PROTOCOL = replace(QUICK, threads=1, duration_s=0.05, warm_up_cap_s=0.05, least_runs=5)
SETUP = Setup(protocol=PROTOCOL, extras=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Fails(ArtifactCandidate):
    """An artifact whose backend gives up after some images."""

    after: int

    def open(self, threads):
        @contextmanager
        def opened():
            with ArtifactCandidate.open(self, threads) as restore:
                yield Failing(restore, self.after)

        return opened()


class Failing:
    def __init__(self, restore, left):
        self._restore, self._left = restore, left

    def __getattr__(self, name):
        return getattr(self._restore, name)

    def __call__(self, image):
        self._left -= 1
        if self._left < 0:
            raise BackendError("out of\nmemory")
        return self._restore(image)


def failing(artifact, after):
    (found,) = candidates([str(artifact.path)])
    return Fails(**{f.name: getattr(found, f.name) for f in fields(found)}, after=after)


@pytest.mark.cpu
def test_a_session_with_everything(artifact_onnx, artifact_int8, model):
    sources = [str(a.path) for a in (artifact_onnx, artifact_int8)]
    found = candidates(sources, [model((1, 3, 64, 96))])
    setup = Setup(protocol=PROTOCOL, sustained_s=0.05, profile=True, power_mode="quiet")
    session = Session(found, setup)
    report = session.run()
    assert Report.from_json(report.to_json()) == report
    before, *after = session.looks
    assert before.subject is None
    assert all(found.is_of(row) for found, row in zip(after, report.rows, strict=True))
    assert report.device.power_mode == "quiet"
    assert report.peak.fp32_gmacs_per_s > 0
    assert report.protocol.images.count == 4
    assert "float32 products" in report.protocol.anchor
    float32, int8, theirs = report.rows
    for row in report.rows:
        assert (row.status, row.reason, row.device, row.shape) == ("measured", "", "cpu", (64, 96))
        assert len(row.total_ms) == len(row.model_ms) == len(row.anchor_ms) >= 5
        assert row.provider.startswith("ONNX Runtime ")
        assert row.cold.load_ms > 0 and row.cold.first_ms > 0
        assert row.memory_peak_bytes is None or row.memory_peak_bytes > 10e6
        assert row.sustained and row.stages_ms["model"] > 0
    assert 15 < int8.quality["psnr"] < 40
    assert int8.quality["psnr"] == pytest.approx(float32.quality["psnr"], abs=0.3)
    assert int8.quality["psnr_to_float32"] < float32.quality["psnr_to_float32"]
    assert theirs.quality.keys() == {"psnr"}
    assert not any(name.startswith("body.") for name in theirs.modules_ms)
    assert int8.work.int8_macs > 0
    assert any(name.startswith("body.") for name in int8.modules_ms)


def test_without_extras_only_times_are_taken(artifact_onnx):
    (row,) = Session(candidates([str(artifact_onnx.path)]), SETUP).run().rows
    assert row.total_ms
    assert (row.cold, row.work, row.memory_peak_bytes, row.sustained) == (None, None, None, ())


def test_what_cannot_be_loaded_costs_no_other_its_row(artifact_onnx):
    others = candidates([str(artifact_onnx.path)])
    rows = Session([failing(artifact_onnx, 0), *others], SETUP).run().rows
    assert [row.status for row in rows] == ["failed", "measured"]
    assert rows[0].reason == "out of memory"


def test_what_fails_in_its_turn_spoils_the_turns(artifact_onnx):
    others = candidates([str(artifact_onnx.path)])
    rows = Session([*others, failing(artifact_onnx, 7)], SETUP).run().rows
    assert [row.status for row in rows] == ["failed", "failed"]
    assert {row.reason for row in rows} == {"what it took turns with failed: out of memory"}


def test_sizes_that_do_not_fit(artifact_onnx, artifact_split):
    found = candidates([str(artifact_onnx.path), str(artifact_split.path)])
    rows = Session(found, replace(SETUP, shapes=((64, 96), (24, 40)))).run().rows
    assert [(r.subject.form, r.shape, r.status) for r in rows] == [
        ("whole", (64, 96), "measured"),
        ("split", (64, 96), "measured"),
        ("whole", (24, 40), "not measured"),
        ("split", (24, 40), "measured"),
    ]
    assert rows[2].reason == "made for 64x96 (height x width), which is not 24x40"
    assert rows[3].stages_ms.keys() >= {"prior", "model"}


@pytest.mark.usefixtures("interrupted")
def test_what_was_measured_outlives_an_interruption(artifact_split):
    found = candidates([str(artifact_split.path)])
    session = Session(found, replace(SETUP, shapes=((24, 40), (64, 96))))
    with pytest.raises(KeyboardInterrupt):
        session.run()
    first, second = session.report().rows
    assert first.status == "measured"
    assert (second.status, second.reason) == ("not measured", "the session ended before")


def test_a_fresh_process_says_why_it_fails(artifact_onnx, tmp_path):
    (found,) = candidates([str(artifact_onnx.path)])
    gone = replace(found, place=str(tmp_path / "gone" / "x"))
    with pytest.raises(BackendError, match=r"^in a process of its own: no weights at .*gone"):
        cold_start(gone, (64, 96), 1, "lowlight")


@pytest.mark.parametrize("task", [None, "custom", "lowlight", "underwater"])
@pytest.mark.parametrize("scale", [1, 2, 4])
def test_all_rows_are_scored_and_what_enlarges_on_pairs_of_two_sizes(model, task, scale):
    (found,) = candidates([str(model((1, 3, 8, 12)))])
    found, shown = replace(found, task=task), pictures("lowlight", (8, 12))

    def restore(picture):
        return picture.repeat(scale, 0).repeat(scale, 1)

    results = [restore(picture) for picture in shown.degraded]
    quality = _rows._quality(found, restore, results, shown)
    assert quality.keys() == (set() if task == "underwater" else {"psnr"})
    if scale > 1 and quality:
        assert quality["psnr"] > 18, "nearest-neighbor of a photograph scaled down, not of a dark one"


def test_networks_of_ones_own_are_shown_the_photographs_that_have_clean_ones(artifact_onnx, model):
    own, peer = candidates([str(artifact_onnx.path)], [model((1, 3, 8, 12))])
    assert Session([replace(own, task="custom"), peer])._task == "lowlight"
