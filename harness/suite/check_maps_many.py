"""Many elements of a map at once, elements with flags, and maps as a whole."""

from __future__ import annotations

import errno
import os
import resource
from collections.abc import Iterator

import pytest

from ...corpus.data import version_order
from ..subjects.client import Subject
from ..subjects.errors import ErrorClass, SubjectError
from ..subjects.handles import SubjectObject
from .job import SuiteJob
from .keeper import START_LIMIT_S
from .network import frame
from .numbers import u32, u64, unsigned

BPF_NOEXIST, BPF_F_LOCK, BPF_F_CPU, BPF_F_ALL_CPUS = 1, 4, 8, 16
MMAPABLE = 1 << 10


@pytest.mark.obj("maps/hash")
def check_elements(obj: SubjectObject) -> None:
    """A whole hash table: what both sides put in, each element once."""
    obj.test_run("count", frame(size=64), repeat=5)
    obj.update_many("counts", {u32(number): u64(number) for number in range(100, 900)})
    assert obj.elements("counts") == {
        u32(64): u64(5),
        **{u32(number): u64(number) for number in range(100, 900)},
    }
    assert obj.delete_many("counts", map(u32, range(50, 500))) == 401
    assert sorted(map(unsigned, obj.elements("counts"))) == list(range(500, 900))


@pytest.mark.obj("maps/hash")
def check_elements_popped(obj: SubjectObject) -> None:
    """Elements that are read are gone, and a program starts over."""
    obj.test_run("count", frame(size=64), repeat=5)
    obj.update_many("counts", {u32(number): u64(number) for number in range(100, 900)})
    assert len(obj.elements("counts", delete=True)) == 801
    assert obj.elements("counts") == {}
    obj.test_run("count", frame(size=64))
    assert obj.elements("counts") == {u32(64): u64(1)}


@pytest.mark.obj("maps/percpu_hash")
def check_elements_of_every_cpu(obj: SubjectObject) -> None:
    """Whole per-CPU hash tables, also one that evicts."""
    obj.test_run("count", frame(size=70), repeat=5)
    for name in ("counts", "recent"):
        elements = obj.elements(name)
        assert [unsigned(key) for key in elements] == [70]
        assert _sum(elements[u32(70)]) == 5
        obj.update_many(name, {u32(80): bytes(len(elements[u32(70)]))})
        assert sorted(map(unsigned, obj.elements(name, delete=True))) == [70, 80]
        assert obj.elements(name) == {}


@pytest.mark.obj("maps/array")
def check_elements_of_an_array(obj: SubjectObject) -> None:
    """A whole array, and several of its elements written together; none can be deleted."""
    obj.test_run("add", frame(size=66))
    obj.update_many("totals", {u32(0): u64(1) + u64(2), u32(3): u64(3) + u64(4)})
    elements = obj.elements("totals")
    assert list(map(unsigned, elements)) == [0, 1, 2, 3]
    assert elements[u32(3)] == u64(3) + u64(4) and elements[u32(66 & 3)][:8] == u64(66)
    with pytest.raises(SubjectError) as refused:
        obj.delete_many("totals", [u32(0)])
    assert (refused.value.cls, refused.value.errno) == (ErrorClass.KERNEL, errno.EINVAL)


@pytest.mark.obj("maps/lpm_trie")
def check_elements_of_a_trie(obj: SubjectObject) -> None:
    """All prefixes, on kernels that read them in batches (5.13) and on those that do not."""
    prefixes = {u32(8) + bytes([number, 0, 0, 0]): u32(number) for number in range(1, 16)}
    obj.update_many("routes", prefixes)
    assert obj.elements("routes") == prefixes
    assert obj.test_run("route", frame(bytes([7, 1, 1, 1]))).retval == 7
    assert obj.delete_many("routes", prefixes) == 15
    assert obj.test_run("route", frame(bytes([7, 1, 1, 1]))).retval == 0


@pytest.mark.obj("maps/rhash")
@pytest.mark.needs("growing_hash")
def check_elements_of_a_growing_hash(obj: SubjectObject) -> None:
    """A hash table that grows counts as others do, and gives all its elements."""
    obj.test_run("count", frame(size=64), repeat=3)
    assert unsigned(obj.lookup("counts", u32(64))) == 3
    obj.update_many("counts", {u32(number): u64(number) for number in range(1000, 1500)})
    obj.delete("counts", u32(1000))
    assert {unsigned(key) for key in obj.keys("counts")} == {64, *range(1001, 1500)}
    assert obj.elements("counts").keys() == set(obj.keys("counts"))


@pytest.mark.obj("maps/hash")
def check_refused_among_many(obj: SubjectObject) -> None:
    """The first element that is refused ends an update; those before it are there."""
    obj.update("counts", u32(3), u64(33))
    with pytest.raises(SubjectError) as refused:
        obj.update_many("counts", {u32(number): u64(number) for number in range(1, 6)}, BPF_NOEXIST)
    assert (refused.value.cls, refused.value.errno) == (ErrorClass.KERNEL, errno.EEXIST)
    assert obj.elements("counts") == {u32(1): u64(1), u32(2): u64(2), u32(3): u64(33)}


