"""Which precision is kept, on planted measurements."""

import json

import pytest

from restorect_edge.bench.measure.timing import Timing
from restorect_edge.errors import QualityError
from restorect_edge.export.choice import Candidate, choose, table

NOISE = (0.9, 1.0, 1.1, 0.95, 1.05, 1.0, 1.02, 0.98, 1.0)


def around(ms, noise=NOISE):
    return Timing(tuple(ms * factor for factor in noise))


def tried(fp32=60.0, fp16=60.0, int8=30.0, *, drop=0.03):
    """FP32, FP16 and INT8 with medians in ms; None where it was not timed."""
    noises = {"fp32": NOISE, "fp16": NOISE[::-1], "int8": NOISE[4:] + NOISE[:4]}
    rows = {"fp32": (fp32, 140.0, 2_000_000), "fp16": (fp16, 70.0, 1_000_000), "int8": (int8, 40.0, 700_000)}
    return [
        Candidate(
            precision=name,
            size=size,
            psnr=psnr,
            psnr_drop=drop if name == "int8" else 0.0,
            timing=None if ms is None else around(ms, noises[name]),
        )
        for name, (ms, psnr, size) in rows.items()
    ]


def decide(candidates, **options):
    decided = choose(candidates, **{"usual": "fp16", "max_psnr_drop": 0.1, **options})
    assert [c.precision for c in decided] == [c.precision for c in candidates]
    (kept,) = [c for c in decided if c.kept]
    assert kept.verdict.startswith("kept: ")
    assert all(c.verdict.startswith("rejected: ") for c in decided if c is not kept)
    return kept, {c.precision: c.verdict for c in decided}


def test_the_fastest_inside_its_budget_is_kept():
    kept, verdicts = decide(tried())
    assert kept.precision == "int8"
    assert verdicts["int8"].startswith("kept: 2.0")
    assert verdicts["int8"].endswith("times as fast as fp32")
    assert verdicts["fp32"] == verdicts["fp16"] == "rejected: slower than int8"


def test_what_is_slower_is_rejected():
    kept, verdicts = decide(tried(int8=75.0))
    assert kept.precision == "fp32"
    assert verdicts["int8"] == "rejected: slower than fp16"


def test_overlapping_intervals_leave_the_more_faithful():
    kept, verdicts = decide(tried(int8=59.5))
    assert kept.precision == "fp32"
    assert verdicts["fp32"] == "kept: the most faithful, and no other is measurably faster"
    assert verdicts["int8"] == "rejected: not measurably faster than fp32, which is more faithful"


def test_a_fast_one_over_its_budget_is_rejected_with_the_numbers():
    kept, verdicts = decide(tried(drop=0.12))
    assert kept.precision == "fp32"
    assert verdicts["int8"] == "rejected: costs 0.120 dB, 0.100 dB are allowed"
    assert decide(tried(drop=0.12), max_psnr_drop=0.2)[0].precision == "int8"


def test_a_drop_that_nobody_could_measure_is_not_held_against_it():
    assert decide(tried(drop=None))[0].precision == "int8"


def test_a_failure_is_the_reason():
    rows = [*tried(fp16=10.0)[:2], Candidate(precision="int8", failure="loses 0.300 dB")]
    kept, verdicts = decide(rows)
    assert kept.precision == "fp16"
    assert verdicts["int8"] == "rejected: loses 0.300 dB"


def test_of_two_fast_ones_that_cannot_be_told_apart_the_more_faithful_is_kept():
    kept, verdicts = decide(tried(fp32=60.0, fp16=30.0, int8=29.7))
    assert kept.precision == "fp16"
    assert verdicts["fp32"].startswith("rejected: slower than ")
    assert verdicts["int8"] == "rejected: not measurably faster than fp16, which is more faithful"


def test_a_more_faithful_one_that_nothing_beats_is_kept_though_another_beats_the_most_faithful():
    """INT8 beats FP32, but is not told from FP16, which is more faithful than INT8."""
    wide = Timing(tuple(45.0 * f for f in (0.4, 1.6, 0.5, 1.5, 0.6, 1.4, 0.7, 1.3, 1.0)))
    rows = tried(fp32=60.0, int8=50.0)
    rows[1] = Candidate(precision="fp16", size=1, psnr=70.0, timing=wide)
    kept, verdicts = decide(rows)
    assert kept.precision == "fp16"
    assert verdicts["fp32"] == "rejected: slower than int8"


def test_where_speed_is_not_measured_the_usual_precision_is_kept():
    kept, verdicts = decide(tried(None, None, None), untimed="no GPU here")
    assert kept.precision == "fp16"
    assert verdicts["fp16"] == "kept: what the target computes in; speed not measured"
    assert verdicts["fp32"] == "rejected: fp16 is what the target computes in; speed not measured"
    assert verdicts["int8"] == "rejected: INT8 has to prove that it is faster; speed not measured"


def test_where_the_usual_one_fails_the_most_faithful_is_kept():
    rows = tried(None, None, None)
    rows[1] = Candidate(precision="fp16", failure="44 dB (gate 50 dB)")
    kept, verdicts = decide(rows, untimed="no GPU here")
    assert kept.precision == "fp32"
    assert verdicts["fp32"] == "kept: the most faithful; speed not measured"
    assert verdicts["fp16"] == "rejected: 44 dB (gate 50 dB)"


def test_nothing_left_is_an_error_with_all_reasons():
    rows = [
        Candidate(precision="fp32", failure="70 dB (gate 80 dB)"),
        Candidate(precision="int8", psnr=40.0, psnr_drop=0.5, timing=around(10.0)),
    ]
    with pytest.raises(QualityError, match=r"fp32: 70 dB \(gate 80 dB\); int8: costs 0.500 dB, 0.100 dB are"):
        decide(rows)


def test_the_table_has_what_was_measured_and_dashes_where_nothing_was():
    rows = choose([*tried()[:2], Candidate(precision="int8", failure="why")], usual="fp32", max_psnr_drop=0.1)
    heading, fp32, _, int8 = table(rows)
    assert heading.split() == ["size", "median,", "95", "%", "PSNR", "drop", "verdict"]
    assert "2.00 MB" in fp32
    assert "60.0 ms, " in fp32
    assert "140.0 dB" in fp32
    assert int8.split()[:5] == ["int8", "-", "-", "-", "-"]
    assert int8.endswith("rejected: why")


def test_the_table_says_once_why_nothing_was_timed():
    rows = choose(tried(None, None, None), usual="fp16", max_psnr_drop=0.1, untimed="no GPU here")
    *lines, last = table(rows, "no GPU here")
    assert last == "speed not measured: no GPU here"
    assert len(lines) == 4
    assert not any("no GPU here" in line for line in lines)


def test_json_has_no_estimate():
    rows = [
        c.to_dict() for c in choose(tried(None, None, None), usual="fp16", max_psnr_drop=0.1, untimed="x")
    ]
    assert json.loads(json.dumps(rows)) == rows
    assert all(row["ms_median"] is None and row["rounds"] == 0 for row in rows)
    row = choose(tried(), usual="fp16", max_psnr_drop=0.1)[2].to_dict()
    assert row["kept"]
    assert row["rounds"] == len(NOISE)
    assert row["ms_low"] <= row["ms_median"] <= row["ms_high"]
