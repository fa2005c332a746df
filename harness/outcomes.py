"""The outcome stream: what a run writes down and a report reads.

A run is one file of JSON lines, each an *event*, written and flushed as it
happens so that a crash in check N keeps 1…N-1 and names N. `Run.read` puts
one or many such files together again. This schema is the only thing that
`reports` knows of the harness.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import IO, Any

FIRST_TRY = "first try"
"""Key of `CheckResult.detail`: what became of the check before, if it was tried twice."""

AGAIN = "libbpf again"
"""The baseline once more beside itself in a benchmark: what differs between the two is noise."""

SCHEMA = 1
"""Version of the event schema; a reader refuses a newer one."""


class Outcome(StrEnum):
    """What happened to one check in one guest (a closed set)."""

    PASS = "pass"
    FAIL = "fail"
    UNSUPPORTED = "unsupported"
    ERROR = "error"
    TIME_OUT = "time-out"
    CRASH = "crash"
    NOT_RUN = "not-run"
    INFRA = "infra"


class Verdict(StrEnum):
    """What an outcome means next to what was expected."""

    EXPECTED = "as expected"
    DEVIATION = "known deviation"
    UNEXPECTED_PASS = "unexpected pass"
    UNEXPECTED = "unexpected"
    INFRA = "infrastructure"


@dataclass(frozen=True)
class KernelInfo:
    """A column of the matrix: the kernel as the user named it, and what it is."""

    label: str
    release: str
    version: str
    flavour: str
    package: str = ""


@dataclass(frozen=True)
class SubjectInfo:
    """A loader under test; `version` is what its hello said."""

    name: str
    version: str


@dataclass(frozen=True)
class CheckInfo:
    """A row of the matrix. `id` is ``area/name``; `minimum` a kernel version or ''.

    `subject` is the only one that it can be asked of; '' if it is for all.
    """

    id: str
    area: str
    object: str
    title: str
    minimum: str = ""
    subject: str = ""


@dataclass(frozen=True)
class CheckResult:
    """One cell: a check of one subject on one kernel (`kernel` is its label).

    `detail` holds what the drill-down shows, all optional: ``log`` (verifier
    log), ``traceback``, ``errno``, ``class``, ``dmesg``, ``console``,
    ``command`` (how the guest was started), ``reproduce``, ``deviation``.
    Everything in it that came out of a guest is untrusted text.
    """

    kernel: str
    subject: str
    check: str
    outcome: Outcome
    verdict: Verdict
    seconds: float
    reason: str = ""
    detail: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class GuestRecord:
    """One guest (or the host's kernel) that was used: times in seconds."""

    kernel: str
    subject: str
    engine: str
    accelerator: str
    end: str
    reason: str
    boot_s: float
    run_s: float
    cpu_s: float
    command: str
    console: str = ""
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class BenchmarkResult:
    """Raw samples of one benchmark on one kernel, all subjects of one run.

    `samples[subject][i]` was measured in round i, interleaved with the other
    subjects' i-th sample, in `unit` per operation. `lane` is what was counted where:
    "host" and "guest" (time), "instructions"; '' in files from before there were lanes.
    """

    kernel: str
    benchmark: str
    title: str
    unit: str
    samples: dict[str, list[float]]
    engine: str = ""
    environment: dict[str, Any] = field(default_factory=dict)
    lane: str = ""


@dataclass(frozen=True)
class DistributionResult:
    """How single operations of one benchmark are distributed on one kernel.

    `histograms[subject]` are pairs of a duration in `unit` and how often it was seen; they rise.
    """

    kernel: str
    benchmark: str
    title: str
    unit: str
    histograms: dict[str, list[tuple[int, int]]]
    lane: str = ""


@dataclass
class Run:
    """Everything that one or more outcome files say."""

    started: str = ""
    seconds: float = 0.0
    finished: bool = False
    environment: dict[str, Any] = field(default_factory=dict)
    kernels: list[KernelInfo] = field(default_factory=list)
    subjects: list[SubjectInfo] = field(default_factory=list)
    checks: list[CheckInfo] = field(default_factory=list)
    results: list[CheckResult] = field(default_factory=list)
    guests: list[GuestRecord] = field(default_factory=list)
    benchmarks: list[BenchmarkResult] = field(default_factory=list)
    distributions: list[DistributionResult] = field(default_factory=list)

    @classmethod
    def read(cls, paths: Iterable[Path]) -> Run:
        """Read and merge outcome files. Raises `OutcomeFileError` on bad input.

        A last line cut short by a killed run is dropped: what was complete counts.
        """
        run = cls()
        for path in paths:
            _merge_file(run, path)
        return run

    def unexpected(self) -> list[CheckResult]:
        """The results that make a run fail."""
        return [r for r in self.results if r.verdict in (Verdict.UNEXPECTED, Verdict.UNEXPECTED_PASS)]


Record = CheckInfo | SubjectInfo | CheckResult | GuestRecord | BenchmarkResult | DistributionResult


class OutcomeFileError(ValueError):
    """A file is not an outcome stream, or is one of a newer schema."""


class OutcomeWriter:
    """Appends events to an outcome file, one flushed line each. Not thread-safe."""

    def __init__(self, stream: IO[str]) -> None:
        self._stream = stream

    def started(self, run: Run) -> None:
        """Write the head: environment, kernels, subjects and checks of the plan."""
        self._write(
            "run-started",
            schema=SCHEMA,
            started=run.started,
            environment=run.environment,
            kernels=[asdict(k) for k in run.kernels],
            subjects=[asdict(s) for s in run.subjects],
            checks=[asdict(c) for c in run.checks],
        )

    def add(self, record: Record) -> None:
        """Write one record as it becomes known."""
        self._write(_EVENT_OF[type(record)], **asdict(record))

    def finished(self, seconds: float) -> None:
        """Write the tail; a file without one is of a run that was cut short."""
        self._write("run-finished", seconds=seconds)

    def _write(self, event: str, **fields: Any) -> None:
        self._stream.write(json.dumps({"event": event, **fields}, separators=(",", ":")) + "\n")
        self._stream.flush()


_EVENT_OF: dict[type, str] = {
    CheckInfo: "check",
    SubjectInfo: "subject",
    CheckResult: "result",
    GuestRecord: "guest",
    BenchmarkResult: "benchmark",
    DistributionResult: "distribution",
}


def _merge_file(run: Run, path: Path) -> None:
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise OutcomeFileError(f"{path}: cannot be read: {error}") from error
    if not lines:
        raise OutcomeFileError(f"{path}: is empty; expected an outcome file written by 'bpflab run'")
    for number, line in enumerate(lines, 1):
        try:
            event = json.loads(line)
            kind = event.pop("event")
        except (ValueError, AttributeError, KeyError, TypeError) as error:
            if number == len(lines) and number > 1:
                return
            raise OutcomeFileError(f"{path}:{number}: is not an event of an outcome file") from error
        if number == 1 and kind != "run-started":
            raise OutcomeFileError(f"{path}: does not begin with 'run-started'; expected an outcome file")
        try:
            _merge_event(run, kind, event)
        except (KeyError, TypeError, ValueError) as error:
            raise OutcomeFileError(f"{path}:{number}: bad '{kind}' event: {error}") from error


def _merge_event(run: Run, kind: str, event: dict[str, Any]) -> None:
    match kind:
        case "run-started":
            if event["schema"] > SCHEMA:
                raise ValueError(f"schema {event['schema']} is newer than {SCHEMA}: use a newer bpflab")
            run.started = min(filter(None, (run.started, event["started"])))
            run.environment = run.environment or event["environment"]
            _extend(run.kernels, (KernelInfo(**k) for k in event["kernels"]))
            _extend(run.subjects, (SubjectInfo(**s) for s in event["subjects"]))
            _extend(run.checks, (CheckInfo(**c) for c in event["checks"]))
        case "check":
            _extend(run.checks, [CheckInfo(**event)])
        case "subject":
            _extend(run.subjects, [SubjectInfo(**event)])
        case "result":
            event |= {"outcome": Outcome(event["outcome"]), "verdict": Verdict(event["verdict"])}
            run.results.append(CheckResult(**event))
        case "guest":
            run.guests.append(GuestRecord(**event | {"notes": tuple(event.get("notes", ()))}))
        case "benchmark":
            run.benchmarks.append(BenchmarkResult(**event))
        case "distribution":
            histograms = {
                subject: [(int(value), int(number)) for value, number in pairs]
                for subject, pairs in event.pop("histograms").items()
            }
            run.distributions.append(DistributionResult(**event, histograms=histograms))
        case "run-finished":
            run.seconds += event["seconds"]
            run.finished = True


def _extend(have: list[Any], more: Iterable[Any]) -> None:
    have.extend(item for item in more if item not in have)
