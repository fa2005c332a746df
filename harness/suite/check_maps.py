"""Map types: what user space puts in, programs find, and the other way round."""

from __future__ import annotations

import errno
import socket

import pytest

from ..subjects.errors import ErrorClass, SubjectError
from ..subjects.handles import SubjectObject
from .network import ETH_P_BPFLAB, frame
from .numbers import u32, u64, unsigned

BPF_NOEXIST, BPF_EXIST = 1, 2


@pytest.mark.obj("maps/hash")
def check_hash(obj: SubjectObject) -> None:
    """A program counts on from user space's value, and makes entries of its own."""
    obj.update("counts", u32(64), u64(10))
    obj.test_run("count", frame(size=64))
    obj.test_run("count", frame(size=100), repeat=3)
    assert unsigned(obj.lookup("counts", u32(64))) == 11
    assert unsigned(obj.lookup("counts", u32(100))) == 3


@pytest.mark.obj("maps/hash")
def check_hash_keys(obj: SubjectObject) -> None:
    """Every key is listed once; a deleted one is gone."""
    for number in range(100):
        obj.update("counts", u32(number), u64(number))
    obj.delete("counts", u32(42))
    assert sorted(map(unsigned, obj.keys("counts"))) == [n for n in range(100) if n != 42]


@pytest.mark.obj("maps/hash")
def check_hash_flags(obj: SubjectObject) -> None:
    """The kernel's refusals reach the user: missing keys, and update flags that do not fit."""

    def refusal(*arguments: int) -> tuple[ErrorClass, int]:
        key, flags = arguments
        with pytest.raises(SubjectError) as error:
            obj.update("counts", u32(key), u64(0), flags)
        return error.value.cls, error.value.errno

    obj.update("counts", u32(1), u64(0), BPF_NOEXIST)
    assert refusal(1, BPF_NOEXIST) == (ErrorClass.KERNEL, errno.EEXIST)
    assert refusal(2, BPF_EXIST) == (ErrorClass.KERNEL, errno.ENOENT)
    with pytest.raises(SubjectError) as missing:
        obj.lookup("counts", u32(2))
    assert (missing.value.cls, missing.value.errno) == (ErrorClass.KERNEL, errno.ENOENT)


@pytest.mark.obj("maps/array")
def check_array(obj: SubjectObject) -> None:
    """An array of structs, one slot written by a program."""
    obj.test_run("add", frame(size=66), repeat=2)
    assert obj.lookup("totals", u32(66 & 3)) == u64(2 * 66) + u32(2) + u32(0)
    assert obj.lookup("totals", u32(1)) == bytes(16)
    assert [unsigned(key) for key in obj.keys("totals")] == [0, 1, 2, 3]


@pytest.mark.obj("maps/percpu_array")
def check_percpu_array(obj: SubjectObject) -> None:
    """The counts of all CPUs add up, and user space can set them."""
    obj.test_run("count", frame(), repeat=20)
    raw = obj.lookup("counts", u32(1))
    assert sum(unsigned(raw[at : at + 4]) for at in range(0, len(raw), 8)) == 20
    obj.update("counts", u32(1), (u32(7) + bytes(4)) * (len(raw) // 8))
    obj.test_run("count", frame())
    raw = obj.lookup("counts", u32(1))
    assert sorted(unsigned(raw[at : at + 4]) for at in range(0, len(raw), 8))[-1] == 8


@pytest.mark.obj("maps/lru_hash")
def check_lru_hash(obj: SubjectObject) -> None:
    """A full LRU hash takes new entries from both sides, and stays within its size."""
    for number in range(1000, 1200):
        obj.update("recent", u32(number), u32(number))
    assert obj.test_run("remember", frame(size=80)).retval == 0
    assert unsigned(obj.lookup("recent", u32(80))) == 160
    keys = {unsigned(key) for key in obj.keys("recent")}
    assert 80 in keys
    assert 1000 not in keys, "the oldest entry was not evicted"
    assert 1 < len(keys) <= obj.maps["recent"].max_entries


@pytest.mark.obj("maps/lpm_trie")
def check_lpm_trie(obj: SubjectObject) -> None:
    """A program finds the longest prefix."""

    def route(*address: int) -> int:
        return obj.test_run("route", frame(bytes(address))).retval

    obj.update("routes", u32(8) + bytes([10, 0, 0, 0]), u32(1))
    obj.update("routes", u32(16) + bytes([10, 1, 0, 0]), u32(2))
    obj.update("routes", u32(32) + bytes([10, 1, 2, 3]), u32(3))
    assert [route(10, 9, 9, 9), route(10, 1, 9, 9), route(10, 1, 2, 3)] == [1, 2, 3]
    assert route(11, 0, 0, 1) == 0
    obj.delete("routes", u32(16) + bytes([10, 1, 0, 0]))
    assert route(10, 1, 9, 9) == 1


@pytest.mark.obj("maps/prog_array")
def check_prog_array(obj: SubjectObject) -> None:
    """Tail calls go where user space says, and fall through where a slot is empty."""

    def call(slot: int) -> int:
        obj.set_variable("slot", u32(slot))
        return obj.test_run("entry", frame()).retval

    obj.update_program("jumps", u32(0), "first")
    obj.update_program("jumps", u32(2), "second")
    assert [call(0), call(1), call(2)] == [21, 1, 22]
    obj.update_program("jumps", u32(0), "second")
    obj.delete("jumps", u32(2))
    assert [call(0), call(2), call(3)] == [22, 1, 1]
    assert unsigned(obj.variable("entries")) == 6


@pytest.mark.obj("maps/prog_array_static")
def check_prog_array_filled_by_object(obj: SubjectObject) -> None:
    """A tail call to a program that the object itself puts into the array."""
    assert obj.test_run("entry", frame()).retval == 33


@pytest.mark.obj("maps/array_of_maps")
def check_array_of_maps(obj: SubjectObject) -> None:
    """A slot that the object fills, then another map put there by user space."""
    assert obj.test_run("count", frame(), repeat=2).retval == 0
    obj.update_map("outer", u32(1), "inner_b")
    assert obj.test_run("count", frame()).retval == 0
    assert unsigned(obj.lookup("inner_a", u32(0))) == 2
    assert unsigned(obj.lookup("inner_b", u32(0))) == 1


@pytest.mark.obj("maps/hash_of_maps")
def check_hash_of_maps(obj: SubjectObject) -> None:
    """A hash of hashes: no inner map, an inner map without the key, then with it."""
    assert obj.test_run("find", frame(size=70)).retval == 1
    obj.update_map("by_protocol", u32(socket.htons(ETH_P_BPFLAB)), "by_length")
    assert obj.test_run("find", frame(size=70)).retval == 2
    obj.update("by_length", u32(70), u32(77))
    assert obj.test_run("find", frame(size=70)).retval == 77
