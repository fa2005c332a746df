"""A cell keeps every result, whatever its guests do.

The engine here is scripted: it says lines and an end. How real guests end is
tested in test_guest*.py.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from bpflab.harness.cell import Cell
from bpflab.harness.guest.engine import End, EndKind, GuestSetupError, Job, Limits
from bpflab.harness.outcomes import CheckInfo, CheckResult, GuestRecord, Outcome, Record, Verdict
from bpflab.harness.plan import Plan, UserObject
from bpflab.kernels.kernel import Kernel
from bpflab.kernels.version import KernelVersion

KERNEL = Kernel(
    "6.1", "6.1.0-9-amd64", KernelVersion.parse("6.1.9"), "generic", "", Path("/k"), Path("/k/z"), None, None
)
CHECKS = tuple(CheckInfo(f"maps/{name}", "maps", "maps/x", name) for name in "abc")


def started(name: str) -> str:
    return json.dumps({"event": "check-started", "check": name})


def finished(name: str, outcome: str = "pass", reason: str = "") -> str:
    return json.dumps(
        {"event": "check-finished", "check": name, "outcome": outcome, "seconds": 0.1, "reason": reason}
    )


DONE = json.dumps({"event": "suite-finished", "exit": 0})


def end(kind: EndKind, phase: str = "run", reason: str = "") -> End:
    return End(kind, phase, reason, "qemu -x", "the console", "tcg", 1.0, 1.0, 1.0)


@dataclass
class Scripted:
    """Plays one guest after the other: (lines, end) each."""

    guests: list[tuple[list[str], End]]
    name: str = "scripted"
    jobs: list[dict[str, Any]] = field(default_factory=list)

    def stop(self) -> None:
        """There is nothing to stop."""

    def run(self, kernel: Kernel, job: Job, limits: Limits, on_line: Callable[[str], None]) -> End:
        self.jobs.append(json.loads(job.files["job.json"]))
        lines, end = self.guests.pop(0)
        for line in lines:
            on_line(line)
        return end


def run(engine: Scripted, **plan: Any) -> list[Record]:
    records: list[Record] = []
    whole = Plan((KERNEL,), ("libbpf",), {}, (), **({"checks": CHECKS} | plan))
    Cell(whole, KERNEL, "libbpf", engine, Limits(), records.append).run()
    assert not engine.guests, "a guest that was to be started was not"
    return records


def outcomes(records: list[Record]) -> dict[str, Outcome]:
    return {each.check: each.outcome for each in records if isinstance(each, CheckResult)}


def play(*names: str) -> list[str]:
    return [line for name in names for line in (started(name), finished(name))]


def test_every_check_gets_its_outcome() -> None:
    records = run(
        Scripted(
            [
                (
                    [*play("maps/a", "maps/b"), started("maps/c"), finished("maps/c", "fail"), DONE],
                    end(EndKind.FINISHED),
                )
            ]
        )
    )
    assert outcomes(records) == {"maps/a": Outcome.PASS, "maps/b": Outcome.PASS, "maps/c": Outcome.FAIL}


def result_of(check: str, records: list[Record]) -> CheckResult:
    (result,) = (each for each in records if isinstance(each, CheckResult) and each.check == check)
    return result


def test_a_guest_that_dies_names_its_check_and_the_rest_goes_on() -> None:
    engine = Scripted(
        [
            ([*play("maps/a"), started("maps/b")], end(EndKind.CRASHED, reason="Kernel panic")),
            ([*play("maps/c"), DONE], end(EndKind.FINISHED)),
        ]
    )
    records = run(engine)
    assert outcomes(records) == {"maps/a": Outcome.PASS, "maps/b": Outcome.CRASH, "maps/c": Outcome.PASS}
    assert engine.jobs[1]["skip"] == ["maps/a", "maps/b"]
    crashed = result_of("maps/b", records)
    assert crashed.reason == "Kernel panic" and crashed.detail["console"] == "the console"
    assert crashed.verdict is Verdict.UNEXPECTED and "--checks 'maps/b'" in crashed.detail["reproduce"]


def test_a_guest_that_hangs_in_a_check_is_tried_once_more() -> None:
    hangs = end(EndKind.TIMED_OUT, reason="no line")
    engine = Scripted(
        [
            ([*play("maps/a"), started("maps/b")], hangs),
            ([started("maps/b")], hangs),
            ([*play("maps/c"), DONE], end(EndKind.FINISHED)),
        ]
    )
    records = run(engine)
    assert outcomes(records) == {"maps/a": Outcome.PASS, "maps/b": Outcome.TIME_OUT, "maps/c": Outcome.PASS}
    hung = result_of("maps/b", records)
    assert hung.verdict is Verdict.UNEXPECTED and "timed out" in hung.detail["first try"]
    assert hung.detail["first try: console"] == "the console"


@pytest.mark.parametrize("second", ["pass", "time-out"])
def test_a_check_over_its_limit_is_tried_once_more_when_the_others_are_done(second: str) -> None:
    engine = Scripted(
        [
            (
                [
                    started("maps/a"),
                    finished("maps/a", "time-out", "too long"),
                    *play("maps/b", "maps/c"),
                    DONE,
                ],
                end(EndKind.FINISHED),
            ),
            ([started("maps/a"), finished("maps/a", second), DONE], end(EndKind.FINISHED)),
        ]
    )
    records = run(engine)
    assert outcomes(records) == {
        "maps/b": Outcome.PASS,
        "maps/c": Outcome.PASS,
        "maps/a": Outcome(second),
    }
    assert engine.jobs[1]["skip"] == ["maps/b", "maps/c"]
    assert result_of("maps/a", records).detail["first try"] == "too long"
    guests = [each for each in records if isinstance(each, GuestRecord)]
    assert guests[0].notes == ("maps/a is tried again: too long",)


def test_a_lost_guest_is_tried_once_more() -> None:
    engine = Scripted(
        [
            ([*play("maps/a"), started("maps/b")], end(EndKind.LOST)),
            ([*play("maps/b", "maps/c"), DONE], end(EndKind.FINISHED)),
        ]
    )
    assert set(outcomes(run(engine)).values()) == {Outcome.PASS}
    assert engine.jobs[1]["skip"] == ["maps/a"]


def test_a_check_that_loses_its_guest_twice_is_infrastructure_and_the_rest_goes_on() -> None:
    engine = Scripted(
        [
            ([*play("maps/a"), started("maps/b")], end(EndKind.LOST)),
            ([started("maps/b")], end(EndKind.LOST)),
            ([*play("maps/c"), DONE], end(EndKind.FINISHED)),
        ]
    )
    assert outcomes(run(engine)) == {"maps/a": Outcome.PASS, "maps/b": Outcome.INFRA, "maps/c": Outcome.PASS}


def test_a_kernel_that_does_not_boot_is_infrastructure() -> None:
    failed: tuple[list[str], End] = ([], end(EndKind.TIMED_OUT, "boot", "no line in 120 s"))
    records = run(Scripted([failed, failed]))
    results = [each for each in records if isinstance(each, CheckResult)]
    assert {each.outcome for each in results} == {Outcome.INFRA}
    assert {each.verdict for each in results} == {Verdict.INFRA} and "boot" in results[0].reason
    assert sum(isinstance(each, GuestRecord) for each in records) == 2


def test_a_check_that_the_suite_left_out_is_not_run() -> None:
    records = run(Scripted([([*play("maps/a", "maps/b"), DONE], end(EndKind.FINISHED))]))
    assert outcomes(records)["maps/c"] is Outcome.NOT_RUN


def test_lines_that_are_no_events_cost_nothing() -> None:
    lines = [
        "garbage",
        "[]",
        '{"event":"check-finished"}',
        '{"event":"benchmark","samples":3}',
        *play("maps/a", "maps/b", "maps/c"),
        DONE,
    ]
    records = run(Scripted([(lines, end(EndKind.FINISHED))]))
    assert set(outcomes(records).values()) == {Outcome.PASS}
    guest = next(each for each in records if isinstance(each, GuestRecord))
    assert any("garbage" in note for note in guest.notes)


def test_checks_of_a_users_object_become_rows() -> None:
    user = (UserObject("x.bpf.o", Path("/tmp/x.bpf.o")),)
    lines = [
        *play("object/x.bpf.o/open"),
        started("object/x.bpf.o/drop/load"),
        finished("object/x.bpf.o/drop/load", "fail"),
        DONE,
    ]
    records = run(Scripted([(lines, end(EndKind.FINISHED))]), checks=(), user_objects=user)
    rows = [each for each in records if isinstance(each, CheckInfo)]
    assert [(row.id, row.object) for row in rows] == [
        ("object/x.bpf.o/open", "x.bpf.o"),
        ("object/x.bpf.o/drop/load", "x.bpf.o"),
    ]
    failed = next(each for each in records if isinstance(each, CheckResult) and each.outcome is Outcome.FAIL)
    assert failed.detail["reproduce"].startswith("bpflab run /tmp/x.bpf.o --kernels 6.1")


def test_a_machine_that_can_start_no_guest_is_infrastructure_and_says_why() -> None:
    class Unable(Scripted):
        def run(self, kernel: Kernel, job: Job, limits: Limits, on_line: Callable[[str], None]) -> End:
            raise GuestSetupError("no virtiofsd, and this kernel has no 9p")

    results = [each for each in run(Unable([])) if isinstance(each, CheckResult)]
    assert [(each.outcome, each.reason) for each in results] == [
        (Outcome.INFRA, "no virtiofsd, and this kernel has no 9p")
    ] * len(CHECKS)


def test_a_check_of_our_interface_is_not_asked_of_others() -> None:
    checks = (*CHECKS, CheckInfo("api/d", "api", "", "d", subject="reference"))
    names = [check.id for check in CHECKS]
    engine = Scripted([([*play(*names), DONE], end(EndKind.FINISHED))])
    assert outcomes(run(engine, checks=checks)) == dict.fromkeys(names, Outcome.PASS)
    assert engine.jobs[0]["checks"] == names


def test_a_cell_without_checks_needs_no_guest() -> None:
    assert run(Scripted([]), checks=(CheckInfo("api/d", "api", "", "d", subject="reference"),)) == []
