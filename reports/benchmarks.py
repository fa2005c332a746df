"""Benchmark samples as rows of ratios to the baseline, each with one plain sentence."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from statistics import median

from ..harness.outcomes import BenchmarkResult, Run
from .statistics import MINIMUM_ROUNDS, Claim, Ratio, paired_ratios, ratio, usable

BASELINE = "libbpf"

_SCALE = (("s", 1e9), ("ms", 1e6), ("µs", 1e3), ("ns", 1.0))
_NANOSECONDS = {"ns": 1.0, "us": 1e3, "µs": 1e3, "ms": 1e6, "s": 1e9}


@dataclass(frozen=True)
class BenchmarkRow:
    """One subject against the baseline in one benchmark; medians in the benchmark's unit, or None."""

    benchmark: str
    title: str
    unit: str
    subject: str
    time: float | None
    baseline: float | None
    ratio: Ratio | None

    @property
    def sentence(self) -> str:
        """What the figures say, and no more than that."""
        if self.ratio is None:
            return f"not compared: no round with a time of both {self.subject} and {BASELINE}"
        match self.ratio.claim:
            case Claim.TOO_FEW:
                return f"{Claim.TOO_FEW} to say ({self.ratio.rounds} of {MINIMUM_ROUNDS})"
            case Claim.NO_DIFFERENCE:
                return str(Claim.NO_DIFFERENCE)
            case _:
                return f"{times(self.ratio.median)} {BASELINE}’s time"

    @property
    def claim(self) -> str:
        """A word for the style of the row."""
        return self.ratio.claim.name.lower().replace("_", "-") if self.ratio else "none"


@dataclass(frozen=True)
class KernelBenchmarks:
    """The benchmarks of one kernel."""

    kernel: str
    release: str
    rows: tuple[BenchmarkRow, ...]


def compare(run: Run) -> tuple[KernelBenchmarks, ...]:
    """The run's benchmarks, by kernel. Rounds pair up within one run, whatever is merged."""
    releases = {kernel.label: kernel.release for kernel in reversed(run.kernels)}
    return tuple(
        KernelBenchmarks(label, releases.get(label, ""), tuple(_rows(run, label)))
        for label in dict.fromkeys(each.kernel for each in run.benchmarks)
    )


def _rows(run: Run, kernel: str) -> Iterator[BenchmarkRow]:
    results = [each for each in run.benchmarks if each.kernel == kernel]
    for benchmark in dict.fromkeys(each.benchmark for each in results):
        same = [each for each in results if each.benchmark == benchmark]
        subjects = {subject for each in same for subject in each.samples if subject != BASELINE}
        for subject in sorted(subjects, key=lambda name: (name != "reference", name)):
            yield _row(same, subject)


def _row(results: list[BenchmarkResult], subject: str) -> BenchmarkRow:
    ratios: list[float] = []
    for each in results:
        ratios += paired_ratios(each.samples.get(subject, []), each.samples.get(BASELINE, []))
    first = results[0]
    return BenchmarkRow(
        first.benchmark,
        first.title,
        first.unit,
        subject,
        _median(results, subject),
        _median(results, BASELINE),
        ratio(ratios),
    )


def _median(results: list[BenchmarkResult], subject: str) -> float | None:
    samples = [sample for each in results for sample in each.samples.get(subject, []) if usable(sample)]
    return median(samples) if samples else None


def duration(value: float | None, unit: str) -> str:
    """A time with three digits in the unit that suits it, such as ``86.6 µs``."""
    if value is None:
        return "—"
    if unit not in _NANOSECONDS:
        return f"{_three_digits(value)} {unit}"
    nanoseconds = value * _NANOSECONDS[unit]
    name, size = next(((n, s) for n, s in _SCALE if nanoseconds >= s), _SCALE[-1])
    return f"{_three_digits(nanoseconds / size)} {name}"


def times(value: float) -> str:
    """A ratio, such as ``1.38×``: two digits after the point tell what a run can tell."""
    decimals = 0 if value >= 100 else 1 if value >= 10 else 2 if value >= 0.1 else 4
    return f"{value:,.{decimals}f}×"


def _three_digits(value: float) -> str:
    decimals = 2 - math.floor(math.log10(value))
    return f"{value:,.{max(0, decimals)}f}"
