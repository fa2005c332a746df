"""Progress on the terminal: live lines for a person, a line per cell for a log file."""

from __future__ import annotations

import time
from types import TracebackType

from rich.console import Console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
)

from .outcomes import CheckResult, Verdict


class RunProgress:
    """Shows every cell's progress while a run lasts; a context manager around it."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._bars = Progress(
            TextColumn("{task.description:<28}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TextColumn("{task.fields[doing]}", style="dim"),
            console=console,
            disable=not console.is_terminal,
        )
        self._tasks: dict[str, TaskID] = {}
        self._unexpected: dict[str, int] = {}
        self._counts: dict[str, int] = {}
        self._since: dict[str, float] = {}

    def __enter__(self) -> RunProgress:
        self._bars.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bars.stop()

    def cell_started(self, cell: str, checks: int) -> None:
        """A guest is about to boot for this cell and its checks; 0: their number is not known yet."""
        self._counts[cell] = self._unexpected[cell] = 0
        self._since[cell] = time.monotonic()
        self._tasks[cell] = self._bars.add_task(cell, total=checks or None, doing="booting")

    def check_started(self, cell: str, check: str) -> None:
        """A check has begun in the cell's guest."""
        self._bars.update(self._tasks[cell], doing=check)

    def check_finished(self, cell: str, result: CheckResult) -> None:
        """A check has its result; one that nobody expected is printed at once."""
        self._counts[cell] += 1
        self._bars.advance(self._tasks[cell])
        if result.verdict not in (Verdict.EXPECTED, Verdict.DEVIATION):
            self._unexpected[cell] += 1
            self._console.print(
                f"{cell}  {result.check}: {result.outcome}: {result.reason}", style="red", markup=False
            )

    def cell_finished(self, cell: str, error: BaseException | None) -> None:
        """The cell's last guest has ended."""
        if cell not in self._tasks:
            return
        odd = self._unexpected[cell]
        self._bars.update(self._tasks[cell], doing=f"{odd} unexpected" if odd else "done")
        if not self._console.is_terminal:
            took = time.monotonic() - self._since[cell]
            counted = f"{self._counts[cell]} results, {odd} unexpected" if self._counts[cell] else "done"
            said = f"stopped: {error}" if error else counted
            self._console.print(f"{cell}: {said}, {took:.0f} s", markup=False, highlight=False)


class FetchProgress:
    """Shows downloads while they last, and every note; a context manager around them."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._bars = Progress(
            TextColumn("{task.description:<40}"),
            BarColumn(),
            DownloadColumn(),
            console=console,
            transient=True,
            disable=not console.is_terminal,
        )
        self._tasks: dict[str, TaskID] = {}

    def __enter__(self) -> FetchProgress:
        self._bars.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bars.stop()

    def advance(self, what: str, done: int, total: int) -> None:
        """`done` of `total` bytes of `what` have arrived; a log file gets a line when it is whole."""
        if what not in self._tasks:
            self._tasks[what] = self._bars.add_task(what, total=total)
        self._bars.update(self._tasks[what], completed=done)
        if done >= total and not self._console.is_terminal:
            self._console.print(f"fetched {what}, {total / 1e6:.0f} MB", markup=False, highlight=False)

    def note(self, text: str) -> None:
        """One sentence that the user should see."""
        self._console.print(text, markup=False, highlight=False)
