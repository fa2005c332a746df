"""Map types: what user space puts in, programs find, and the other way round."""

from __future__ import annotations

import errno
import socket
from pathlib import Path

import pytest

from ..subjects.errors import ErrorClass, SubjectError
from ..subjects.handles import SubjectObject
from .fixtures import Open, Refused
from .network import ETH_P_BPFLAB, frame
from .numbers import u32, u64, unsigned

BPF_NOEXIST, BPF_EXIST = 1, 2
XDP_DROP, XDP_PASS = 1, 2


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
    assert 1 < len(keys) <= obj.maps["recent"].max_entries
    # Not each of the oldest is gone: a CPU keeps some to itself when the subject has moved to another.
    assert sum(key >= 1100 for key in keys) > len(keys) / 2, "the oldest entries were not evicted"


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


@pytest.mark.obj("maps/percpu_hash")
def check_percpu_hash(obj: SubjectObject) -> None:
    """Per-CPU hashes, also one that evicts: the counts of all CPUs add up."""
    obj.test_run("count", frame(size=70), repeat=5)
    obj.test_run("count", frame(size=80), repeat=2)
    for name in ("counts", "recent"):
        assert _sum_of_cpus(obj.lookup(name, u32(70))) == 5
        assert _sum_of_cpus(obj.lookup(name, u32(80))) == 2
        assert sorted(map(unsigned, obj.keys(name))) == [70, 80]


def _sum_of_cpus(raw: bytes) -> int:
    return sum(unsigned(raw[at : at + 8]) for at in range(0, len(raw), 8))


@pytest.mark.obj("maps/queue")
def check_queue_and_stack(obj: SubjectObject) -> None:
    """Maps without keys: first in first out, and last in first out, from both sides."""
    for size in (64, 80, 100):
        assert obj.test_run("keep", frame(size=size)).retval == 0
    assert unsigned(obj.lookup("queue", b"")) == 64
    assert unsigned(obj.lookup("stack", b"")) == 100
    obj.update("stack", b"", u32(7))
    assert obj.test_run("keep", frame(b"P")).retval == 0
    assert unsigned(obj.variable("from_queue")) == 64
    assert unsigned(obj.variable("from_stack")) == 7
    assert unsigned(obj.lookup("queue", b"")) == 80


@pytest.mark.obj("maps/bloom_filter")
@pytest.mark.needs("bloom_filter")
def check_bloom_filter(obj: SubjectObject) -> None:
    """A bloom filter whose number of hash functions the object says."""
    assert [obj.test_run("is_new", frame(size=size)).retval for size in (70, 70, 80, 70)] == [1, 0, 1, 0]


@pytest.mark.obj("maps/definition")
def check_definition(obj: SubjectObject) -> None:
    """Every way to declare sizes, flags and the memory node."""
    shapes = {
        name: (each.type, each.key_size, each.value_size, each.max_entries) for name, each in obj.maps.items()
    }
    assert shapes == {
        "by_size": ("hash", 12, 20, 3),
        "by_both": ("hash", 4, 8, 5),
        "on_node": ("array", 4, 8, 7),
        "written_out": ("hash", 3, 8, 9),
        "read_only": ("array", 4, 8, 1),
    }
    obj.update("read_only", u32(0), u64(55))
    assert obj.test_run("use", frame(size=77)).retval == 55
    assert unsigned(obj.lookup("by_size", bytes(12))[:4]) == 77
    assert unsigned(obj.lookup("by_both", u32(0))) == 77
    assert unsigned(obj.lookup("on_node", u32(0))) == 77
    assert obj.lookup("written_out", b"ab\0") == u32(1) + u32(2)


@pytest.mark.obj("maps/inner_maps")
def check_inner_maps_filled_by_object(obj: SubjectObject) -> None:
    """Maps of maps whose slots the object itself fills: an array and a hash, with gaps."""

    def put(slot: int, number: int, size: int) -> int:
        obj.set_variable("slot", u32(slot))
        obj.set_variable("number", u32(number))
        return obj.test_run("put", frame(size=size)).retval

    assert put(0, 0, 64) == 1, "an empty slot"
    assert put(1, 1, 65) == 2, "a missing key"
    assert put(4, 0, 66) == 3, "the same map twice"
    assert put(1, 0, 67) == 4, "two maps"
    assert unsigned(obj.lookup("first", u32(66))) == 4
    assert unsigned(obj.lookup("second", u32(65))) == 1
    assert unsigned(obj.lookup("second", u32(67))) == 1


@pytest.mark.obj("maps/spin_lock")
def check_spin_lock(obj: SubjectObject) -> None:
    """A lock in a value, which the kernel finds by the value's type."""
    assert obj.test_run("deposit", frame(size=90)).retval == 1
    obj.update("accounts", u32(1), u32(1) + bytes(4) + u64(10))
    assert obj.test_run("deposit", frame(size=90)).retval == 0
    assert unsigned(obj.lookup("accounts", u32(1))[8:]) == 100


@pytest.mark.obj("maps/pinned")
def check_pinned(pins: Path, loaded: Open) -> None:
    """A map that is pinned by its name outlives its object, and the next one shares it."""
    with loaded("maps/pinned") as first:
        first.test_run("count", frame(), repeat=2)
        assert (pins / "bpflab_pinned").exists()
    second = loaded("maps/pinned")
    second.test_run("count", frame())
    assert unsigned(second.lookup("bpflab_pinned", u32(0))) == 3


@pytest.mark.obj("maps/pinned_differs")
def check_pinned_differs(pins: Path, loaded: Open, refused: Refused) -> None:
    """A pinned map of another kind is not taken, and stays as it is."""
    with loaded("maps/pinned") as first:
        first.test_run("count", frame())
        error = refused("maps/pinned_differs")
        assert (error.cls, error.errno) == (ErrorClass.KERNEL, errno.EINVAL)
        assert unsigned(first.lookup("bpflab_pinned", u32(0))) == 1


@pytest.mark.obj("maps/special")
def check_special(obj: SubjectObject) -> None:
    """Maps of devices, CPUs, sockets, groups and stacks; a packet goes on if its slot is empty."""
    assert obj.test_run("redirect", frame()).retval == XDP_PASS
    assert obj.test_run("redirect_typed", frame()).retval == XDP_DROP
    assert obj.keys("device_hash") == []
    assert obj.maps["stacks"].value_size == 16 * 8
