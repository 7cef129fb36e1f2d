"""Reports to read: conditions first, nothing claimed that was not measured, a page that browsers accept."""

import base64
import io
import re
import subprocess
from dataclasses import replace
from html.parser import HTMLParser

import numpy as np
import pytest
from PIL import Image

from restorect_edge.bench.measure.record import (
    Cold,
    Device,
    Images,
    Moment,
    Peak,
    Protocol,
    Report,
    Row,
    Subject,
    WarmUp,
    Work,
)
from restorect_edge.bench.report import plots
from restorect_edge.bench.report import svg as _svg
from restorect_edge.bench.report.icicle import icicle
from restorect_edge.bench.report.looks import look
from restorect_edge.bench.report.verdicts import ranks, verdicts
from restorect_edge.bench.report.words import shown
from restorect_edge.bench.report.write import html, markdown, roofline_share, write
from restorect_edge.errors import UsageError


def row(precision, milliseconds, *, shape=(400, 600), psnr=21.0, **others):
    total = tuple(milliseconds * (1 + 0.01 * (k % 7)) for k in range(40))
    values = {
        "subject": Subject(name="a<b>|c", target="onnx", precision=precision, form="whole", bytes=2_000_000),
        "runtime": "onnxruntime",
        "device": "cpu",
        "shape": shape,
        "status": "measured",
        "cold": Cold(load_ms=120.0, first_ms=3.0),
        "warm_up": WarmUp(seconds=3.0, runs=40, stable=True),
        "model_ms": total,
        "total_ms": total,
        "stages_ms": {"prepare": 0.5, "model": milliseconds},
        "work": Work(macs=10**9, bytes_moved=10**8, weight_bytes=10**6),
        "quality": {"psnr": psnr},
    }
    return Row(**(values | others))


MOMENTS = tuple(
    Moment(seconds=s, ms=10 + s / 50, temperature_c=40 + s / 9, clock_mhz=600.0) for s in range(70)
)
ROWS = (
    row("fp32", 10.0, sustained=MOMENTS, modules_ms={"body.enter": 4.0, "prior": 5.0, "(not mapped)": 1.0}),
    row("int8", 4.0, psnr=20.9),
    row("fp32", 40.0, shape=(800, 1200)),
    row("w8", 12.0, psnr=20.0, status="throttled", reason="the clock fell"),
    Row(
        subject=Subject(name="far", target="coreml", precision="fp16", form="whole"),
        runtime="coreml",
        shape=(400, 600),
        status="not measured",
        reason="Core ML predicts on macOS only",
    ),
)
REPORT = Report(
    created="2026-11-24T00:00:00+00:00",
    toolkit_version="0.1.0",
    device=Device(kind="host", name="bench & host", cores=2),
    protocol=Protocol(
        threads=2,
        duration_s=10.0,
        least_runs=40,
        least_warm_up_s=3.0,
        stable_within=0.02,
        warm_up_cap_s=30.0,
        pause_s=0.01,
        confidence=0.95,
        resamples=100,
        images=Images(count=1, sha256="ab" * 32),
    ),
    rows=ROWS,
    peak=Peak(threads=2, fp32_gmacs_per_s=200.0, bandwidth_gb_per_s=20.0),
)
BOARD = replace(
    REPORT,
    device=Device(kind="jetson", name="board", power_mode="15W", clocks_locked=True),
    rows=(row("fp16", 7.0, power_mode="15W", energy_mj=81.25),),
)


def test_three_files(tmp_path):
    paths = write(REPORT, tmp_path / "made" / "here")
    assert [path.name for path in paths] == ["report.json", "report.md", "report.html"]
    assert Report.open(paths[0]) == REPORT
    assert paths[1].read_text() == markdown([REPORT])
    assert paths[2].read_text() == html([REPORT])


def test_a_folder_that_cannot_be_written(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError, match=r"cannot write '.*report\.json'"):
        write(REPORT, tmp_path / "file")


