"""What every report is made from: the run, cleaned and laid out as a table."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

from ..harness.outcomes import CheckInfo, CheckResult, GuestRecord, KernelInfo, Run, SubjectInfo, Verdict
from .benchmarks import KernelBenchmarks, compare
from .clean import cleaned
from .histogram import Distribution, distributions
from .history import Series, series
from .kind import Kind, Tally, kind_of, tally
from .side_by_side import SideBySide, side_by_side

_CERTAINTY = (
    Verdict.INFRA,
    Verdict.EXPECTED,
    Verdict.DEVIATION,
    Verdict.UNEXPECTED_PASS,
    Verdict.UNEXPECTED,
)
"""Of several results of one cell (merged runs) the last in this order is shown:
any result outweighs none, and nothing hides an unexpected one."""


@dataclass(frozen=True)
class Column:
    """A subject on a kernel. Merged runs may hold several releases or versions under one name."""

    kernel: str
    releases: tuple[str, ...]
    flavours: tuple[str, ...]
    subject: str
    versions: tuple[str, ...]
    guests: tuple[GuestRecord, ...]
    tally: Tally

    @property
    def key(self) -> tuple[str, str]:
        """What tells it from the other columns."""
        return self.kernel, self.subject

    @property
    def name(self) -> str:
        """How a reader calls it."""
        return f"{self.kernel} · {self.subject}"


@dataclass(frozen=True)
class Row:
    """A check, with one cell per column (None: no result)."""

    check: CheckInfo
    cells: tuple[CheckResult | None, ...]

    @property
    def name(self) -> str:
        """The check's id without its area."""
        return self.check.id.removeprefix(f"{self.check.area}/")

    @cached_property
    def kinds(self) -> tuple[Kind | None, ...]:
        """The kind of each cell."""
        return tuple(kind_of(cell) if cell else None for cell in self.cells)

    @property
    def differs(self) -> bool:
        """Whether not all columns say the same."""
        asked = [cell for cell in self.cells if cell or not self.check.subject]
        return len({(cell.outcome, cell.verdict) if cell else None for cell in asked}) > 1

    @property
    def alarming(self) -> bool:
        """Whether a cell of it is not as expected and not known."""
        return any(kind is not None and kind.alarming for kind in self.kinds)


@dataclass(frozen=True)
class Area:
    """The checks of one area; `tallies` has one entry per column."""

    name: str
    rows: tuple[Row, ...]
    tallies: tuple[Tally, ...]


@dataclass(frozen=True)
class Kernel:
    """A group of neighbouring columns."""

    label: str
    columns: tuple[Column, ...]


@dataclass(frozen=True)
class Report:
    """A run as a reader sees it; every string in it is clean."""

    run: Run
    columns: tuple[Column, ...]
    areas: tuple[Area, ...]
    benchmarks: tuple[KernelBenchmarks, ...]
    side_by_side: tuple[SideBySide, ...] = ()
    distributions: tuple[Distribution, ...] = ()
    history: tuple[Series, ...] = ()

    @classmethod
    def of(cls, run: Run, earlier: Sequence[Run] = ()) -> Report:
        """Lay out a run: rows in the plan's order by area, columns by kernel version, then subject.

        `earlier` are the runs before it, oldest first, for the history of its benchmarks.
        """
        run = cleaned(run)
        cells = _cells(run.results)
        columns = tuple(_columns(run, cells))
        benchmarks = compare(run)
        return cls(
            run,
            columns,
            tuple(_areas(run, columns, cells)),
            benchmarks,
            side_by_side(benchmarks, kernels_by_version(run.kernels)),
            distributions(run),
            series([*(cleaned(each) for each in earlier), run]) if earlier else (),
        )

    @property
    def kernels(self) -> tuple[Kernel, ...]:
        """The columns, grouped by kernel."""
        labels = dict.fromkeys(column.kernel for column in self.columns)
        return tuple(Kernel(each, tuple(c for c in self.columns if c.kernel == each)) for each in labels)

    @property
    def subjects(self) -> tuple[str, ...]:
        """The names of the subjects that have a column."""
        return tuple(dict.fromkeys(column.subject for column in self.columns))

    @cached_property
    def tally(self) -> Tally:
        """All columns together."""
        return sum((column.tally for column in self.columns), Tally())

    @property
    def rows(self) -> Iterator[Row]:
        """The rows of all areas."""
        return (row for area in self.areas for row in area.rows)

    def results(self) -> Iterator[tuple[Row, Column, CheckResult]]:
        """Every cell that has a result, row by row."""
        for row in self.rows:
            for column, cell in zip(self.columns, row.cells, strict=True):
                if cell is not None:
                    yield row, column, cell

    @property
    def missing(self) -> int:
        """How many cells have no result at all, as in a run that was cut short.

        A check that is for one subject only is missed in none of the others'.
        """
        return sum(
            cell is None and row.check.subject in ("", column.subject)
            for row in self.rows
            for column, cell in zip(self.columns, row.cells, strict=True)
        )


