"""Every subject puts what goes wrong into the class that PROTOCOL.md says."""

from __future__ import annotations

import struct
import subprocess
from pathlib import Path
from typing import Any

import pytest
from bpflab.harness.subjects import answers
from bpflab.harness.subjects.client import ErrorClass, Subject, SubjectError

LOOPBACK = 1
FRAME = bytes(64)
ZERO = struct.pack("=I", 0)


def refused(caught: pytest.ExceptionInfo[SubjectError]) -> tuple[ErrorClass, int]:
    return caught.value.cls, caught.value.errno


@pytest.mark.parametrize(
    "content", [None, b"", b"hello", b"\x7fELF" + bytes(60)], ids=["missing", "empty", "text", "magic"]
)
def test_what_is_no_object(subject: Subject, tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "not.o"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(SubjectError) as caught:
        subject.open(path)
    assert caught.value.cls is ErrorClass.OBJECT
    assert path.name in caught.value.message


def test_truncated_object(subject: Subject, objects: Path, tmp_path: Path) -> None:
    whole = (objects / "all.bpf.o").read_bytes()
    path = tmp_path / "cut.o"
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(SubjectError) as caught:
        subject.open(path)
    assert caught.value.cls is ErrorClass.OBJECT


def test_rejected_program_has_its_log(subject: Subject, objects: Path) -> None:
    with subject.open(objects / "rejected.bpf.o") as opened, pytest.raises(SubjectError) as caught:
        opened.load()
    assert refused(caught) == (ErrorClass.VERIFIER, 13)
    assert "R1 invalid mem access" in caught.value.log
    assert "rejected" in caught.value.message


def test_an_object_that_failed_to_load_can_only_be_closed(subject: Subject, objects: Path) -> None:
    with subject.open(objects / "rejected.bpf.o") as opened:
        for _ in range(2):
            with pytest.raises(SubjectError) as caught:
                opened.load()
        assert caught.value.cls is ErrorClass.USAGE
    assert subject.alive


def test_unresolved_extern(subject: Subject, objects: Path) -> None:
    with subject.open(objects / "unresolved.bpf.o") as opened, pytest.raises(SubjectError) as caught:
        opened.load()
    assert caught.value.cls is ErrorClass.RELOCATION
    assert "bpflab_no_such_symbol" in caught.value.message


def test_refused_map(subject: Subject, objects: Path) -> None:
    with subject.open(objects / "refused_map.bpf.o") as opened, pytest.raises(SubjectError) as caught:
        opened.load()
    assert refused(caught) == (ErrorClass.KERNEL, 22)
    assert "roomless" in caught.value.message


def test_unknown_section(subject: Subject, objects: Path) -> None:
    with subject.open(objects / "unknown_section.bpf.o") as opened:
        assert opened.programs["unknown"].type == "unspec"
        with pytest.raises(SubjectError) as caught:
            opened.load()
    assert caught.value.cls is ErrorClass.UNSUPPORTED
    assert "bpflab/unknown" in caught.value.message


def test_unknown_verb(subject: Subject) -> None:
    with pytest.raises(SubjectError) as caught:
        subject.ask("fly", answers.nothing)
    assert caught.value.cls is ErrorClass.UNSUPPORTED


@pytest.mark.parametrize(
    ("verb", "arguments"),
    [
        ("open", {}),
        ("open", {"path": 5}),
        ("load", {"object": 999999}),
        ("load", {"object": "one"}),
        ("detach", {"link": 999999}),
        ("events_poll", {"reader": 999999, "timeout_ms": 0, "max": 1}),
    ],
)
def test_wrong_requests(subject: Subject, verb: str, arguments: dict[str, Any]) -> None:
    with pytest.raises(SubjectError) as caught:
        subject.ask(verb, answers.nothing, **arguments)
    assert caught.value.cls is ErrorClass.USAGE


@pytest.mark.parametrize(
    ("verb", "arguments"),
    [
        ("lookup", {"map": "nothing", "key": "00000000"}),
        ("lookup", {"map": "table", "key": "0000"}),
        ("lookup", {"map": "table", "key": "0000000"}),
        ("lookup", {"map": "table", "key": "0000000G"}),
        ("update", {"map": "table", "key": "00000000", "value": "00"}),
        ("update", {"map": "jumps", "key": "00000000", "value_program": "nobody"}),
        ("update", {"map": "outside", "key": "00000000", "value_map": "nothing"}),
        ("variable_get", {"name": "nothing"}),
        ("variable_set", {"name": "count", "value": "00"}),
        ("attach", {"program": "nobody"}),
        ("attach", {"program": "optional"}),
        ("attach", {"program": "pass"}),
        ("attach", {"program": "pass", "target": {"ifindex": 1}}),
        ("attach", {"program": "classify", "target": {"kind": "tc", "ifindex": 1, "direction": "up"}}),
        ("attach", {"program": "pass", "target": {"kind": "kprobe"}}),
        ("attach", {"program": "pass", "target": {"kind": "kprobe", "function": "f", "mode": "sideways"}}),
        ("attach", {"program": "pass", "target": {"kind": "kprobe_multi", "functions": "f"}}),
        ("attach", {"program": "pass", "target": {"kind": "uprobe", "path": "p", "pid": -1}}),
        ("attach", {"program": "pass", "target": {"kind": "usdt", "path": "p", "provider": "q"}}),
        ("attach", {"program": "pass", "target": {"kind": "perf_event", "config": 0, "period": 1}}),
        ("events_open", {"map": "table"}),
        ("load", {}),
    ],
)
def test_wrong_requests_to_a_loaded_object(
    subject: Subject, objects: Path, verb: str, arguments: dict[str, Any]
) -> None:
    opened = subject.ask("open", lambda answer: answer, path=str(objects / "all.bpf.o"))
    subject.ask("load", answers.nothing, object=opened["object"])
    with pytest.raises(SubjectError) as caught:
        subject.ask(verb, answers.nothing, object=opened["object"], **arguments)
    subject.ask("close", answers.nothing, object=opened["object"])
    assert caught.value.cls is ErrorClass.USAGE


def test_lines_that_are_no_requests(command: tuple[str, ...]) -> None:
    lines = b'nonsense\n[]\n{"verb":"hello"}\n{"id":9,"verb":"hello"}\n'
    done = subprocess.run(command, input=lines, capture_output=True, check=True, timeout=60)
    said = done.stdout.splitlines()
    assert len(said) == 4
    assert all(b'"id":null' in line.replace(b" ", b"") and b'"usage"' in line for line in said[:3])
    assert b'"protocol":1' in said[3].replace(b" ", b"")
