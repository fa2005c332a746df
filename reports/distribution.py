"""Where the marks of a ratio plot go: all rounds, the interval and the median, on one log axis."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

from .benchmarks import BenchmarkRow, KernelBenchmarks, times
from .statistics import Ratio

WIDTH, HEIGHT, MARGIN = 260, 30, 12
_TICKS = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 100, 200, 500, 1000)
_GAP = 30
"""Least distance of two tick labels."""


@dataclass(frozen=True)
class Tick:
    """A labelled place on the axis."""

    x: float
    label: str


@dataclass(frozen=True)
class Plot:
    """The marks of one row."""

    dots: tuple[tuple[float, float], ...]
    low: float
    high: float
    median: float


@dataclass(frozen=True)
class Axis:
    """A log axis that all rows of a page share, so that they can be compared by eye."""

    first: float
    last: float

    @classmethod
    def over(cls, kernels: Iterable[KernelBenchmarks]) -> Axis:
        """The axis that every ratio, and 1, lies on."""
        rows = [row for kernel in kernels for row in kernel.rows]
        ratios = [value for row in rows if row.ratio for value in row.ratio.ratios]
        ratios += [end for row in rows if row.floor for end in (row.floor.low, row.floor.high)]
        return cls(min(0.8, *ratios), max(1.25, *ratios)) if ratios else cls(0.8, 1.25)

    def x(self, ratio: float) -> float:
        """Where a ratio lies."""
        share = math.log(ratio / self.first) / math.log(self.last / self.first)
        return round(MARGIN + share * (WIDTH - 2 * MARGIN), 1)

    def width(self, ratio: Ratio) -> float:
        """How wide a ratio's interval is, one unit at least."""
        return round(max(1.0, self.x(ratio.high) - self.x(ratio.low)), 1)

    @property
    def ticks(self) -> list[Tick]:
        """Round numbers within the axis, 1 always among them, none too near to another."""
        chosen = [Tick(self.x(1), "1×")]
        for value in sorted(_TICKS, key=lambda tick: abs(math.log(tick))):
            x = self.x(value)
            if self.first <= value <= self.last and all(abs(x - tick.x) >= _GAP for tick in chosen):
                chosen.append(Tick(x, f"{value:g}×"))
        return sorted(chosen, key=lambda tick: tick.x)

    def plot(self, ratio: Ratio) -> Plot:
        """The marks of one ratio; the dots are spread upright so that none hides another."""
        dots = tuple(
            (self.x(value), round(HEIGHT / 2 + ((index * 0.618034) % 1 - 0.5) * 16, 1))
            for index, value in enumerate(ratio.ratios)
        )
        return Plot(dots, self.x(ratio.low), self.x(ratio.high), self.x(ratio.median))


def described(row: BenchmarkRow) -> str:
    """A plot in words."""
    if row.ratio is None:
        return row.sentence
    return (
        f"median {times(row.ratio.median)}, 95 % interval {times(row.ratio.low)} to {times(row.ratio.high)}, "
        f"{row.ratio.rounds} rounds from {times(min(row.ratio.ratios))} to {times(max(row.ratio.ratios))}"
    )
