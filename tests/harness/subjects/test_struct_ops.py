"""Structs of callbacks attached by every subject."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from bpflab.harness.subjects.client import ErrorClass, Subject, SubjectError, SubjectObject


@pytest.fixture
def control(subject: Subject, objects: Path) -> Iterator[SubjectObject]:
    with subject.open(objects / "struct_ops.bpf.o") as opened:
        opened.load()
        yield opened


def is_available() -> bool:
    path = Path("/proc/sys/net/ipv4/tcp_available_congestion_control")
    return "bpflab_subject" in path.read_text().split()


def test_subjects_say_that_they_attach_maps(subject: Subject) -> None:
    assert "attach:map" in subject.capabilities


def test_a_struct_ops_map_is_declared(control: SubjectObject) -> None:
    assert control.maps["control"].type == "struct_ops"
    assert {program.type for program in control.programs.values()} == {"struct_ops"}


def test_attaching_and_detaching(control: SubjectObject) -> None:
    with control.attach_map("control"):
        assert is_available()
    assert not is_available()


def test_closing_the_object_detaches(subject: Subject, objects: Path) -> None:
    with subject.open(objects / "struct_ops.bpf.o") as opened:
        opened.load()
        opened.attach_map("control")
        assert is_available()
    assert not is_available()


def test_what_cannot_be_attached(control: SubjectObject, loaded: SubjectObject) -> None:
    with pytest.raises(SubjectError) as caught:
        control.attach_map("nothing")
    assert caught.value.cls is ErrorClass.USAGE
    with pytest.raises(SubjectError) as caught:
        loaded.attach_map("table")
    assert caught.value.cls is ErrorClass.USAGE
