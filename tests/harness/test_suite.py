"""The suite itself: what it lists, and what each kind of ending of a check becomes in its stream."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

import pytest
from bpflab.corpus.build import names
from bpflab.corpus.data import Fact
from bpflab.harness.outcomes import Outcome
from bpflab.harness.suite.catalogue import list_checks
from bpflab.harness.suite.classify import classify
from bpflab.harness.suite.job import JobError, SuiteJob
from bpflab.harness.suite.kmsg import splat
from bpflab.loader.errors import KernelError

FAKE_SUBJECT = """
import json, os, sys, time

def answer(request):
    match request.get("path", ""):
        case "hang":
            time.sleep(60)
        case "die":
            sys.exit("out of spirits")
        case "reject":
            return {"error": {"class": "verifier", "errno": 13, "message": "rejected", "log": "R1 is bad"}}
        case "lack":
            return {"error": {"class": "unsupported", "errno": 0, "message": "cannot", "log": ""}}
        case "endless log":
            log = "x" * 200_000 + "end"
            return {"error": {"class": "verifier", "errno": 7, "message": "long", "log": log}}
    return {"ok": {"object": 1, "programs": [], "maps": [], "variables": []}}

for line in sys.stdin:
    request = json.loads(line)
    hello = {"name": "fake", "version": "1", "protocol": 1, "capabilities": []}
    given = {"ok": hello} if request["verb"] == "hello" else answer(request)
    print(json.dumps({"id": request["id"], **given}), flush=True)
"""

MINI_SUITE = """
import time
from pathlib import Path
import pytest
from bpflab.harness.suite.classify import Unavailable

def check_passes(subject):
    subject.open(Path("anything"))

def check_compares():
    assert 1 + 1 == 3

def check_has_a_bug(subject):
    {}["missing"]

def check_takes_forever():
    time.sleep(60)

@pytest.fixture
def set_up_forever(subject):
    subject.open(Path("hang"))

def check_set_up_takes_forever(set_up_forever):
    pass

def check_subject_hangs(subject):
    subject.open(Path("hang"))

def check_subject_dies(subject):
    subject.open(Path("die"))

def check_goes_on_with_a_fresh_subject(subject):
    subject.open(Path("anything"))

def check_is_rejected(subject):
    subject.open(Path("reject"))

@pytest.mark.needs("bpf_loop")
def check_is_rejected_for_lack_of_a_feature(subject):
    subject.open(Path("reject"))

def check_subject_cannot(subject):
    subject.open(Path("lack"))

def check_kernel_lacks_surroundings():
    raise Unavailable("no such device")

def check_long_log(subject):
    subject.open(Path("endless log"))

@pytest.fixture
def fails_in_teardown():
    yield
    raise OSError("still busy")

def check_teardown_fails(fails_in_teardown):
    pass

@pytest.mark.id("mini/has a name of its own")
def check_marked():
    pass

def check_not_wanted():
    raise AssertionError

def check_done_before():
    raise AssertionError
"""

RUNNER = """
import sys
from pathlib import Path
from bpflab.harness.suite import fixtures, run
from bpflab.harness.suite.job import SuiteJob
from bpflab.harness.suite.plugin import Collection, Recorder
from bpflab.harness.suite.stream import Stream

