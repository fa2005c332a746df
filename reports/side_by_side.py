"""What a newer kernel changed: each benchmark's figures on several kernels of one lane."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from .benchmarks import BASELINE, LANES, KernelBenchmarks


@dataclass(frozen=True)
class FigureRow:
    """A subject's medians in one benchmark, one for each kernel (None: not measured)."""

    title: str
    unit: str
    subject: str
    figures: tuple[float | None, ...]

    @property
    def change(self) -> float | None:
        """From the oldest kernel to the newest, as a share."""
        first, last = self.figures[0], self.figures[-1]
        return last / first - 1 if first and last else None


@dataclass(frozen=True)
class SideBySide:
    """One lane's benchmarks on all its kernels, oldest first."""

    lane: str
    kernels: tuple[str, ...]
    rows: tuple[FigureRow, ...]

    @property
    def title(self) -> str:
        """Such as ``Guest instructions, 6.1 → 7.2``."""
        return f"{LANES.get(self.lane, self.lane)}, {self.kernels[0]} → {self.kernels[-1]}"


def side_by_side(benchmarks: Sequence[KernelBenchmarks], order: Sequence[str]) -> tuple[SideBySide, ...]:
    """A table for each lane that has several kernels; `order` has the kernels, oldest first."""
    tables = []
    for lane in dict.fromkeys(each.lane for each in benchmarks):
        kernels = {each.kernel: each for each in benchmarks if each.lane == lane}
        names = tuple(name for name in [*order, *sorted(kernels.keys() - set(order))] if name in kernels)
        if len(names) > 1:
            tables.append(SideBySide(lane, names, tuple(_rows([kernels[name] for name in names]))))
    return tuple(tables)


def _rows(kernels: Sequence[KernelBenchmarks]) -> list[FigureRow]:
    figures: dict[tuple[str, str], list[float | None]] = {}
    titles: dict[str, tuple[str, str]] = {}
    for index, kernel in enumerate(kernels):
        for row in kernel.rows:
            titles.setdefault(row.benchmark, (row.title, row.unit))
            for subject, figure in ((row.subject, row.time), (BASELINE, row.baseline)):
                column = figures.setdefault((row.benchmark, subject), [None] * len(kernels))
                column[index] = figure
    return [
        FigureRow(*titles[benchmark], subject, tuple(column))
        for (benchmark, subject), column in figures.items()
    ]