Cells = dict[tuple[str, str, str], CheckResult]


def _cells(results: Iterable[CheckResult]) -> Cells:
    cells: Cells = {}
    for result in results:
        key = (result.kernel, result.subject, result.check)
        have = cells.get(key)
        if have is None or _CERTAINTY.index(result.verdict) >= _CERTAINTY.index(have.verdict):
            cells[key] = result
    return cells


def _columns(run: Run, cells: Cells) -> Iterator[Column]:
    used = dict.fromkeys([(guest.kernel, guest.subject) for guest in run.guests if run.checks])
    used |= dict.fromkeys((kernel, subject) for kernel, subject, _ in cells)
    kernels = list(dict.fromkeys([*kernels_by_version(run.kernels), *(kernel for kernel, _ in used)]))
    subjects = list(dict.fromkeys([*_by_name(run.subjects), *(subject for _, subject in used)]))
    for kernel, subject in ((k, s) for k in kernels for s in subjects if (k, s) in used):
        infos = [info for info in run.kernels if info.label == kernel]
        yield Column(
            kernel=kernel,
            releases=tuple(dict.fromkeys(info.release for info in infos)),
            flavours=tuple(dict.fromkeys(info.flavour for info in infos)),
            subject=subject,
            versions=tuple(dict.fromkeys(info.version for info in run.subjects if info.name == subject)),
            guests=tuple(guest for guest in run.guests if (guest.kernel, guest.subject) == (kernel, subject)),
            tally=tally(result for key, result in cells.items() if key[:2] == (kernel, subject)),
        )


def kernels_by_version(kernels: list[KernelInfo]) -> list[str]:
    """Their labels, the oldest first."""

    def numbers(info: KernelInfo) -> list[int]:
        return [int(number) for number in re.findall(r"\d+", info.version)]

    return [info.label for info in sorted(kernels, key=numbers)]


def _by_name(subjects: list[SubjectInfo]) -> list[str]:
    """Ours first, then the baseline and the others by name: the same order on every machine."""
    return sorted((info.name for info in subjects), key=lambda name: (name != "reference", name))


def _areas(run: Run, columns: tuple[Column, ...], cells: Cells) -> Iterator[Area]:
    checks = {check.id: check for check in reversed(run.checks)}
    order = dict.fromkeys([*(check.id for check in run.checks), *(check for _, _, check in cells)])
    for each in order:
        checks.setdefault(each, CheckInfo(each, each.partition("/")[0], "", each))
    for name in dict.fromkeys(checks[each].area for each in order):
        rows = tuple(
            Row(checks[each], tuple(cells.get((c.kernel, c.subject, each)) for c in columns))
            for each in order
            if checks[each].area == name
        )
        tallies = tuple(tally(row.cells[index] for row in rows) for index in range(len(columns)))
        yield Area(name, rows, tallies)