job, stream = SuiteJob.read(Path("job.json")), Stream()
plugins = [Collection(job), Recorder(job, stream), fixtures]
stream.finished(run.pytest_run([Path(sys.argv[1])], run.OPTIONS, plugins))
"""

OUTCOMES = {
    "passes": ("pass", ""),
    "compares": ("fail", "assert (1 + 1) == 3"),
    "has_a_bug": ("error", "KeyError: 'missing'"),
    "takes_forever": ("time-out", "the check took more than 1 s"),
    "set_up_takes_forever": ("time-out", "setting up took more than 1 s"),
    "subject_hangs": ("time-out", "the check took more than 1 s"),
    "subject_dies": ("error", ""),
    "goes_on_with_a_fresh_subject": ("pass", ""),
    "is_rejected": ("fail", "verifier error: rejected (EACCES)"),
    "is_rejected_for_lack_of_a_feature": ("unsupported", "verifier error: rejected (EACCES)"),
    "subject_cannot": ("unsupported", "unsupported error: cannot"),
    "kernel_lacks_surroundings": ("not-run", "no such device"),
    "long_log": ("fail", "verifier error: long (E2BIG)"),
    "teardown_fails": ("error", "OSError: still busy"),
    "has a name of its own": ("pass", ""),
}
"""Outcome and reason of each check above; '' where the reason is somebody else's words."""


def run_mini(
    folder: Path, suite: str, environment: dict[str, str] | None = None, subject: list[str] | None = None
) -> list[dict[str, Any]]:
    (folder / "check_mini.py").write_text(suite)
    (folder / "subject.py").write_text(FAKE_SUBJECT)
    job = {
        "subject": "fake",
        "commands": {"fake": subject or [sys.executable, str(folder / "subject.py")]},
        "checks": [f"mini/{name}" for name in (*OUTCOMES, "done_before", "splats", "uses_bpf")],
        "skip": ["mini/done_before"],
        "check_limit_s": 1,
    }
    (folder / "job.json").write_text(json.dumps(job))
    env = {**os.environ, "BPFLAB_STREAM": str(folder / "stream"), **(environment or {})}
    command = [sys.executable, "-c", RUNNER, str(folder / "check_mini.py")]
    subprocess.run(command, cwd=folder, env=env, check=True, timeout=60)
    return [json.loads(line) for line in (folder / "stream").read_text().splitlines()]


