"""Photographs restored on many machines, or many processes of one, by Ray Data.

All machines see the same files under the same paths. Each worker loads the network once; a row is in the
journal before its output has its name, so a photograph whose worker dies is restored again by another, and
one that was complete is not.
"""

import json
import logging
import os
import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from restorect_edge import errors
from restorect_edge.batch.jobs import Job
from restorect_edge.batch.journal import FAILED, Journal, Row, append
from restorect_edge.batch.pipeline import Settings, restore_one
from restorect_edge.errors import BackendError, MissingDependencyError, RestorectError
from restorect_edge.targets.loading import load
from restorect_edge.utils.extras import imported
from restorect_edge.utils.foreign import reason

__all__ = ["Worker", "restore_on_cluster"]

RETRIES = 20
"""Deaths of one worker, and tries of one photograph, before a run is given up."""

Told = dict[str, str]
"""What travels between machines: JSON, since names of files need not be UTF-8."""


class Worker:
    """One process of the cluster, which restores photograph after photograph.

    Args:
        network: arguments of `restorect_edge.load`.
        settings: see `Settings`.
        journal: file that rows are added to.
        folder: that the paths of jobs are relative to.
    """

    def __init__(self, network: Mapping[str, Any], settings: Settings, journal: Path, folder: str) -> None:
        os.chdir(folder)
        self._restore = load(**network)
        self._settings, self._journal = settings, journal

    def __call__(self, told: Told) -> Told:
        """Restore the file of a job, or find that a worker that died had done so."""
        source, destination = json.loads(told["job"])
        job = Job(Path(source), Path(destination))
        done = Journal.at(self._journal)
        try:
            row = done.rows[source] if done.is_done(job) else self._restored(job)
        except RestorectError as error:
            failed = Row(source=source, destination=destination, status=FAILED, reason=str(error))
            facts = [type(error).__name__, str(error), getattr(error, "extra", "")]
            return {"row": json.dumps(asdict(failed)), "error": json.dumps(facts)}
        return {"row": json.dumps(asdict(row)), "error": ""}

    def _restored(self, job: Job) -> Row:
        return restore_one(
            self._restore, job, self._settings, before_rename=lambda row: append(self._journal, row)
        )


def restore_on_cluster(
    network: Mapping[str, Any],
    jobs: Sequence[Job],
    settings: Settings,
    journal: Path,
    *,
    workers: int | None = None,
) -> Iterator[tuple[Row, RestorectError | None]]:
    """Restore files and yield the row of each, with the error of one that failed, in any order.

    Args:
        network: arguments of `restorect_edge.load`; paths in it are the same on all machines.
        jobs: what to restore.
        settings: see `Settings`.
        journal: the run's, on a file system that all machines share.
        workers: processes; by default one per CPU of the cluster, and no more than `jobs`.

    Raises:
        MissingDependencyError: Ray is not installed.
        BackendError: the cluster cannot be reached, or lost a worker too often.
    """
    if not jobs:
        return
    ray = _started()
    count = min(workers or int(ray.cluster_resources().get("CPU", 1)), len(jobs))
    journal.parent.mkdir(parents=True, exist_ok=True)
    items = [{"job": json.dumps([str(job.source), str(job.destination)])} for job in jobs]
    threads = network.get("threads") or 1
    try:
        with warnings.catch_warnings():  # without a number Ray begins a worker that dies again for ever
            warnings.filterwarnings("ignore", "`ray_remote_args", DeprecationWarning)
            done = ray.data.from_items(items, override_num_blocks=len(items)).map(
                Worker,
                fn_constructor_args=(dict(network), settings, journal.resolve(), str(Path.cwd())),
                compute=ray.data.ActorPoolStrategy(size=count),
                num_cpus=threads,
                max_restarts=RETRIES,
                max_task_retries=RETRIES,
            )
        for told in done.iter_rows():
            yield Row(**json.loads(told["row"])), _error(told["error"])
    except ray.exceptions.RayError as error:
        raise BackendError(f"Ray gave up: {reason(error)}") from error


def _started() -> Any:
    """Join the cluster of ``RAY_ADDRESS``, or begin one on this machine; Ray says errors alone."""
    os.environ.setdefault("RAY_BACKEND_LOG_LEVEL", "fatal")
    ray = imported("ray", "--cluster", "ray")
    imported("ray.data", "--cluster", "ray")
    for name in ("ray", "ray.data"):
        logging.getLogger(name).setLevel(logging.ERROR)
    try:
        # it may be there, begun by the program of a user; of one of ours nobody looks at a dashboard
        ray.init(
            ignore_reinit_error=True, include_dashboard=False, log_to_driver=False, configure_logging=False
        )
    except (ConnectionError, ray.exceptions.RayError, ValueError) as error:
        where = os.environ.get("RAY_ADDRESS", "this machine")
        raise BackendError(f"no Ray cluster at {where}: {reason(error)}") from error
    context = ray.data.DataContext.get_current()
    context.enable_progress_bars = False
    return ray


def _error(told: str) -> RestorectError | None:
    """Return the error that a worker met."""
    if not told:
        return None
    name, message, extra = json.loads(told)
    if extra:
        met = MissingDependencyError("", extra)
        met.args = (message,)
        return met
    made: RestorectError = getattr(errors, name)(message)
    return made
