"""What an evaluation found, as text, JSON, Markdown and a table of images."""

import csv
import io
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO

import numpy as np

from restorect_edge.errors import UsageError, counted
from restorect_edge.evaluation.protocols import Protocol
from restorect_edge.evaluation.scores import Evaluator, Metric, Score
from restorect_edge.utils.files import replacing

__all__ = ["Report", "report", "write_csv", "write_markdown", "write_text"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """Scores with everything that is needed to compare them with others."""

    source: str
    """The weights or the artifact, as it was named."""
    data: str
    """The folder of images, as it was named."""
    runtime: str
    provider: str
    protocol: Protocol
    metrics: Mapping[str, Metric]
    means: dict[str, float]
    """By metric, over the images in which it is defined."""
    scores: list[Score]

    @property
    def seconds(self) -> dict[str, float]:
        """Mean seconds per image in the network and in the metrics."""
        count = len(self.scores)
        return {
            "restoring": round(sum(s.restoring for s in self.scores) / count, 4),
            "scoring": round(sum(s.scoring for s in self.scores) / count, 4),
        }

    def column(self, key: str) -> list[float]:
        """Return a metric's values in the images in which it is defined."""
        return [v for s in self.scores if not math.isnan(v := s.values.get(key, math.nan))]

    def as_json(self) -> dict[str, Any]:
        """Return what JSON can hold; None stands for a metric that is undefined in every image."""
        return {
            "images": len(self.scores),
            **{key: _rounded(value) for key, value in self.means.items()},
            "deviation": {key: _rounded(_deviation(self.column(key))) for key in self._each()},
            "undefined": {key: n for key in self._each() if (n := len(self.scores) - len(self.column(key)))},
            "protocol": self.protocol.name,
            "switches": self.protocol.switches,
            "source": self.source,
            "data": self.data,
            "runtime": self.runtime,
            "provider": self.provider,
            "seconds": self.seconds,
        }

    def as_text(self) -> str:
        """Return one line of scores and one of conditions."""
        scores = ", ".join(f"{m.title} {m.shown(self.means[key])}" for key, m in self.metrics.items())
        seconds, images = self.seconds, counted(len(self.scores), "image")
        return (
            f"{scores} ({images}, protocol {self.protocol.name}, {self.provider})\n"
            f"{seconds['restoring']:.3f} s per image restoring, {seconds['scoring']:.3f} s scoring"
        )

    def as_markdown(self) -> str:
        """Return a page: conditions, a table of means and a table of images."""
        switches = ", ".join(f"{key} {_word(value)}" for key, value in self.protocol.switches.items())
        seconds = self.seconds
        return "\n".join(
            [
                f"# {self.source} on {self.data}",
                "",
                f"{len(self.scores)} images, {self.provider}. Protocol `{self.protocol.name}`: {switches}.",
                f"{seconds['restoring']:.3f} s per image restoring, {seconds['scoring']:.3f} s scoring.",
                "",
                "| metric | better | mean | deviation | worst | best |",
                "|---|---|---|---|---|---|",
                *(self._row(key, metric) for key, metric in self.metrics.items()),
                "",
                "| image | " + " | ".join(self.metrics[key].title for key in self._each()) + " |",
                "|---" * (1 + len(self._each())) + "|",
                *(self._image_row(score) for score in self.scores),
                "",
            ]
        )

    def _each(self) -> list[str]:
        return [key for key, metric in self.metrics.items() if not metric.pooled]

    def _row(self, key: str, metric: Metric) -> str:
        values = sorted(self.column(key), reverse=not metric.higher)
        spread = (
            [metric.shown(v) for v in (_deviation(values), values[0], values[-1])] if values else ["–"] * 3
        )
        cells = [metric.title, "higher" if metric.higher else "lower", metric.shown(self.means[key]), *spread]
        return "| " + " | ".join(cells) + " |"

    def _image_row(self, score: Score) -> str:
        cells = [self.metrics[key].shown(score.values[key]) for key in self._each()]
        return "| " + " | ".join([score.name.replace("|", "\\|"), *cells]) + " |"


def report(evaluator: Evaluator, *, source: str, data: str, runtime: str, provider: str) -> Report:
    """Return what an evaluator that has seen every image found.

    Args:
        evaluator: has at least one score.
        source: weights or artifact, as the user named them.
        data: folder of images, as the user named it.
        runtime: the backend's name.
        provider: what it ran on.
    """
    return Report(
        source=source,
        data=data,
        runtime=runtime,
        provider=provider,
        protocol=evaluator.protocol,
        metrics=evaluator.metrics,
        means=evaluator.means(),
        scores=evaluator.scores,
    )


def write_csv(path: Path, found: Report) -> None:
    """Write a line per image of `found` to `path`; the file appears whole or not at all."""

    def rows(text: TextIO) -> None:
        writer = csv.DictWriter(text, ["name", *found.scores[0].values])
        writer.writeheader()
        writer.writerows({"name": s.name, **s.values} for s in found.scores)

    write_text(path, rows)


def write_markdown(path: Path, found: Report, *, more: Sequence[str] = ()) -> None:
    """Write a page; the file appears whole or not at all.

    Args:
        path: of the page.
        found: is rendered by `Report.as_markdown`.
        more: lines after it.
    """
    write_text(
        path,
        lambda text: text.write(
            "\n".join([found.as_markdown(), *more, ""] if more else [found.as_markdown()])
        ),
    )


def write_text(path: Path, content: Callable[[TextIO], Any]) -> None:
    """Let `content` write to a text file, which appears whole or not at all.

    Args:
        path: of the file; UTF-8, but names that are not keep their bytes.
        content: is given the open stream.

    Raises:
        UsageError: it cannot be written.
    """
    try:
        with (
            replacing(path) as stream,
            # names of files that are not UTF-8 keep their bytes; the module csv ends its lines itself
            io.TextIOWrapper(stream, "utf-8", errors="surrogateescape", newline="") as text,
        ):
            content(text)
    except OSError as error:
        raise UsageError(f"cannot write '{path}': {error.strerror}") from error


def _deviation(values: list[float]) -> float:
    return float(np.std(values)) if values else math.nan


def _rounded(value: float) -> float | None:
    return None if math.isnan(value) else round(value, 4)


def _word(value: Any) -> str:
    if value is None or value is False:
        return "no"
    return "yes" if value is True else str(value)
