"""History: one figure per run of each benchmark, and where it changed for good.

In lanes of time the figure is the ratio to the baseline, which outlives a change of the
machine; of instructions it is their number.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import fmean, median
from typing import NamedTuple

from ..harness.outcomes import AGAIN, BenchmarkResult, Run
from .benchmarks import BASELINE, INSTRUCTIONS, LANES
from .statistics import paired_ratios

WIDTH, HEIGHT, MARGIN = 220, 34, 5
LEAST_STEP = 0.03
"""A change of the level by less than this share is no step, however steady the runs are."""

SHORTEST = 3
"""Runs on each side of a step: two runs alone prove nothing."""

_STRICTNESS = 3.0
"""How many times the scatter around the levels a step must be."""


@dataclass(frozen=True)
class Point:
    """A run's figure; `x` and `y` are its place in the drawing."""

    started: str
    value: float
    x: float
    y: float


@dataclass(frozen=True)
class Step:
    """The run from which on the level is another; `change` is a share."""

    started: str
    change: float
    x: float


@dataclass(frozen=True)
class Series:
    """A subject in one benchmark on one kernel, over runs."""

    lane: str
    kernel: str
    benchmark: str
    title: str
    subject: str
    points: tuple[Point, ...]
    steps: tuple[Step, ...]

    @property
    def name(self) -> str:
        """Such as ``lookup/hash_1k of reference (Guest instructions, 7.2)``."""
        return f"{self.benchmark} of {self.subject} ({LANES.get(self.lane, self.lane)}, {self.kernel})"

    @property
    def sentence(self) -> str:
        """What the series says."""
        if len(self.points) < 2 * SHORTEST:
            return f"too few runs to tell a step ({len(self.points)} of {2 * SHORTEST})"
        if not self.steps:
            return f"no step in {len(self.points)} runs"
        return "; ".join(f"{percent(step.change)} since {step.started[:10]}" for step in self.steps)


def series(runs: Sequence[Run]) -> tuple[Series, ...]:
    """The history of what the last run measured; only runs that measured it, too, count."""
    figures = [_figures(run) for run in runs]
    titles = {result.benchmark: result.title for result in runs[-1].benchmarks}
    return tuple(
        _series(key, titles[key.benchmark], [(at, each[key]) for at, each in figures if key in each])
        for key in figures[-1][1]
    )


def percent(share: float | None) -> str:
    """A change, such as ``+6.2 %``."""
    return "—" if share is None else f"{share:+.1%}".replace("%", " %").replace("-", "−")


def steps(values: Sequence[float]) -> list[int]:
    """Where the level changes: the indexes of the first values of new levels.

    The series is cut in two where that explains most of its scatter, and so are the parts, as
    long as both sides are long enough and the levels lie apart by more than noise.
    """
    return sorted(_cuts(values, 0))


def _cuts(values: Sequence[float], offset: int) -> Iterator[int]:
    candidates = range(SHORTEST, len(values) - SHORTEST + 1)
    if not candidates:
        return
    cut = min(candidates, key=lambda index: _scatter(values[:index]) + _scatter(values[index:]))
    before, after = median(values[:cut]), median(values[cut:])
    rest = _scatter(values[:cut]) + _scatter(values[cut:])
    noise = math.sqrt(rest / (len(values) - 2))
    if abs(after - before) <= max(LEAST_STEP * before, _STRICTNESS * noise):
        return
    yield from _cuts(values[:cut], offset)
    yield offset + cut
    yield from _cuts(values[cut:], offset + cut)


def _scatter(values: Sequence[float]) -> float:
    mean = fmean(values)
    return math.fsum((value - mean) ** 2 for value in values)


class _Key(NamedTuple):
    """What a series is of; kernels are told apart by release, whatever they are called."""

    lane: str
    release: str
    benchmark: str
    subject: str


def _figures(run: Run) -> tuple[str, dict[_Key, float]]:
    """When a run was, and its figures."""
    releases = {kernel.label: kernel.release for kernel in run.kernels}
    found: dict[_Key, float] = {}
    for result in run.benchmarks:
        for subject in result.samples.keys() - {BASELINE, AGAIN}:
            key = _Key(result.lane, releases.get(result.kernel, result.kernel), result.benchmark, subject)
            if (figure := _figure(result, subject)) is not None:
                found[key] = figure
    return run.started, found


def _figure(result: BenchmarkResult, subject: str) -> float | None:
    samples = result.samples[subject]
    if result.unit != INSTRUCTIONS:
        samples = paired_ratios(samples, result.samples.get(BASELINE, []))
    return median(samples) if samples else None


def _series(key: _Key, title: str, figures: Sequence[tuple[str, float]]) -> Series:
    points = tuple(_points(figures))
    values = [value for _, value in figures]
    found = steps(values)
    levels = [median(values[start:end]) for start, end in pairwise([0, *found, len(values)])]
    changes = (after / before - 1 for before, after in pairwise(levels))
    at = (points[index] for index in found)
    marks = (Step(point.started, change, point.x) for point, change in zip(at, changes, strict=True))
    return Series(key.lane, key.release, key.benchmark, title, key.subject, points, tuple(marks))


def _points(figures: Sequence[tuple[str, float]]) -> Iterator[Point]:
    low, high = min(value for _, value in figures), max(value for _, value in figures)
    # Noise is not blown up to the height of the drawing: it shows 10 % at least.
    span = max(high - low, 0.1 * high)
    bottom = (low + high - span) / 2
    for index, (started, value) in enumerate(figures):
        x = MARGIN + index * (WIDTH - 2 * MARGIN) / max(1, len(figures) - 1)
        y = HEIGHT - MARGIN - (value - bottom) / span * (HEIGHT - 2 * MARGIN)
        yield Point(started, value, round(x, 1), round(y, 1))
