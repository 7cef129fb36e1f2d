"""What a run tells while it goes: a line of JSON per validation, TensorBoard, pictures."""

import importlib.util
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

__all__ = ["Journal"]


class Journal:
    """Writes ``log.jsonl`` and, where TensorBoard is installed, ``tensorboard/`` below a folder.

    Args:
        folder: of the run.

    Attributes:
        draws: whether TensorBoard is there.
    """

    def __init__(self, folder: Path) -> None:
        self.path = folder / "log.jsonl"
        self.draws = importlib.util.find_spec("tensorboard") is not None
        self._writer = _writer(folder / "tensorboard") if self.draws else None

    def scalars(self, step: int, values: Mapping[str, float], group: str) -> None:
        """Add values to the curves of a group."""
        if self._writer is not None:
            for name, value in values.items():
                self._writer.add_scalar(f"{group}/{name}", value, step)

    def row(self, step: int, values: Mapping[str, float]) -> str:
        """Append a line to the log and return it."""
        row = {"step": step, **{key: round(value, 4) for key, value in values.items()}}
        line = json.dumps(row)
        with self.path.open("a", encoding="utf-8") as stream:
            stream.write(line + "\n")
        return line

    def picture(self, step: int, path: Path) -> None:
        """Show a picture file."""
        if self._writer is not None:
            with Image.open(path) as image:
                self._writer.add_image("validation", np.asarray(image), step, dataformats="HWC")

    def close(self) -> None:
        """Write what is still held back."""
        if self._writer is not None:
            self._writer.close()


def _writer(folder: Path) -> Any:
    from torch.utils.tensorboard import SummaryWriter

    return SummaryWriter(str(folder))
