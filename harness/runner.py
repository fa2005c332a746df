"""Carries out a plan: cells on a thread pool, records into the outcome file as they come."""

from __future__ import annotations

import datetime
import os
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Executor, Future, ThreadPoolExecutor, as_completed
from pathlib import Path
from threading import Lock
from typing import Any, Protocol

from .cell import Cell
from .guest.engine import Engine, Limits
from .outcomes import CheckResult, OutcomeWriter, Record, Run
from .plan import Plan, describe

GUEST_MEMORY = 1 << 30
"""Bytes that one guest may take; guests that run side by side must fit into what is free."""


class Progress(Protocol):
    """Is told how a run goes on; called from several threads, one at a time."""

    def cell_started(self, cell: str, checks: int) -> None: ...
    def check_started(self, cell: str, check: str) -> None: ...
    def check_finished(self, cell: str, result: CheckResult) -> None: ...
    def cell_finished(self, cell: str, error: BaseException | None) -> None: ...


def carry_out(
    plan: Plan,
    engines: Mapping[str, Engine],
    outcomes: Path,
    environment: dict[str, Any],
    progress: Progress,
    limits: Limits | None = None,
    workers: int | None = None,
) -> Run:
    """Run every cell of a plan and return what its outcome file says.

    `engines` holds the engine for each kernel, by label. The outcome file is complete
    up to the last record at any moment, whatever happens next. Raises OSError if it
    cannot be written; on KeyboardInterrupt every guest is ended first.
    """
    begun = time.monotonic()
    head = Run(
        started=datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        environment=environment,
        kernels=[describe(kernel) for kernel in plan.kernels],
        checks=list(plan.checks),
    )
    outcomes.parent.mkdir(parents=True, exist_ok=True)
    with outcomes.open("w", encoding="utf-8") as stream:
        writer = OutcomeWriter(stream)
        writer.started(head)
        with ThreadPoolExecutor(workers or default_workers(len(plan.cells()))) as pool:
            errors = _run_cells(pool, plan, engines, limits or Limits(), _Recorder(writer, progress))
        if errors:
            raise errors[0]
        writer.finished(round(time.monotonic() - begun, 1))
    return Run.read([outcomes])


def default_workers(cells: int) -> int:
    """As many guests at once as there are cells, cores and room in free memory; at least one."""
    free = os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    cores = len(os.sched_getaffinity(0))
    return max(1, min(cells, cores, free // GUEST_MEMORY))


class _Recorder:
    """Serialises what the cells' threads have to say."""

    def __init__(self, writer: OutcomeWriter, progress: Progress) -> None:
        self._writer, self._progress, self._lock = writer, progress, Lock()

    def emit(self, cell: str) -> Callable[[Record], None]:
        def emit(record: Record) -> None:
            with self._lock:
                self._writer.add(record)
                if isinstance(record, CheckResult):
                    self._progress.check_finished(cell, record)

        return emit

    def started(self, cell: str) -> Callable[[str], None]:
        def started(check: str) -> None:
            with self._lock:
                self._progress.check_started(cell, check)

        return started

    def cell_started(self, cell: str, checks: int) -> None:
        with self._lock:
            self._progress.cell_started(cell, checks)

    def cell_finished(self, cell: str, error: BaseException | None) -> None:
        with self._lock:
            self._progress.cell_finished(cell, error)


def _run_cells(
    pool: Executor, plan: Plan, engines: Mapping[str, Engine], limits: Limits, recorder: _Recorder
) -> list[BaseException]:
    def run(cell: Cell, name: str) -> None:
        recorder.cell_started(name, len(plan.checks_of(cell.subject)))
        cell.run()

    running: dict[Future[None], str] = {}
    for kernel, subject in plan.cells():
        name = f"{kernel.label} · {subject}"
        cell = Cell(
            plan, kernel, subject, engines[kernel.label], limits, recorder.emit(name), recorder.started(name)
        )
        running[pool.submit(run, cell, name)] = name
    errors: list[BaseException] = []
    try:
        for future in as_completed(running):
            error = future.exception()
            recorder.cell_finished(running[future], error)
            if error is not None:
                errors.append(error)
    except KeyboardInterrupt:
        for future in running:
            future.cancel()
        for engine in engines.values():
            engine.stop()
        raise
    return errors
