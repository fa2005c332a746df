"""Benchmarks of several subjects in one guest, round by round side by side."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from typing import Any

import pytest

from ..outcomes import AGAIN
from ..subjects.answers import Histogram
from ..subjects.client import Subject
from ..subjects.handles import SubjectObject
from .fixtures import BASELINE, KEEPER, STREAM
from .job import SuiteJob
from .lanes import LANES, Lane
from .plugin import check_id
from .stream import Stream

MOST_LOOPS = 100
"""Loops per round; what is measured is not all that a loop takes."""

Measure = Callable[[Subject, int], list[float]]
"""Runs the measured loop so many times in one subject; nanoseconds per operation of each."""

Everywhere = Callable[..., dict[Subject, SubjectObject]]
"""Opens and loads an object of the corpus in every subject, with initial values of variables."""


class SubjectClock:
    """A timer for pytest-benchmark that only goes on while the first subject's loop runs, in seconds."""

    __name__ = "SubjectClock"

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


class Paired:
    """Measures one operation in all subjects, interleaved, with their own clocks.

    pytest-benchmark's statistics are of the first subject, in seconds per operation;
    its ``extra_info`` and the stream have every subject's samples.
    """

    def __init__(
        self,
        name: str,
        benchmark: Any,
        clock: SubjectClock,
        subjects: Mapping[str, Subject],
        stream: Stream,
        lane: Lane,
    ) -> None:
        self._name, self._benchmark, self._clock, self._stream = name, benchmark, clock, stream
        self.subjects = subjects
        self.lane = lane

    def run(self, title: str, operations: int, measure: Measure, most_loops: int = MOST_LOOPS) -> None:
        """Measure loops of `operations` operations; samples are nanoseconds per operation.

        The first measurement of each subject warms it up.
        """
        loops = self.lane.loops or min(
            most_loops, max(self._loops(each, operations, measure) for each in self.subjects)
        )
        if self.lane.loops:
            for subject in self.subjects.values():
                measure(subject, 1)
        self.rounds(
            title,
            self.lane.rounds,
            lambda name: {"": self.lane.sample(measure(self.subjects[name], loops))},
        )

    def rounds(
        self,
        title: str,
        rounds: int,
        measure: Callable[[str], Mapping[str, float]],
        unit: str = "",
        titles: Mapping[str, str] | None = None,
    ) -> None:
        """Measure each subject in each round; a measurement may give several figures by name.

        Odd rounds go through the subjects backwards (ABBA), so that a drift of the machine
        meets all of them alike.
        """
        order = list(self.subjects)
        first = order[0]
        figures: dict[str, dict[str, list[float]]] = {}

        def one_round() -> None:
            for subject in order:
                for figure, value in measure(subject).items():
                    figures.setdefault(figure, {}).setdefault(subject, []).append(value)
            order.reverse()
            self._clock.now += next(iter(figures.values()))[first][-1] / 1e9

        self._benchmark.pedantic(one_round, rounds=rounds)
        for figure, samples in figures.items():
            self._benchmark.extra_info[f"samples {figure}".strip()] = samples
            name = f"{self._name}_{figure}" if figure else self._name
            figure_title = f"{title}: {(titles or {}).get(figure, figure)}" if figure else title
            self._stream.benchmark(name, figure_title, unit or self.lane.unit, samples)

    def distribution(self, title: str, measure: Callable[[Subject], Histogram]) -> None:
        """Measure how single operations are distributed, one subject after the other."""
        histograms: dict[str, Histogram] = {}

        def all_subjects() -> None:
            for name, subject in self.subjects.items():
                histograms[name] = measure(subject)

        self._benchmark.pedantic(all_subjects, rounds=1)
        self._stream.distribution(self._name, title, self.lane.unit, histograms)

    def _loops(self, subject: str, operations: int, measure: Measure) -> int:
        took_ns = measure(self.subjects[subject], 1)[0] * operations
        return math.ceil(self.lane.round_ns / max(took_ns, 1.0))


Restarted = Callable[[Mapping[str, str]], Paired]
"""All subjects in processes of their own with other environment variables."""


@pytest.fixture
def floor(request: pytest.FixtureRequest, job: SuiteJob) -> Iterator[dict[str, Subject]]:
    """The baseline once more beside itself: what differs between these two is noise."""
    lane = LANES[job.lane]
    if not lane.floor or BASELINE not in job.subjects:
        yield {}
        return
    with Subject(job.commands[BASELINE]) as again:
        yield {AGAIN: again}


@pytest.fixture
def paired(request: pytest.FixtureRequest, job: SuiteJob, floor: dict[str, Subject]) -> Paired:
    """All subjects of the job in this guest, and pytest-benchmark on their clock."""
    keeper = request.config.stash[KEEPER]
    return _paired(request, job, {name: keeper.subject(name) for name in job.subjects} | floor)


@pytest.fixture
def restarted(request: pytest.FixtureRequest, job: SuiteJob) -> Iterator[Restarted]:
    """Starts all subjects anew; they are ended after the benchmark."""
    with ExitStack() as stack:

        def restart(environment: Mapping[str, str]) -> Paired:
            names = {name: name for name in job.subjects}
            if LANES[job.lane].floor and BASELINE in names:
                names[AGAIN] = BASELINE
            started = {
                name: stack.enter_context(Subject(job.commands[subject], environment=environment))
                for name, subject in names.items()
            }
            return _paired(request, job, started)

        yield restart


def _paired(request: pytest.FixtureRequest, job: SuiteJob, subjects: Mapping[str, Subject]) -> Paired:
    clock = SubjectClock()
    request.node.add_marker(pytest.mark.benchmark(timer=clock))
    benchmark, stream = request.getfixturevalue("benchmark"), request.config.stash[STREAM]
    return Paired(check_id(request.node), benchmark, clock, subjects, stream, LANES[job.lane])


@pytest.fixture
def everywhere(paired: Paired, job: SuiteJob) -> Iterator[Everywhere]:
    """Opens and loads an object of the corpus in every subject; closed afterwards."""
    with ExitStack() as stack:

        def load(name: str, **variables: bytes) -> dict[Subject, SubjectObject]:
            loaded = {
                subject: stack.enter_context(subject.open(job.objects[name], variables))
                for subject in paired.subjects.values()
            }
            for candidate in loaded.values():
                candidate.load()
            return loaded

        yield load
