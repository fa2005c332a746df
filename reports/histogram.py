"""Distributions of single operations: percentiles, and a curve of each subject on one log axis."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise

from ..harness.outcomes import AGAIN, Run
from .benchmarks import LANES

WIDTH, HEIGHT, MARGIN, FOOT = 520, 120, 14, 18
PERCENTILES = {"p50": 0.5, "p99": 0.99, "p99.9": 0.999, "maximum": 1.0}

_BINS_PER_DECADE = 24
_MINIMUM_GAP = 44
"""Least distance of two tick labels."""

Histogram = Sequence[tuple[int, int]]


@dataclass(frozen=True)
class Curve:
    """One subject: how many operations, the figures of `PERCENTILES`, and a line as SVG has it."""

    subject: str
    count: int
    percentiles: tuple[float, ...]
    path: str


@dataclass(frozen=True)
class Mark:
    """A labelled place on the axis."""

    x: float
    label: str


@dataclass(frozen=True)
class Distribution:
    """One benchmark on one kernel."""

    kernel: str
    lane: str
    benchmark: str
    title: str
    unit: str
    curves: tuple[Curve, ...]
    ticks: tuple[Mark, ...]

    @property
    def where(self) -> str:
        """The lane and the kernel."""
        return f"{LANES.get(self.lane, self.lane)}: Linux {self.kernel}"


def distributions(run: Run) -> tuple[Distribution, ...]:
    """Those of a run that have operations at all."""
    found = []
    for result in run.distributions:
        usable = {
            subject: [(value, number) for value, number in pairs if value > 0 and number > 0]
            for subject, pairs in result.histograms.items()
            if subject != AGAIN
        }
        histograms = {subject: pairs for subject, pairs in usable.items() if pairs}
        if histograms:
            axis = _Axis.over(histograms.values())
            curves = tuple(_curve(subject, pairs, axis) for subject, pairs in histograms.items())
            place = result.kernel, result.lane, result.benchmark, result.title, result.unit
            found.append(Distribution(*place, curves, tuple(axis.ticks())))
    return tuple(found)


def percentile(histogram: Histogram, share: float) -> float:
    """The least value that this share of the operations does not exceed."""
    wanted = math.ceil(share * sum(number for _, number in histogram))
    sums = accumulate(number for _, number in histogram)
    return next(value for (value, _), sum_ in zip(histogram, sums, strict=True) if sum_ >= wanted)


@dataclass(frozen=True)
class _Axis:
    """Log bins from the least value to the largest of all subjects."""

    first: int
    last: int

    @classmethod
    def over(cls, histograms: Iterable[Histogram]) -> _Axis:
        values = [value for histogram in histograms for value, _ in histogram]
        return cls(_bin(min(values)), max(_bin(max(values)), _bin(min(values)) + 1))

    def x(self, position: float) -> float:
        share = (position - self.first) / (self.last + 1 - self.first)
        return round(MARGIN + share * (WIDTH - 2 * MARGIN), 1)

    def ticks(self) -> Iterable[Mark]:
        last_x = -math.inf
        for exponent in range(12):
            for factor in (1, 2, 5):
                value = factor * 10**exponent
                x = self.x(math.log10(value) * _BINS_PER_DECADE)
                if MARGIN <= x <= WIDTH - MARGIN and x - last_x >= _MINIMUM_GAP:
                    last_x = x
                    yield Mark(x, _short(value))


def _bin(value: float) -> int:
    return math.floor(math.log10(value) * _BINS_PER_DECADE)


def _curve(subject: str, histogram: Histogram, axis: _Axis) -> Curve:
    bins = [0] * (axis.last - axis.first + 1)
    for value, number in histogram:
        bins[_bin(value) - axis.first] += number
    # Shares on a square-root scale: what is rare is what the picture is for.
    heights = [math.sqrt(number / max(bins)) for number in bins]
    floor = HEIGHT - FOOT
    steps = [f"M{axis.x(axis.first)} {floor}"]
    for (left, right), height in zip(pairwise(range(axis.first, axis.last + 2)), heights, strict=True):
        y = round(floor - height * (floor - 6), 1)
        steps.append(f"L{axis.x(left)} {y}L{axis.x(right)} {y}")
    steps.append(f"L{axis.x(axis.last + 1)} {floor}")
    figures = tuple(percentile(histogram, share) for share in PERCENTILES.values())
    return Curve(subject, sum(number for _, number in histogram), figures, "".join(steps))


def _short(nanoseconds: int) -> str:
    for unit, size in (("s", 10**9), ("ms", 10**6), ("µs", 10**3)):
        if nanoseconds >= size:
            return f"{nanoseconds // size} {unit}"
    return f"{nanoseconds} ns"