def test_no_report():
    with pytest.raises(UsageError, match="at least one report"):
        markdown([])


def test_the_answer_comes_first():
    sentence = (
        "At 600×400, a<b>|c INT8 · ONNX Runtime takes 4.12 ms, 243 images a second, 2.50 times as fast as "
        "a<b>|c FP32 · ONNX Runtime; 20.90 dB, 0.10 dB below a<b>|c FP32 · ONNX Runtime."
    )
    text = markdown([REPORT])
    assert text.index(sentence) < text.index("## Conditions")
    page = html([REPORT])
    assert page.index("takes 4.12 ms") < page.index('id="pareto"') < page.index("<table")
    assert page.index("<details><summary>Conditions") < page.index("processor")


def test_the_answer_compares_rows_of_one_report_alone():
    sentences = [line for line in markdown([REPORT, BOARD]).splitlines() if line.startswith("- At 600×400")]
    assert len(sentences) == 2
    assert "board" not in sentences[0]
    assert "FP16 · ONNX Runtime · board · 15W takes" in sentences[1]
    assert "times as fast" not in sentences[1]


def test_rows_stand_by_size_and_speed():
    table = markdown([REPORT]).split("## Latency")[1].split("## ")[0]
    lines = [line for line in table.splitlines() if line.startswith("|") and "×" in line]
    found = [re.search(r"(INT8|FP32|W8|FP16).*?(\d+×\d+)", line).groups() for line in lines]
    assert found == [
        ("INT8", "600×400"),
        ("FP32", "600×400"),
        ("W8", "600×400"),
        ("FP16", "600×400"),
        ("FP32", "1200×800"),
    ]


def test_what_does_not_differ_is_not_called_faster():
    alike = replace(REPORT, rows=(ROWS[0], replace(ROWS[0], runtime="openvino")))
    assert "no different from a<b>|c FP32 · OpenVINO; 21.00 dB, the best here." in markdown([alike])


def test_a_rehearsal_has_a_banner():
    assert "rehearsal" not in html([REPORT])
    short = replace(REPORT, protocol=replace(REPORT.protocol, duration_s=0.2, least_runs=10))
    assert "A rehearsal, not a measurement: 10 runs of each row" in html([short])
    assert "**A rehearsal" in markdown([short])


def test_conditions_come_before_numbers_and_say_what_is_not_known():
    text = markdown([REPORT])
    assert text.index("## Conditions") < text.index("## Latency")
    assert "| power mode | not known |" in text
    assert "4 rows measured, 1 not measured" in text


def test_what_was_not_measured_says_so():
    line = next(line for line in markdown([REPORT]).splitlines() if line.startswith("| far FP16"))
    assert "not measured: Core ML predicts on macOS only" in line
    assert not re.search(r"\d\.\d", line)


def test_numbers_of_a_row():
    lines = [line for line in markdown([REPORT]).splitlines() if re.match(r"\|.* INT8 · ONNX Runtime", line)]
    cells = [cell.strip() for cell in re.split(r"(?<!\\)\|", lines[0])[1:-1]]
    assert cells[1:3] == ["600×400", "1"]
    assert re.fullmatch(r"4\.12 \(4\.\d+ – 4\.\d+\)", cells[3])
    assert cells[6] == "–", "no p99 of 40 runs"
    assert cells[-2:] == ["40", "measured"]
    assert "throttled: the clock fell" in markdown([REPORT])
    assert "kept of the throughput" in markdown([REPORT])


def test_every_line_of_a_table_has_as_many_cells():
    width = 0
    for line in markdown([REPORT, BOARD]).splitlines():
        cells = len(re.split(r"(?<!\\)\|", line))
        if line.startswith("|"):
            assert width in (0, cells), line
        width = cells if line.startswith("|") else 0


def test_devices_side_by_side():
    text = markdown([REPORT, BOARD])
    assert "|  | bench & host | board |" in text
    assert "| power mode | not known | 15W |" in text
    assert "FP16 · ONNX Runtime · board · 15W" in text
    assert "81.2" in text