@pytest.mark.obj("maps/queue")
def check_popped_values(obj: SubjectObject) -> None:
    """Queues and stacks give their values up in their order."""
    for size in (64, 80, 100):
        obj.test_run("keep", frame(size=size))
    assert [unsigned(obj.pop("queue")) for _ in range(3)] == [64, 80, 100]
    assert [unsigned(obj.pop("stack")) for _ in range(3)] == [100, 80, 64]
    with pytest.raises(SubjectError) as empty:
        obj.pop("queue")
    assert (empty.value.cls, empty.value.errno) == (ErrorClass.KERNEL, errno.ENOENT)


@pytest.mark.obj("maps/hash")
@pytest.mark.needs("lookup_and_delete_in_hashes")
def check_popped_element(obj: SubjectObject) -> None:
    """An element is read and deleted at once."""
    obj.test_run("count", frame(size=64), repeat=7)
    assert unsigned(obj.pop("counts", u32(64))) == 7
    assert obj.keys("counts") == []
    obj.test_run("count", frame(size=64))
    assert unsigned(obj.lookup("counts", u32(64))) == 1


@pytest.mark.obj("maps/spin_lock")
def check_locked_element(obj: SubjectObject) -> None:
    """User space takes the lock in a value as programs do, and never sees it."""
    obj.update("accounts", u32(1), u32(1) + u32(0) + u64(10))
    obj.update("accounts", u32(1), u32(2) + u32(0) + u64(20), BPF_F_LOCK)
    obj.test_run("deposit", frame(size=90))
    assert obj.lookup("accounts", u32(1), BPF_F_LOCK) == u32(2) + u32(0) + u64(110)


@pytest.mark.obj("maps/percpu_array")
@pytest.mark.needs("values_of_one_cpu")
def check_value_of_one_cpu(obj: SubjectObject) -> None:
    """The value of one CPU is read and written alone, and one value goes to all."""
    cpus = len(obj.lookup("counts", u32(1))) // 8
    last = BPF_F_CPU | (cpus - 1) << 32
    obj.update("counts", u32(1), u32(5), BPF_F_ALL_CPUS)
    assert obj.lookup("counts", u32(1)) == (u32(5) + bytes(4)) * cpus
    obj.update("counts", u32(1), u32(9), last)
    assert obj.lookup("counts", u32(1), last) == u32(9)
    assert obj.lookup("counts", u32(1)) == (u32(5) + bytes(4)) * (cpus - 1) + u32(9) + bytes(4)


@pytest.mark.obj("maps/array")
def check_freeze(obj: SubjectObject) -> None:
    """Of a frozen map programs are the only writers."""
    obj.update("totals", u32(0), u64(1) + u64(1))
    obj.freeze("totals")
    with pytest.raises(SubjectError) as frozen:
        obj.update("totals", u32(0), bytes(16))
    assert (frozen.value.cls, frozen.value.errno) == (ErrorClass.KERNEL, errno.EPERM)
    obj.test_run("add", frame(size=66))
    assert unsigned(obj.lookup("totals", u32(66 & 3))[:8]) == 66
    assert obj.lookup("totals", u32(0)) == u64(1) + u64(1)


@pytest.mark.obj("maps/typed")
def check_map_info(obj: SubjectObject) -> None:
    """The kernel says of a map what the object does, and a number for it."""
    info = obj.map_info("mapped")
    assert (info.name, info.type, info.key_size, info.value_size) == ("mapped", "array", 4, 4)
    assert (info.max_entries, info.flags, info.map_extra) == (8, MMAPABLE, 0)
    assert info.id != obj.map_info("flows").id > 0


@pytest.fixture
def fresh(job: SuiteJob) -> Iterator[Subject]:
    """The subject in a process of its own, which has loaded nothing yet: its start is no check's time."""
    with Subject(job.commands[job.subjects[0]], limit_s=START_LIMIT_S) as started:
        yield started


@pytest.mark.obj("maps/definition")
def check_locked_memory(job: SuiteJob, fresh: Subject) -> None:
    """A low limit of locked memory, which kernels before 5.11 charge maps to, is in no one's way."""
    charged = version_order("kernel", os.uname().release) < (5, 11)
    before = resource.prlimit(fresh.pid, resource.RLIMIT_MEMLOCK)
    resource.prlimit(fresh.pid, resource.RLIMIT_MEMLOCK, (4096, before[1]))
    with fresh.open(job.objects["maps/definition"]) as opened:
        opened.load()
        assert opened.test_run("use", frame(size=77)).retval == 0
    lifted = resource.prlimit(fresh.pid, resource.RLIMIT_MEMLOCK)[0] == resource.RLIM_INFINITY
    assert lifted == charged, "lifted only where it has to be"


def _sum(values: bytes) -> int:
    return sum(unsigned(values[at : at + 8]) for at in range(0, len(values), 8))
