"""The client outlives whatever a subject does. Subjects here are a few lines of Python."""

from __future__ import annotations

import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from bpflab.harness.subjects import answers
from bpflab.harness.subjects.client import (
    ErrorClass,
    Subject,
    SubjectDied,
    SubjectError,
    SubjectLost,
    SubjectProtocolError,
    SubjectTimeout,
)

PROLOGUE = """
import json, os, signal, subprocess, sys, time
def read():
    return json.loads(sys.stdin.readline())
def say(text):
    print(text, flush=True)
def ok(request, **fields):
    say(json.dumps({"id": request["id"], "ok": fields}))
def hello(protocol=1):
    ok(read(), name="fake", version="0.1", protocol=protocol, capabilities=["open"])
"""


def fake(*lines: str) -> list[str]:
    """The command of a subject that runs these lines of Python and ends."""
    return [sys.executable, "-c", PROLOGUE + "\n".join(lines)]


@contextmanager
def started(*lines: str, limit_s: float = 20.0) -> Iterator[Subject]:
    with Subject(fake("hello()", *lines), limit_s) as subject:
        yield subject


def ask(subject: Subject) -> None:
    subject.ask("anything", answers.nothing)


def test_hello_tells_who_the_subject_is() -> None:
    with started("sys.stdin.read()") as subject:
        assert (subject.name, subject.version) == ("fake", "0.1")
        assert subject.capabilities == {"open"}
        assert subject.alive
    assert not subject.alive


def test_another_protocol_is_refused() -> None:
    with pytest.raises(SubjectProtocolError, match="speaks protocol 2; this harness speaks 1"):
        Subject(fake("hello(protocol=2)", "sys.stdin.read()"))


def test_a_command_that_does_not_exist() -> None:
    with pytest.raises(SubjectDied, match="/nowhere/subject cannot be started: No such file"):
        Subject(["/nowhere/subject"])


def test_an_error_of_the_subject_is_typed_and_leaves_it_alive() -> None:
    error = '{"class": "kernel", "errno": 2, "message": "map \'m\': gone", "log": "told"}'
    with started(
        f"say('{{\"id\": %d, \"error\": %s}}' % (read()['id'], {error!r}))", "ok(read())"
    ) as subject:
        with pytest.raises(SubjectError) as caught:
            ask(subject)
        assert (caught.value.cls, caught.value.errno, caught.value.log) == (ErrorClass.KERNEL, 2, "told")
        assert str(caught.value) == "kernel error: map 'm': gone (ENOENT)"
        ask(subject)


def test_death_in_the_middle_of_a_request_tells_status_and_last_words() -> None:
    with started("read()", "sys.exit('out of luck')") as subject:
        with pytest.raises(SubjectDied, match="ended with exit status 1") as caught:
            ask(subject)
        assert caught.value.status == 1
        assert caught.value.stderr == "out of luck"
        with pytest.raises(SubjectDied, match="has ended already"):
            ask(subject)


def test_death_by_a_signal_is_told() -> None:
    with started("read()", "os.kill(os.getpid(), signal.SIGSEGV)") as subject:
        with pytest.raises(SubjectDied, match=r"signal 11 \(Segmentation fault\)") as caught:
            ask(subject)
        assert caught.value.status == -signal.SIGSEGV


def test_death_between_two_requests() -> None:
    with started() as subject, pytest.raises(SubjectDied):
        time.sleep(0.3)
        ask(subject)


def test_a_hang_ends_at_the_limit_and_the_subject_with_it() -> None:
    with started("read()", "time.sleep(60)", limit_s=20) as subject:
        begun = time.monotonic()
        with pytest.raises(SubjectTimeout, match=r"no answer within 0\.2 s"):
            subject.ask("anything", answers.nothing, limit_s=0.2)
        assert time.monotonic() - begun < 5
        assert not subject.alive
        assert not Path(f"/proc/{subject.pid}").exists()


def test_a_subject_that_does_not_read_is_a_hang_too() -> None:
    with started("time.sleep(60)") as subject, pytest.raises(SubjectTimeout):
        subject.ask("anything", answers.nothing, limit_s=0.3, ballast="x" * (1 << 20))