def test_share_of_roofline():
    one, mixed = shown([REPORT])[:2]
    assert roofline_share(one) == pytest.approx(5.0 / one.model.p50.value)
    work = replace(mixed.row.work, bytes_moved=1)
    mixed.row = replace(mixed.row, work=work)
    assert roofline_share(mixed) == pytest.approx(5.0 / mixed.model.p50.value)
    mixed.row = replace(mixed.row, work=replace(work, int8_macs=10**9))
    assert roofline_share(mixed) is None, "the int8 peak is not known"


@pytest.mark.parametrize(
    ("points", "front"),
    [
        ([(1, 5), (2, 4), (3, 6)], [(1, 5), (3, 6)]),
        ([(2, 5), (1, 5)], [(1, 5)]),
        ([(1, 4), (1, 5)], [(1, 5)]),
        ([], []),
    ],
)
def test_front(points, front):
    assert plots.front(points) == front


class Page(HTMLParser):
    def __init__(self):
        super().__init__()
        self.open, self.ids, self.links = [], [], []

    def handle_starttag(self, tag, attributes):
        self.ids += [value for name, value in attributes if name == "id"]
        self.links += [v for n, v in attributes if n in ("src", "href", "xlink:href")]
        if tag not in ("meta", "link", "br"):
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.handle_starttag(tag, attributes)
        self.open.pop() if self.open and self.open[-1] == tag else None

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def test_the_page_is_well_formed_and_asks_for_nothing():
    page = Page()
    page.feed(html([REPORT, BOARD]))
    assert page.open == []
    assert len(page.ids) == len(set(page.ids))
    assert all(link.startswith(("#", "data:,")) for link in page.links)
    assert "url(http" not in html([REPORT])
    assert len(html([REPORT])) < 400_000


def test_the_page_shows_the_photograph_before_and_after_with_time_and_quality():
    dark, small = np.zeros((40, 60, 3), np.uint8), np.full((10, 20, 3), 9, np.uint8)
    looks = [look(small, (100, 200)), look(dark, (400, 600))]
    looks += [
        look(dark + 100, (400, 600), ROWS[1]),
        look(small, (100, 200), row("fp32", 1.0, shape=(100, 200))),
    ]
    text = html([REPORT], looks=looks)
    shown_at = text.index("What it gives, at 600×400")
    figures = re.findall(r'base64,([^"]+)" alt="([^"]*)"><figcaption>(.*?)</figcaption>', text[shown_at:])
    assert [Image.open(io.BytesIO(base64.b64decode(data))).size for data, *_ in figures] == [(60, 40)] * 2
    assert figures[0][1] == "the photograph, before"
    assert figures[1][2].startswith("a&lt;b&gt;|c INT8") and figures[1][2].endswith("ms, 20.90 dB</span>")
    assert "What it gives" not in html([REPORT])


def test_plots_take_their_colours_from_the_page():
    text = html([REPORT])
    for name in ("distribution", "megapixels", "pareto", "sustained", "roofline"):
        plot = re.search(rf'<svg class="plot" id="{name}".*?</svg>', text, re.DOTALL)[0]
        assert set(re.findall(r"#[0-9a-f]{6}\b(?=[;\"])", plot)) <= {"#000000"}
        assert "var(--ink)" in plot or "var(--muted)" in plot


def test_long_names_are_broken_into_lines_not_cut():
    name = "Reference Developer Kit of a Board with a Name that Takes a While"
    board = replace(BOARD, device=replace(BOARD.device, name=name))
    plot = re.search(r'id="distribution".*?</svg>', html([REPORT, board]), re.DOTALL)[0]
    texts = re.findall(r"<text[^>]*>([^<]*)</text>", plot)
    assert {"a&lt;b&gt;|c FP16 · ONNX Runtime", f"{name}", "15W"} <= set(texts)


def test_series_of_one_colour_have_different_markers():
    colours = {f"series {n}": n for n in range(60)}
    looks = {(plots._colour(name, colours), plots._mark(name, colours)) for name in colours}
    assert len(looks) == 60


