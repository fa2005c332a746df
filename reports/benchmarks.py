"""Benchmark samples as rows of ratios to the baseline, each with one plain sentence."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from statistics import median

from ..harness.outcomes import AGAIN, BenchmarkResult, Run
from .aims import Aim, aim_of, aims_sentence
from .statistics import MINIMUM_ROUNDS, Claim, Ratio, counted_claim, paired_ratios, ratio, usable

BASELINE = "libbpf"

INSTRUCTIONS = "instructions"

UNSTABLE = 0.1
"""A row in which the baseline differs from itself by more than this share says so."""

LANES = {
    "host": "Time on the host’s kernel",
    "guest": "Time in guests",
    INSTRUCTIONS: "Guest instructions",
    "": "Time",
}
"""What was counted where; files from before there were lanes do not say."""

AREAS = {"load": "Loading", "lookup": "Elements of maps", "events": "Events", "process": "Whole programs"}

_NOUNS = {INSTRUCTIONS: "instructions", "KiB": "memory", "%": "losses"}

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
    floor: Ratio | None = None
    """The baseline against itself: what is nearer to 1 than this is noise."""
    aim: Aim | None = None
    """The most that it is to take."""

    @property
    def reached(self) -> bool | None:
        """Whether it takes no more than its aim; None if it has none."""
        return self.aim.reached(self.ratio.median if self.ratio else None, self.time) if self.aim else None

    @property
    def aim_text(self) -> str:
        """Such as ``≤ 1.50× ✓``; '' without an aim."""
        if self.aim is None:
            return ""
        limit = times(self.aim.ratio) if self.aim.ratio is not None else duration(self.aim.median, self.unit)
        return f"≤ {limit} {'✓' if self.reached else '✗'}"

    @property
    def area(self) -> str:
        """What the benchmark is about."""
        area, slash, _ = self.benchmark.partition("/")
        return AREAS.get(area, area) if slash else ""

    @property
    def verdict(self) -> Claim | None:
        """What may be said of the ratio: nothing that the baseline could say of itself."""
        if self.ratio is None:
            return None
        if self.unit == INSTRUCTIONS:
            return counted_claim(self.ratio)
        claim, floor = self.ratio.claim, self.floor
        within = floor is not None and (
            (claim is Claim.SLOWER and self.ratio.low <= floor.high)
            or (claim is Claim.FASTER and self.ratio.high >= floor.low)
        )
        return Claim.NO_DIFFERENCE if within else claim

    @property
    def unstable(self) -> bool:
        """Whether the baseline differed so much from itself that the row should be measured again."""
        return self.floor is not None and (
            self.floor.low < 1 / (1 + UNSTABLE) or self.floor.high > 1 + UNSTABLE
        )

    @property
    def sentence(self) -> str:
        """What the figures say, and no more than that."""
        unstable = f"; unstable: {BASELINE} differed from itself" if self.unstable else ""
        return self._finding() + unstable

    def _finding(self) -> str:
        if self.ratio is None:
            return f"not compared: no round with a time of both {self.subject} and {BASELINE}"
        match self.verdict:
            case Claim.TOO_FEW:
                return f"{Claim.TOO_FEW} to say ({self.ratio.rounds} of {MINIMUM_ROUNDS})"
            case Claim.NO_DIFFERENCE:
                return str(Claim.NO_DIFFERENCE)
            case _:
                return f"{times(self.ratio.median)} {BASELINE}’s {_NOUNS.get(self.unit, 'time')}"

    @property
    def claim(self) -> str:
        """A word for the style of the row."""
        return self.verdict.name.lower().replace("_", "-") if self.verdict else "none"


@dataclass(frozen=True)
class KernelBenchmarks:
    """The benchmarks of one kernel in one lane."""

    kernel: str
    release: str
    rows: tuple[BenchmarkRow, ...]
    lane: str = ""

    @property
    def title(self) -> str:
        """Such as ``Guest instructions: Linux 7.2``."""
        return f"{LANES.get(self.lane, self.lane)}: Linux {self.kernel}"

    @property
    def aims(self) -> str:
        """How many aims are reached, and which not; '' if there are none."""
        return aims_sentence((row.benchmark, row.reached) for row in self.rows if row.reached is not None)

    @property
    def missed(self) -> tuple[BenchmarkRow, ...]:
        """The rows that take more than they are to, and of which it is known why."""
        return tuple(row for row in self.rows if row.aim and row.reached is False and row.aim.missed)

    @property
    def areas(self) -> tuple[tuple[str, tuple[BenchmarkRow, ...]], ...]:
        """The rows, grouped by what they are about."""
        names = dict.fromkeys(row.area for row in self.rows)
        return tuple((name, tuple(row for row in self.rows if row.area == name)) for name in names)


def compare(run: Run) -> tuple[KernelBenchmarks, ...]:
    """The run's benchmarks, by lane and kernel. Rounds pair up within one run, whatever is merged."""
    releases = {kernel.label: kernel.release for kernel in reversed(run.kernels)}
    places = dict.fromkeys((each.lane, each.kernel) for each in run.benchmarks)
    lanes = list(LANES)
    return tuple(
        KernelBenchmarks(label, releases.get(label, ""), tuple(_rows(run, lane, label)), lane)
        for lane, label in sorted(
            places, key=lambda place: lanes.index(place[0]) if place[0] in LANES else len(lanes)
        )
    )


def _rows(run: Run, lane: str, kernel: str) -> Iterator[BenchmarkRow]:
    results = [each for each in run.benchmarks if (each.lane, each.kernel) == (lane, kernel)]
    names = dict.fromkeys(each.benchmark for each in results)
    for benchmark in sorted(names, key=_place):
        same = [each for each in results if each.benchmark == benchmark]
        subjects = {name for each in same for name in each.samples if name not in (BASELINE, AGAIN)}
        for subject in sorted(subjects, key=lambda name: (name != "reference", name)):
            yield _row(same, subject)


def _place(benchmark: str) -> int:
    """Areas come in the order of `AREAS`; in an area, everything stays where it was."""
    area, slash, _ = benchmark.partition("/")
    return list(AREAS).index(area) if slash and area in AREAS else len(AREAS)


def _row(results: list[BenchmarkResult], subject: str) -> BenchmarkRow:
    first = results[0]
    return BenchmarkRow(
        first.benchmark,
        first.title,
        first.unit,
        subject,
        _median(results, subject),
        _median(results, BASELINE),
        ratio(_ratios(results, subject)),
        ratio(_ratios(results, AGAIN)),
        aim_of(first.benchmark, subject, first.lane),
    )


def _ratios(results: list[BenchmarkResult], subject: str) -> list[float]:
    return [
        each_ratio
        for each in results
        for each_ratio in paired_ratios(each.samples.get(subject, []), each.samples.get(BASELINE, []))
    ]


def _median(results: list[BenchmarkResult], subject: str) -> float | None:
    samples = [sample for each in results for sample in each.samples.get(subject, []) if usable(sample)]
    return median(samples) if samples else None


def duration(value: float | None, unit: str) -> str:
    """A time with three digits in the unit that suits it, such as ``86.6 µs``."""
    if value is None:
        return "—"
    if unit == INSTRUCTIONS and value >= 1e6:
        return f"{_three_digits(value / 1e6)} M {unit}"
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
