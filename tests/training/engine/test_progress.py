"""What a run shows: a bar of one line on a terminal, lines elsewhere."""

import io
import re
import sys

from restorect_edge.training.engine import progress
from restorect_edge.training.engine.progress import Progress


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_the_bar_is_one_line_of_80_columns(monkeypatch):
    screen = Terminal()
    monkeypatch.setattr(sys, "stderr", screen)
    said = []
    with Progress(1_000_000, 999_990, said.append) as shown:
        for _ in range(10):
            shown.step({"psnr": -1234.5678, "flow": 0.25})
    drawn = re.split(r"[\r\n]", screen.getvalue())
    assert max(len(line) for line in drawn) <= 80
    assert "loss -1234.3178" in screen.getvalue()
    assert said == []


def test_without_a_terminal_there_is_a_line_a_minute(monkeypatch):
    monkeypatch.setattr(sys, "stderr", io.StringIO())
    now = [0.0]
    monkeypatch.setattr(progress.time, "monotonic", lambda: now[0])
    said = []
    with Progress(1000, 0, said.append) as shown:
        for _ in range(150):
            now[0] += 1.0
            shown.step({"psnr": 0.5})
    assert said == [
        "step 60 of 1000 (6 %), loss 0.5000, 1.00 steps/s, about 16 min left",
        "step 120 of 1000 (12 %), loss 0.5000, 1.00 steps/s, about 15 min left",
    ]
    assert sys.stderr.getvalue() == ""


def test_only_the_first_process_shows(monkeypatch):
    monkeypatch.setattr(progress, "LINE_EVERY", 0.0)
    said = []
    with Progress(2, 0, said.append, shown=False) as shown:
        shown.step({"psnr": 0.5})
    assert said == []