def test_verdicts_stand_below_the_latencies():
    text = markdown([REPORT])
    sentence = "- 600×400: a<b>|c INT8 · ONNX Runtime is faster than a<b>|c FP32 · ONNX Runtime, 2.50 times"
    assert sentence in text
    assert text.index("## Latency") < text.index(sentence) < text.index("## Stages")
    assert "W8" not in "".join(line for line in text.splitlines() if line.startswith("- "))
    alike = replace(REPORT, rows=(ROWS[0], replace(ROWS[0], runtime="openvino")))
    assert "no difference between a&lt;b&gt;|c FP32 · OpenVINO and" in html([alike])


def test_verdicts_are_against_the_row_that_is_chosen():
    rows = shown([REPORT])
    chosen = ROWS[1].subject
    (sentence,) = verdicts(rows, chosen)
    assert sentence.startswith("600×400: a<b>|c FP32 · ONNX Runtime is slower than a<b>|c INT8")
    assert sentence in markdown([REPORT], chosen)
    (throttled,) = verdicts(rows, ROWS[3].subject)
    assert throttled == "600×400: nothing is compared with a<b>|c W8 · ONNX Runtime: not measured"


def test_what_cannot_be_told_apart_shares_a_rank():
    alike = replace(REPORT, rows=(row("fp32", 10.0), row("int8", 4.0), row("fp16", 10.0), row("w8", 12.0)))
    rows = shown([alike])
    found = ranks(rows)
    assert [found[id(one)] for one in rows] == [2, 1, 2, 4]
    assert "| a<b>\\|c INT8 · ONNX Runtime | 600×400 | 1 |" in markdown([alike])
    assert id(shown([REPORT])[3]) not in ranks(shown([REPORT])), "what throttled has no place"


def test_a_graph_without_products_has_no_roofline():
    empty = replace(ROWS[0], work=Work(macs=0, bytes_moved=0, weight_bytes=0))
    assert "Roofline" not in html([replace(REPORT, rows=(empty,))])


def test_peaks_are_of_the_cpu():
    (one,) = shown([replace(REPORT, rows=(replace(ROWS[0], device="gpu"),))])
    assert roofline_share(one) is None


def test_the_prior_of_a_split_artifact_is_part_of_its_computing():
    split = replace(ROWS[0], stages_ms={"prior": 5.0, "model": 10.0})
    one, other = shown([replace(REPORT, rows=(ROWS[0], split))])
    assert other.computing_ms == one.computing_ms + 5.0


def test_without_matplotlib_the_page_says_how_to_get_plots(monkeypatch):
    monkeypatch.setattr(_svg, "available", lambda: False)
    assert "restorect-edge[report]" in html([REPORT])
    assert 'class="plot"' not in html([REPORT])


def test_widths_of_a_flame_are_times():
    picture = icicle({"a.b": 3.0, "a": 1.0, "(not mapped)": 4.0}, label="x")
    widths = {t: float(w) for t, w in re.findall(r"<title>([^:]+):.*?width=\"([\d.]+)\"", picture)}
    assert widths["a"] == pytest.approx(widths["all"] / 2, rel=0.01)
    assert widths["a.b"] == pytest.approx(0.75 * widths["a"], rel=0.01)
    assert widths["(not mapped)"] == pytest.approx(widths["a"], rel=0.01)


def test_chromium_opens_it_without_errors(program, tmp_path):
    page = write(REPORT, tmp_path, beside=[BOARD])[2]
    done = subprocess.run(
        [
            program("chromium"),
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            f"--user-data-dir={tmp_path / 'profile'}",
            "--enable-logging=stderr",
            "--dump-dom",
            page.as_uri(),
        ],
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    assert "CONSOLE" not in done.stderr, done.stderr
    assert done.stdout.count('<svg class="plot"') == 5
    assert "Core ML predicts on macOS only" in done.stdout
