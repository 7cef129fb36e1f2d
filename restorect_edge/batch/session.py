"""One run over photographs: begun, gone on with, reported and ended."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from restorect_edge.batch.cluster import restore_on_cluster
from restorect_edge.batch.jobs import Job, Plan, check_outputs
from restorect_edge.batch.journal import EXISTING, LEFT_OUT, RESTORED, Journal, Row
from restorect_edge.batch.pipeline import Restore, Settings, restore_all
from restorect_edge.batch.report import check_report, write_report
from restorect_edge.errors import MissingDependencyError, RestorectError, UsageError, counted

__all__ = ["Outcomes", "Session"]

Outcomes = Iterable[tuple[Row, RestorectError | None]]


class Session:
    """A run that can be interrupted: the same command, given again, does what is left.

    Args:
        plan: what to restore.
        settings: how.
        command: what else decides the outputs, such as the artifact; see `Journal`.
        overwrite: replace outputs that exist.
        skip_existing: leave files alone whose outputs exist.
        report: CSV or JSON file to write at the end.
        say: is given messages, a line each.

    Raises:
        UsageError: outputs that exist or cannot be made; nothing has been done then.
    """

    def __init__(
        self,
        plan: Plan,
        settings: Settings,
        *,
        command: Mapping[str, Any],
        overwrite: bool = False,
        skip_existing: bool = False,
        report: Path | None = None,
        say: Callable[[str], None] = lambda line: None,
    ) -> None:
        self._plan, self._settings, self._report, self._say = plan, settings, report, say
        if report is not None:
            check_report(report)
        described = {**command, "settings": repr(settings), "overwrite": overwrite, "outputs": plan.outputs}
        self._journal = Journal(plan.root, {key: str(value) for key, value in described.items()})
        resumed = self._journal.interrupted
        self.done = [job for job in plan.jobs if resumed and self._journal.is_done(job)]
        rest = [job for job in plan.jobs if job not in set(self.done)]
        existing = [job for job in rest if skip_existing and job.destination.exists()]
        self.jobs = [job for job in rest if job not in set(existing)]
        """What is left to do."""
        check_outputs(self.jobs, overwrite=overwrite)
        self._rows: dict[str, Row] = {
            str(job.source): self._journal.rows[str(job.source)] for job in self.done
        }
        self._add(_row(job, EXISTING, "its output exists") for job in existing)
        self._add(Row(source=str(left.source), status=LEFT_OUT, reason=left.reason) for left in plan.left_out)
        self._journal.clean(plan.jobs)
        self._existing = len(existing)

    @property
    def rows(self) -> list[Row]:
        """What became of every file so far, in the plan's order."""
        sources = [*(job.source for job in self._plan.jobs), *(left.source for left in self._plan.left_out)]
        return [self._rows[str(source)] for source in sources if str(source) in self._rows]

    def opening_words(self, provider: str) -> str:
        """Return what a run begins with: how many images, and on what."""
        words = f"{counted(len(self.jobs), 'image')}, {provider}"
        if self.done:
            words += f"; {len(self.done)} were restored before the interruption"
        return words + (f"; {self._existing} outputs exist and are left alone" if self._existing else "")

    def run(self, restore: Restore, *, workers: int = 2, at_once: int = 1) -> Outcomes:
        """Restore what is left and yield each row, with the error of one that failed.

        Args:
            restore: as for `restore_all`, like the others.
            workers: threads that decode and encode.
            at_once: threads that restore.
        """
        # a single picture is done or not: nothing to go on with
        journal = self._journal if len(self._plan.jobs) > 1 else None
        outcomes = restore_all(
            restore,
            self.jobs,
            self._settings,
            workers=workers if len(self.jobs) > 1 else 0,
            at_once=at_once,
            before_rename=None if journal is None else journal.add,
        )
        return self._followed(outcomes)

    def run_on_cluster(self, network: Mapping[str, Any], *, workers: int | None = None) -> Outcomes:
        """Restore what is left by `network` on a cluster of `workers`; see `restore_on_cluster`."""
        path = self._journal.path
        return self._followed(restore_on_cluster(network, self.jobs, self._settings, path, workers=workers))

    def _followed(self, outcomes: Outcomes) -> Outcomes:
        try:
            for row, error in outcomes:
                self._rows[row.source] = row
                yield row, error
        except BaseException:
            # the file stays: from it the same command goes on
            self._journal.close(finished=False)
            raise
        self.finish()

    def finish(self) -> None:
        """Write the report and end the journal."""
        if self._report is not None:
            write_report(self._report, self.rows)
        self._journal.close(finished=True)

    def interrupted_words(self) -> str:
        """Return what to say after an interruption."""
        restored = sum(row.status == RESTORED for row in {**self._rows, **self._journal.rows}.values())
        return (
            f"{restored} of {len(self._plan.jobs)} images are restored; the same command goes on from there"
        )

    def closing_words(self) -> list[str]:
        """Return what was converted or left out, with how many images it happened to."""
        notes = Counter(row.reason for row in self._rows.values() if row.status == RESTORED and row.reason)
        words = [f"note: {reason}" + (f" ({n} images)" if n > 1 else "") for reason, n in notes.most_common()]
        left_out = self._plan.left_out_words()
        return [*words, *([f"left out: {left_out}"] if left_out else [])]

    def check(self, errors: Iterable[RestorectError]) -> None:
        """Raise if images failed: `MissingDependencyError` where that is the only reason.

        Raises:
            UsageError: some were not restored.
        """
        failed = list(errors)
        if not failed:
            return
        missing = [error for error in failed if isinstance(error, MissingDependencyError)]
        if len(missing) == len(failed):
            raise MissingDependencyError(
                f"restoring {len(failed)} of {len(self._plan.jobs)} images", missing[0].extra
            )
        raise UsageError(
            f"{len(failed)} of {len(self._plan.jobs)} images were not restored; the messages above say why"
        )

    def _add(self, rows: Iterable[Row]) -> None:
        self._rows.update({row.source: row for row in rows})


def _row(job: Job, status: str, reason: str) -> Row:
    return Row(source=str(job.source), destination=str(job.destination), status=status, reason=reason)
