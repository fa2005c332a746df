"""Elements of maps and global variables, the same through every subject."""

from __future__ import annotations

import struct
import sys
from pathlib import Path

import pytest
from bpflab.harness.subjects.client import ErrorClass, Subject, SubjectError, SubjectObject

LOOPBACK = 1
FRAME = bytes(64)
ZERO = struct.pack("=I", 0)


def number(obj: SubjectObject, name: str) -> int:
    return int.from_bytes(obj.variable(name), sys.byteorder)


def refused(caught: pytest.ExceptionInfo[SubjectError]) -> tuple[ErrorClass, int]:
    return caught.value.cls, caught.value.errno


def test_elements_of_a_map(loaded: SubjectObject) -> None:
    key, value = struct.pack("=I", 5), struct.pack("=Q", 6)
    loaded.update("table", key, value)
    assert loaded.lookup("table", key) == value
    assert loaded.keys("table") == [key]
    with pytest.raises(SubjectError) as caught:
        loaded.update("table", key, value, flags=1)
    assert refused(caught) == (ErrorClass.KERNEL, 17)
    loaded.delete("table", key)
    for gone in (loaded.lookup, loaded.delete):
        with pytest.raises(SubjectError) as caught:
            gone("table", key)
        assert refused(caught) == (ErrorClass.KERNEL, 2)
    assert loaded.keys("table") == []


def test_keys_of_a_map_that_has_many(loaded: SubjectObject) -> None:
    wanted = {struct.pack("=I", index) for index in range(100)}
    for key in wanted:
        loaded.update("table", key, bytes(8))
    assert set(loaded.keys("table")) == wanted


def test_values_of_a_per_cpu_map(loaded: SubjectObject) -> None:
    before = loaded.lookup("per_cpu", ZERO)
    assert len(before) % 8 == 0
    assert not any(before)
    value = b"".join(struct.pack("=II", cpu + 1, 0) for cpu in range(len(before) // 8))
    loaded.update("per_cpu", ZERO, value)
    assert loaded.lookup("per_cpu", ZERO) == value


def test_program_array(loaded: SubjectObject) -> None:
    assert loaded.test_run("jump", FRAME).retval == 1
    loaded.update_program("jumps", ZERO, "landing")
    assert loaded.test_run("jump", FRAME).retval == 3
    loaded.delete("jumps", ZERO)
    assert loaded.test_run("jump", FRAME).retval == 1


def test_map_of_maps(loaded: SubjectObject) -> None:
    loaded.update("inside", ZERO, struct.pack("=I", 77))
    loaded.update_map("outside", ZERO, "inside")
    assert loaded.test_run("read_inside", FRAME).retval == 77


def test_variables_are_set_before_load_and_live_after_it(subject: Subject, objects: Path) -> None:
    initial = {"threshold": struct.pack("=I", 41), "count": struct.pack("=Q", 1000)}
    with subject.open(objects / "all.bpf.o", initial) as opened:
        assert number(opened, "initial") == 0x11223344
        opened.set_variable("initial", struct.pack("=I", 8))
        assert number(opened, "threshold") == 41
        opened.load(["filter"])
        assert opened.test_run("filter", FRAME).retval == 41
        assert (number(opened, "count"), number(opened, "initial")) == (1001, 8)
        opened.set_variable("count", struct.pack("=Q", 5))
        opened.test_run("filter", FRAME)
        assert number(opened, "count") == 6


def test_a_loaded_constant_is_frozen(loaded: SubjectObject) -> None:
    with pytest.raises(SubjectError) as caught:
        loaded.set_variable("threshold", ZERO)
    assert refused(caught) == (ErrorClass.KERNEL, 1)
    assert number(loaded, "threshold") == 7


@pytest.mark.parametrize("initial", [{"nothing": ZERO}, {"threshold": b"\0"}])
def test_wrong_initial_values(subject: Subject, objects: Path, initial: dict[str, bytes]) -> None:
    with pytest.raises(SubjectError) as caught:
        subject.open(objects / "all.bpf.o", initial)
    assert caught.value.cls is ErrorClass.USAGE


def test_objects_are_separate(subject: Subject, objects: Path) -> None:
    with subject.open(objects / "all.bpf.o") as one, subject.open(objects / "all.bpf.o") as other:
        one.load()
        other.load()
        one.test_run("filter", FRAME)
        assert (number(one, "count"), number(other, "count")) == (1, 0)


def test_many_elements(loaded: SubjectObject) -> None:
    keys = [struct.pack("=I", index) for index in range(100)]
    loaded.update_many("table", {key: struct.pack("=Q", index) for index, key in enumerate(keys)})
    found = loaded.elements("table")
    assert found == {key: struct.pack("=Q", index) for index, key in enumerate(keys)}
    assert loaded.delete_many("table", [keys[5], b"\xff" * 4, keys[6], b"\xfe" * 4]) == 2
    assert loaded.elements("table", delete=True).keys() == set(keys) - {keys[5], keys[6]}
    assert loaded.elements("table") == {}
    loaded.update_many("table", {})
    assert loaded.delete_many("table", []) == 0


def test_many_elements_that_do_not_fit(loaded: SubjectObject) -> None:
    with pytest.raises(SubjectError) as caught:
        loaded.update_many("table", {b"123": bytes(8)})
    assert caught.value.cls is ErrorClass.USAGE
    loaded.update("table", ZERO, bytes(8))
    with pytest.raises(SubjectError) as caught:
        loaded.update_many("table", {ZERO: bytes(8)}, flags=1)
    assert refused(caught) == (ErrorClass.KERNEL, 17)


def test_map_information(loaded: SubjectObject) -> None:
    info = loaded.map_info("table")
    assert (info.name, info.type, info.key_size, info.value_size) == ("table", "hash", 4, 8)
    assert info.id > 0 and info.map_extra == 0


def test_a_frozen_map(loaded: SubjectObject) -> None:
    loaded.freeze("table")
    with pytest.raises(SubjectError) as caught:
        loaded.update("table", ZERO, bytes(8))
    assert refused(caught) == (ErrorClass.KERNEL, 1)