def test_a_line_without_an_end_is_a_hang() -> None:
    half = "sys.stdout.write('{'); sys.stdout.flush(); time.sleep(60)"
    with started("read()", half) as subject, pytest.raises(SubjectTimeout):
        subject.ask("anything", answers.nothing, limit_s=0.3)


@pytest.mark.parametrize(
    "line",
    [
        "Hello, world!",
        "[]",
        "null",
        '{"id": 7, "ok": {}}',
        '{"id": 2}',
        '{"id": null, "ok": {}}',
        '{"id": 2, "error": {"class": "fate", "errno": 1, "message": "", "log": ""}}',
        '{"id": 2, "error": "no"}',
        '{"id": 2, "ok": {"value": "xy"}}',
        '{"id": 2, "ok": {"value": 5}}',
        '{"id": 2, "ok": {}}',
        '{"id": 2, "ok": []}',
    ],
)
def test_what_is_no_answer_ends_the_subject(line: str) -> None:
    with started("read()", f"say({line!r})", "sys.stdin.read()") as subject:
        with pytest.raises(SubjectProtocolError, match="'lookup' was answered with"):
            subject.ask("lookup", answers.value)
        assert not subject.alive


def test_bytes_that_are_no_text_are_no_answer() -> None:
    noise = "sys.stdout.buffer.write(bytes([255, 0, 10])); sys.stdout.flush()"
    with started("read()", noise) as subject, pytest.raises(SubjectProtocolError):
        ask(subject)


def test_an_answer_too_many_is_noticed_at_the_next_request() -> None:
    with started("r = read()", "ok(r)", "ok(r)", "read()", "sys.stdin.read()") as subject:
        ask(subject)
        with pytest.raises(SubjectProtocolError, match="answers request 2 instead of 3"):
            ask(subject)


def test_a_long_answer_arrives_whole() -> None:
    with started("ok(read(), value='ab' * 3_000_000)") as subject:
        assert subject.ask("lookup", answers.value) == b"\xab" * 3_000_000


def test_closing_waits_for_the_subject_to_clean_up(tmp_path: Path) -> None:
    mark = tmp_path / "closed"
    with started("sys.stdin.read()", "time.sleep(0.3)", f"open({str(mark)!r}, 'w')"):
        pass
    assert mark.exists()


def test_what_the_subject_has_started_ends_with_it(tmp_path: Path) -> None:
    note = tmp_path / "pid"
    child = f"p = subprocess.Popen(['sleep', '60']); open({str(note)!r}, 'w').write(str(p.pid))"
    with started(child, "ok(read())", "sys.stdin.read()") as subject:
        ask(subject)
        pid = int(note.read_text())
        assert _runs(pid)
    assert _gone(pid)


def test_an_interrupted_request_leaves_no_answer_for_the_next_one() -> None:
    class Limit(Exception):
        pass

    def ring(*_: object) -> None:
        raise Limit

    before = signal.signal(signal.SIGALRM, ring)
    try:
        with started("r = read()", "time.sleep(60)", "ok(r)") as subject:
            signal.setitimer(signal.ITIMER_REAL, 0.3)
            with pytest.raises(Limit):
                ask(subject)
            assert not subject.alive
            with pytest.raises(SubjectLost):
                ask(subject)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def test_no_descriptor_is_left_open() -> None:
    before = _descriptors()
    with started("sys.stdin.read()"):
        pass
    with started("read()", "time.sleep(60)") as subject, pytest.raises(SubjectTimeout):
        subject.ask("anything", answers.nothing, limit_s=0.1)
    with pytest.raises(SubjectDied):
        Subject(["/nowhere/subject"])
    assert _descriptors() == before


def _descriptors() -> set[str]:

    return {entry.name for entry in Path("/proc/self/fd").iterdir()}


def _runs(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


def _gone(pid: int) -> bool:
    """Whether it ends soon: it is killed at once, but by another process than ours."""
    deadline = time.monotonic() + 5
    while _runs(pid) and time.monotonic() < deadline:
        time.sleep(0.05)
    return not _runs(pid)
