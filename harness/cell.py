"""One cell of a plan: the checks of one subject on one kernel, whatever becomes of its guests."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from ..kernels.kernel import Kernel
from .guest.engine import End, EndKind, Engine, GuestSetupError, Job, Limits
from .outcomes import (
    FIRST_TRY,
    BenchmarkResult,
    CheckInfo,
    CheckResult,
    DistributionResult,
    GuestRecord,
    Outcome,
    Record,
    SubjectInfo,
)
from .plan import Plan, describe
from .verdicts import judge

Emit = Callable[[Record], None]

_OUTCOME_OF = {
    EndKind.CRASHED: Outcome.CRASH,
    EndKind.TIMED_OUT: Outcome.TIME_OUT,
    EndKind.LOST: Outcome.INFRA,
}


@dataclass
class _Stream:
    """What one guest has said so far: the check that is running, and those that are done."""

    cell: Cell
    running: str = ""
    done: set[str] = field(default_factory=set)
    finished: bool = False
    late: dict[str, str] = field(default_factory=dict)
    """Checks over their time limit for the first time → reason; each has another try in the next guest."""
    strange: list[str] = field(default_factory=list)

    def line(self, text: str) -> None:
        try:
            event = json.loads(text)
            self._event(event.pop("event"), event)
        except (ValueError, KeyError, TypeError, AttributeError):
            # Guests are not trusted: a broken line is kept for the record, and costs nothing else.
            self.strange.append(text[:200])

    def _event(self, kind: str, event: dict[str, Any]) -> None:
        match kind:
            case "subject":
                self.cell.emit(SubjectInfo(str(event["name"]), str(event["version"])))
            case "check-started":
                self.running = str(event["check"])
                self.cell.started(self.running)
            case "check-finished":
                self._finished(str(event["check"]), Outcome(event["outcome"]), event)
            case "benchmark":
                self.cell.benchmark(event)
            case "distribution":
                self.cell.distribution(event)
            case "suite-finished":
                self.finished = True

    def _finished(self, check: str, outcome: Outcome, event: dict[str, Any]) -> None:
        seconds, reason = float(event["seconds"]), str(event.get("reason", ""))
        self.running = ""
        detail = dict(event.get("detail", {}))
        if outcome is Outcome.TIME_OUT and self.cell.may_retry(check, reason, detail):
            self.late[check] = reason
            return
        self.done.add(check)
        self.cell.report(check, outcome, seconds, reason, detail)


@dataclass
class Cell:
    """A kernel and a subject of a plan; `run` carries it out and emits its records."""

    plan: Plan
    kernel: Kernel
    subject: str
    engine: Engine
    limits: Limits
    emit: Emit
    started: Callable[[str], None] = lambda check: None
    _known: dict[str, CheckInfo] = field(default_factory=dict)
    _done: set[str] = field(default_factory=set)
    _retried: dict[str, dict[str, Any]] = field(default_factory=dict)
    """Checks that had no end at their first try ('': between checks) → what became of it, for the result.

    A lost guest says nothing of a check. A time-out says little: emulated guests on a busy machine
    stand still at times. What hangs in a second guest too is a finding.
    """

    def run(self) -> None:
        """Run every check, in as many guests as it takes; each check gets one result."""
        self._known = {check.id: check for check in self.plan.checks}
        while self._pending() or self.plan.user_objects or self.plan.bench:
            stream = _Stream(self)
            try:
                end = self._guest(stream)
            except GuestSetupError as error:
                self._rest(Outcome.INFRA, str(error), {})
                return
            self._done |= stream.done
            if end.kind is EndKind.FINISHED and stream.finished:
                if stream.late:
                    continue
                self._rest(Outcome.NOT_RUN, "the suite ended without running it", _evidence(end))
                return
            if not self._after_loss(stream, end):
                return

    def _guest(self, stream: _Stream) -> End:
        end = self.engine.run(self.kernel, self._job(), self.limits, stream.line)
        late = tuple(f"{check} is tried again: {reason}" for check, reason in stream.late.items())
        strange = tuple(f"not an event: {text!r}" for text in stream.strange[:3])
        record = GuestRecord(
            kernel=self.kernel.label,
            subject=self.subject,
            engine=self.engine.name,
            accelerator=end.accelerator,
            end=str(end.kind),
            reason=end.reason,
            boot_s=end.boot_s,
            run_s=end.run_s,
            cpu_s=end.cpu_s,
            command=end.command,
            console=end.console if end.kind is not EndKind.FINISHED else "",
            notes=end.notes + late + strange,
        )
        self.emit(record)
        return end

    def _after_loss(self, stream: _Stream, end: End) -> bool:
        """Give the running check its outcome; whether to go on in a fresh guest."""
        outcome = _OUTCOME_OF.get(end.kind, Outcome.INFRA)
        reason = end.reason or f"the suite ended early with exit code {end.exit_code}"
        without_end = outcome in (Outcome.INFRA, Outcome.TIME_OUT) or not stream.running
        if without_end and self.may_retry(stream.running, f"{end.kind}: {reason}", _evidence(end)):
            return True
        if not stream.running:
            why = f"the guest {end.kind} in its {end.phase} phase: {reason}"
            self._rest(Outcome.INFRA, why, _evidence(end))
            return False
        self.report(stream.running, outcome, 0.0, reason, _evidence(end))
        self._done.add(stream.running)
        return bool(self._pending()) or bool(self.plan.user_objects) or self.plan.bench

    def may_retry(self, check: str, reason: str, detail: dict[str, Any]) -> bool:
        """Whether a check that came to no end has another try: once, and then no more."""
        if check in self._retried:
            return False
        evidence = {f"{FIRST_TRY}: {key}": value for key, value in detail.items()}
        self._retried[check] = {FIRST_TRY: reason} | evidence
        return True

    def _rest(self, outcome: Outcome, reason: str, detail: dict[str, Any]) -> None:
        for check in self._pending():
            self.report(check, outcome, 0.0, reason, detail)
            self._done.add(check)

    def _pending(self) -> list[str]:
        """The checks without a result; whatever stands for a user's object is known only once it is open."""
        ids = [check.id for check in self.plan.checks_of(self.subject)]
        ids += [f"object/{each.name}/open" for each in self.plan.user_objects]
        return [check for check in ids if check not in self._done]

    def _job(self) -> Job:
        plan = self.plan
        job = {
            "subject": self.subject,
            "subjects": list(plan.subjects),
            "commands": plan.commands,
            "objects": {name: str(path) for name, path in plan.objects.items()},
            "libraries": {name: str(path) for name, path in plan.libraries.items()},
            "checks": [check.id for check in plan.checks_of(self.subject)],
            "skip": sorted(self._done),
            "user_objects": [{"name": each.name, "path": str(each.path)} for each in plan.user_objects],
            "check_limit_s": plan.check_limit_s,
            "bench": plan.bench,
            "benchmarks": list(plan.benchmarks),
            "lane": plan.lane,
            "programs": plan.programs,
        }
        built = (*plan.objects.values(), *plan.libraries.values())
        payload = {*plan.payload, *built, *(each.path for each in plan.user_objects)}
        return Job(
            module="bpflab.harness.suite",
            args=("--job", "job.json"),
            files={"job.json": json.dumps(job).encode()},
            payload=tuple(sorted(payload)),
        )

    def report(
        self, check: str, outcome: Outcome, seconds: float, reason: str, detail: dict[str, Any]
    ) -> None:
        """Judge one outcome and emit it; a check of a user's object is made known first.

        A benchmark that went well has said so with its samples.
        """
        if self.plan.bench and outcome is Outcome.PASS:
            return
        info = self._known.get(check)
        if info is None:
            area, _, rest = check.partition("/")
            info = self._known[check] = CheckInfo(check, area, rest.split("/")[0], rest)
            self.emit(info)
        verdict, deviation = judge(outcome, info, describe(self.kernel), self.subject, self.plan.deviations)
        if deviation is not None:
            detail = detail | {"deviation": f"{deviation.id}: {deviation.reason}"}
        detail = detail | self._retried.get(check, {}) | {"reproduce": self._reproduce(info)}
        self.emit(
            CheckResult(self.kernel.label, self.subject, check, outcome, verdict, seconds, reason, detail)
        )

    def benchmark(self, event: dict[str, Any]) -> None:
        """Emit one benchmark's samples as this kernel's."""
        samples = {str(name): [float(value) for value in values] for name, values in event["samples"].items()}
        self.emit(
            BenchmarkResult(
                self.kernel.label,
                str(event["benchmark"]),
                str(event["title"]),
                str(event["unit"]),
                samples,
                self.engine.name,
                lane=self.plan.lane,
            )
        )

    def distribution(self, event: dict[str, Any]) -> None:
        """Emit one distribution as this kernel's."""
        histograms = {
            str(name): [(int(value), int(number)) for value, number in pairs]
            for name, pairs in event["histograms"].items()
        }
        self.emit(
            DistributionResult(
                self.kernel.label,
                str(event["benchmark"]),
                str(event["title"]),
                str(event["unit"]),
                histograms,
                self.plan.lane,
            )
        )

    def _reproduce(self, check: CheckInfo) -> str:
        if self.plan.bench:
            subjects = ",".join(self.plan.subjects)
            which = f"--lanes {self.plan.lane} --benchmarks '{check.id}'"
            return f"bpflab bench {which} --kernels {self.kernel.label} --subjects {subjects}"
        what = [f"--checks '{check.id}'"]
        if check.area == "object":
            what = [str(each.path) for each in self.plan.user_objects if each.name == check.object]
        where = f"--kernels {self.kernel.label} --subjects {self.subject}"
        guest = "" if self.kernel.is_host else f" --guest {self.engine.name}"
        return f"bpflab run {' '.join(what)} {where}{guest}"


def _evidence(end: End) -> dict[str, Any]:
    return {"console": end.console[-8000:], "command": end.command}
