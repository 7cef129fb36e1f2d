"""What a run tells while it goes: a line of JSON per validation, TensorBoard, pictures."""

import importlib.util
import json
import math
import threading
from collections.abc import Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from restorect_edge.training.engine.checkpoint import writing
from restorect_edge.utils.files import replacing

__all__ = ["Journal"]


class Journal:
    """Writes ``log.jsonl`` and, where TensorBoard is installed, ``tensorboard/`` below a folder.

    Args:
        folder: of the run.
        step: that the run goes on from; lines beyond it are of steps that will be taken again.

    Attributes:
        draws: whether TensorBoard is there.
        last: step of the last line that was there before; 0 where there was none.

    Raises:
        BackendError: the disk is full or cannot be written; so do all methods but `close`.
    """

    def __init__(self, folder: Path, step: int = 0) -> None:
        self.path = folder / "log.jsonl"
        self.last = 0.0
        self.draws = importlib.util.find_spec("tensorboard") is not None
        with self._writing():
            self._forget(step)
            self._writer = _writer(folder / "tensorboard", step) if self.draws else None
        self._usual = threading.excepthook
        if self.draws:
            threading.excepthook = self._uncaught

    def _forget(self, step: int) -> None:
        """Drop the lines of later steps, and one that was cut short."""
        if not self.path.is_file():
            return
        lines = self.path.read_text(encoding="utf-8", errors="replace").splitlines()
        kept = [line for line in lines if _step(line) <= step]
        self.last = max(map(_step, kept), default=0.0)
        if kept != lines:
            with replacing(self.path) as stream:
                stream.write("".join(f"{line}\n" for line in kept).encode())

    def scalars(self, step: int, values: Mapping[str, float], group: str) -> None:
        """Add `values` by name to the curves of a `group`, at a `step`."""
        if self._writer is not None:
            with self._writing():
                for name, value in values.items():
                    self._writer.add_scalar(f"{group}/{name}", value, step)

    def row(self, step: int, values: Mapping[str, float]) -> str:
        """Append a line to the log with the `step` and `values` by name, and return it."""
        row = {"step": step, **{key: round(value, 4) for key, value in values.items()}}
        line = json.dumps(row)
        with self._writing(), self.path.open("a", encoding="utf-8") as stream:
            stream.write(line + "\n")
        return line

    def picture(self, step: int, path: Path) -> None:
        """Show the picture file at `path` in TensorBoard, at a `step`."""
        if self._writer is not None:
            with self._writing(), Image.open(path) as image:
                self._writer.add_image("validation", np.asarray(image), step, dataformats="HWC")

    def close(self) -> str:
        """Write what is still held back; return why that cannot be, or nothing."""
        try:
            if self._writer is not None:
                self._writer.close()
        except OSError as error:
            return f"the last curves could not be written to TensorBoard: {error.strerror or error}"
        finally:
            if self.draws:
                threading.excepthook = self._usual
        return ""

    def _uncaught(self, caught: threading.ExceptHookArgs) -> None:
        """Print no traceback of TensorBoard's thread, which keeps its error for the next call to raise."""
        if type(caught.thread).__module__ != "tensorboard.summary.writer.event_file_writer":
            self._usual(caught)

    def _writing(self) -> AbstractContextManager[None]:
        return writing(f"the log in '{self.path.parent}'")


def _step(line: str) -> float:
    """Return the step of a line; a line that is not whole has none, and counts as the last."""
    try:
        return float(json.loads(line)["step"])
    except (ValueError, LookupError, TypeError):
        return math.inf


def _writer(folder: Path, step: int) -> Any:
    from torch.utils.tensorboard import SummaryWriter

    return SummaryWriter(str(folder), purge_step=step + 1 if step else None)
