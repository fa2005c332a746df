"""Benchmarks of several subjects in one guest, round by round side by side."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from statistics import fmean
from typing import Any

import pytest

from ..subjects.client import Subject
from ..subjects.handles import SubjectObject
from .fixtures import JOB, KEEPER, STREAM
from .job import SuiteJob
from .stream import Stream

ROUNDS = 24
ROUND_NS = 10e6
"""What a round's measured loop should at least take, so that the clock's steps do not show."""

MOST_LOOPS = 100
"""Loops per round; what is measured is not all that a loop takes."""

Measure = Callable[[Subject, int], list[float]]
"""Runs the measured loop so many times in one subject; nanoseconds per operation of each."""


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

    def __init__(self, benchmark: Any, clock: SubjectClock, subjects: Mapping[str, Subject], stream: Stream):
        self._benchmark, self._clock, self._stream = benchmark, clock, stream
        self.subjects = subjects

    def run(
        self, name: str, title: str, operations: int, measure: Measure, most_loops: int = MOST_LOOPS
    ) -> None:
        """Measure loops of `operations` operations; samples are nanoseconds per operation.

        Odd rounds go through the subjects backwards (ABBA), so that a drift of the
        machine meets all of them alike. The first measurement of each warms it up.
        """
        order = list(self.subjects)
        loops = min(most_loops, max(self._loops(each, operations, measure) for each in order))
        samples: dict[str, list[float]] = {subject: [] for subject in order}

        def one_round() -> None:
            for subject in order:
                samples[subject].append(fmean(measure(self.subjects[subject], loops)))
            order.reverse()
            self._clock.now += samples[first][-1] / 1e9

        first = order[0]
        self._benchmark.pedantic(one_round, rounds=ROUNDS)
        self._benchmark.extra_info["samples_ns"] = samples
        self._stream.benchmark(name, title, "ns", samples)

    def _loops(self, subject: str, operations: int, measure: Measure) -> int:
        took_ns = measure(self.subjects[subject], 1)[0] * operations
        return math.ceil(ROUND_NS / max(took_ns, 1.0))


@pytest.fixture
def paired(request: pytest.FixtureRequest) -> Paired:
    """All subjects of the job in this guest, and pytest-benchmark on their clock."""
    clock = SubjectClock()
    request.node.add_marker(pytest.mark.benchmark(timer=clock))
    stash = request.config.stash
    subjects = {name: stash[KEEPER].subject(name) for name in stash[JOB].subjects}
    return Paired(request.getfixturevalue("benchmark"), clock, subjects, stash[STREAM])


@pytest.fixture
def everywhere(paired: Paired, job: SuiteJob) -> Iterator[Callable[[str], dict[Subject, SubjectObject]]]:
    """Opens and loads an object of the corpus in every subject; closed afterwards."""
    with ExitStack() as stack:

        def load(name: str) -> dict[Subject, SubjectObject]:
            loaded = {
                subject: stack.enter_context(subject.open(job.objects[name]))
                for subject in paired.subjects.values()
            }
            for candidate in loaded.values():
                candidate.load()
            return loaded

        yield load
