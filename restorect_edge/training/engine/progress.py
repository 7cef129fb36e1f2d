"""What a run shows while it goes: a bar on a terminal, a line a minute anywhere else."""

import sys
import time
from collections.abc import Callable, Mapping
from types import TracebackType

from tqdm import tqdm

__all__ = ["Progress"]

LINE_EVERY = 60.0
"""Seconds between lines where there is no terminal: in a log file, a bar is one endless line."""
WIDTH = 80
"""Most columns of the bar, which is one line on every terminal."""


class Progress:
    """Counts the steps of a run.

    Args:
        total: steps of the whole run.
        done: steps taken before, by a run that is resumed.
        log: is given the lines.
        shown: whether anything is shown: of several processes, the first shows.
    """

    def __init__(self, total: int, done: int, log: Callable[[str], None], *, shown: bool = True) -> None:
        self.total, self.done, self.log = total, done, log
        terminal = sys.stderr.isatty()
        self.lines = shown and not terminal
        self.bar = tqdm(
            total=total,
            initial=done,
            unit="step",
            smoothing=0.05,
            ncols=WIDTH,
            disable=not (shown and terminal),
        )
        self.began = self.said = time.monotonic()
        self.first = done

    def __enter__(self) -> "Progress":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.bar.close()

    def step(self, losses: Mapping[str, float]) -> None:
        """Count a step.

        Args:
            losses: their running means; their sum is shown.
        """
        self.done += 1
        loss = sum(losses.values())
        self.bar.set_postfix_str(f"loss {loss:.4f}", refresh=False)
        self.bar.update()
        if self.lines and time.monotonic() - self.said >= LINE_EVERY:
            self.said = time.monotonic()
            self.log(self._line(loss))

    def rate(self) -> float:
        """Return the steps per second since the run began or was resumed."""
        return (self.done - self.first) / max(1e-9, time.monotonic() - self.began)

    def _line(self, loss: float) -> str:
        rate = self.rate()
        left = (self.total - self.done) / rate / 60
        percent = 100 * self.done // self.total
        return (
            f"step {self.done} of {self.total} ({percent} %), loss {loss:.4f}, "
            f"{rate:.2f} steps/s, about {left:.0f} min left"
        )