@pytest.fixture(scope="module")
def events(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    return run_mini(tmp_path_factory.mktemp("mini"), MINI_SUITE)


@pytest.fixture(scope="module")
def finished(events: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    return {e["check"].removeprefix("mini/"): e for e in events if e["event"] == "check-finished"}


@pytest.mark.parametrize("name", OUTCOMES)
def test_an_ending_becomes_its_outcome(finished: dict[str, dict[str, Any]], name: str) -> None:
    outcome, reason = OUTCOMES[name]
    assert finished[name]["outcome"] == outcome
    assert "\n" not in finished[name]["reason"]
    assert finished[name]["reason"] == reason or not reason


def test_every_check_is_announced_before_it_ends(events: list[dict[str, Any]]) -> None:
    steps = [(e["event"], e["check"]) for e in events if "check" in e]
    assert steps[0::2] == [("check-started", check) for _, check in steps[1::2]]
    assert [kind for kind, _ in steps[1::2]] == ["check-finished"] * len(OUTCOMES)
    assert events[-1] == {"event": "suite-finished", "exit": 0}


def test_a_subject_introduces_itself_once(events: list[dict[str, Any]]) -> None:
    subjects = [event for event in events if event["event"] == "subject"]
    assert subjects == [{"event": "subject", "name": "fake", "version": "1"}]


def test_evidence_is_kept(finished: dict[str, dict[str, Any]]) -> None:
    rejected = finished["is_rejected"]["detail"]
    assert (rejected["class"], rejected["errno"], rejected["log"]) == ("verifier", 13, "R1 is bad")
    assert "out of spirits" in finished["subject_dies"]["detail"]["stderr"]
    assert "1 + 1 == 3" in finished["compares"]["detail"]["traceback"]
    assert finished["passes"]["detail"] == {}


def test_a_long_log_keeps_its_end(finished: dict[str, dict[str, Any]]) -> None:
    log = finished["long_log"]["detail"]["log"]
    assert len(log) < 70_000
    assert log.startswith("… 134467 characters before …\n") and log.endswith("xend")


def test_a_subject_that_does_not_start_is_an_error_of_each_check(tmp_path: Path) -> None:
    suite = "def check_passes(subject): pass\ndef check_compares(subject): pass"
    events = run_mini(tmp_path, suite, subject=["/nonexistent/subject"])
    finished = [event for event in events if event["event"] == "check-finished"]
    assert [event["outcome"] for event in finished] == ["error", "error"]
    assert all("/nonexistent/subject" in event["reason"] for event in finished)


@pytest.mark.skipif(not os.access("/dev/kmsg", os.W_OK), reason="only root can write to the kernel's log")
def test_a_kernel_fault_during_a_check_is_a_crash_of_that_check(tmp_path: Path) -> None:
    suite = """
        from pathlib import Path

        def check_splats():
            Path("/dev/kmsg").write_text("<6>WARNING: CPU: 0 PID: 0 at bpflab's self-test\\n")
            assert False

        def check_passes():
            pass
    """
    events = run_mini(tmp_path, textwrap.dedent(suite), {"BPFLAB_GUEST": "test"})
    splats, passes = (event for event in events if event["event"] == "check-finished")
    assert splats["outcome"] == "crash"
    assert splats["reason"] == "kernel: WARNING: CPU: 0 PID: 0 at bpflab's self-test"
    assert passes["outcome"] == "pass"


def test_a_file_that_cannot_be_imported_is_no_finished_suite(tmp_path: Path) -> None:
    events = run_mini(tmp_path, "import no_such_module")
    assert events[-1]["event"] == "suite-finished"
    assert events[-1]["exit"] != 0


@pytest.mark.parametrize(
    "line",
    [
        "WARNING: CPU: 1 PID: 77 at kernel/bpf/core.c:1 bpf_prog_free+0x1/0x2",
        "WARNING: kernel/bpf/core.c:1 at bpf_prog_free+0x1/0x2, CPU#1: python3/77",
        "BUG: kernel NULL pointer dereference, address: 0000000000000000",
        "Oops: 0000 [#1] SMP",
        "INFO: task python3:77 blocked for more than 120 seconds.",
    ],
)
def test_a_fault_is_told_from_chatter(line: str) -> None:
    chatter = ["bpf: some WARNING about nothing", "eth0: link becomes ready"]
    assert splat(chatter) == []
    assert splat([*chatter, line, "Call Trace:"]) == [line, "Call Trace:"]


def test_the_catalogue_covers_every_object_of_the_corpus() -> None:
    checks = list_checks()
    assert len({check.id for check in checks}) == len(checks) >= 200
    assert {check.object for check in checks} >= set(names())
    assert all(check.title and check.area == check.id.split("/")[0] for check in checks)
    minimums = {check.id: check.minimum for check in checks}
    assert minimums["elf/for_each_callback"] == "5.13"
    assert minimums["maps/bloom_filter"] == "5.16"
    assert minimums["maps/hash"] == ""


@pytest.mark.parametrize(
    "job",
    [
        "",
        "[]",
        "{}",
        '{"subject": "x"}',
        '{"subject": "x", "commands": {}}',
        '{"subjects": 1, "bench": true}',
    ],
)
def test_a_bad_job_is_told(tmp_path: Path, job: str) -> None:
    path = tmp_path / "job.json"
    path.write_text(job)
    with pytest.raises(JobError, match=r"job\.json: is no job"):
        SuiteJob.read(path)


def test_a_mark_of_a_whole_file_is_of_each_of_its_checks() -> None:
    ours = {check.subject for check in list_checks() if check.area == "maps_python"}
    assert ours == {"reference"}


def test_refusals_of_our_loader_itself_count_as_a_subjects() -> None:
    refusal = KernelError("making a map", 22)
    needed = Fact("newest_map", "9.9", "0123456789ab", ("kernel",))
    assert classify(refusal, needed)[0] is Outcome.UNSUPPORTED
    outcome, reason, detail = classify(refusal, None)
    assert (outcome, detail["errno"]) == (Outcome.FAIL, 22) and "making a map" in reason
