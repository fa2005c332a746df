"""Iterators: programs that write what they see of the kernel's objects, read as bytes."""

from __future__ import annotations

import os
import socket
import threading
from pathlib import Path
from struct import iter_unpack

import pytest

from ..subjects.handles import SubjectObject, Target
from .cgroup import control_group
from .fixtures import Open
from .network import bring_up
from .numbers import u32

DESCENDANTS_PRE, DESCENDANTS_POST, ANCESTORS_UP = 2, 3, 4


@pytest.mark.obj("iterators/task")
def check_tasks(obj: SubjectObject) -> None:
    """All tasks are visited, this one too; running it again visits them again."""
    link = obj.attach("dump")
    for _ in range(2):
        tasks = set(iter_unpack("=II", link.iterate()))
        assert (os.getpid(), os.getpid()) in tasks
        assert len(tasks) > 1


@pytest.mark.obj("iterators/task")
@pytest.mark.needs("task_iterator_limits")
def check_tasks_of_process(obj: SubjectObject) -> None:
    """Of one process all threads, of one thread itself."""
    stop = threading.Event()
    thread = threading.Thread(target=stop.wait)
    thread.start()
    try:
        own = obj.attach("dump", {"kind": "iterator", "pid": os.getpid()})
        one = obj.attach("dump", {"kind": "iterator", "tid": thread.native_id or 0})
        pid, tid = os.getpid(), thread.native_id
        assert set(iter_unpack("=II", own.iterate())) == {(pid, pid), (tid, pid)}
        assert list(iter_unpack("=II", one.iterate())) == [(tid, pid)]
    finally:
        stop.set()
        thread.join()


@pytest.mark.obj("iterators/map_elements")
def check_map_elements(obj: SubjectObject) -> None:
    """The elements of a map."""
    for key in range(3):
        obj.update("numbers", u32(key), u32(key + 100))
    link = obj.attach("dump", {"kind": "iterator", "map": "numbers"})
    assert set(iter_unpack("=II", link.iterate())) == {(100, 0), (101, 1), (102, 2)}
    obj.delete("numbers", u32(1))
    assert set(iter_unpack("=II", link.iterate())) == {(100, 0), (102, 2)}


@pytest.mark.obj("iterators/objects")
def check_maps(loaded: Open) -> None:
    """All maps, that of another object when it is loaded."""
    link = loaded("iterators/objects").attach("maps")
    before = set(iter_unpack("=I", link.iterate()))
    loaded("iterators/map_elements")
    assert len(set(iter_unpack("=I", link.iterate())) - before) == 1


@pytest.mark.obj("iterators/objects")
def check_programs(obj: SubjectObject) -> None:
    """All programs, the iterator's own too."""
    link = obj.attach("programs")
    ids = {number for (number,) in iter_unpack("=I", link.iterate())}
    assert link.info().program_id in ids


@pytest.mark.obj("iterators/sockets")
def check_tcp(obj: SubjectObject) -> None:
    """TCP sockets of this network namespace."""
    bring_up("lo")
    link = obj.attach("tcp_ports")
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        assert (port,) in set(iter_unpack("=H", link.iterate()))
    assert (port,) not in set(iter_unpack("=H", link.iterate()))


@pytest.mark.obj("iterators/sockets")
def check_udp(obj: SubjectObject, udp: socket.socket) -> None:
    """UDP sockets of this network namespace."""
    link = obj.attach("udp_ports")
    assert (udp.getsockname()[1],) in set(iter_unpack("=H", link.iterate()))


@pytest.mark.obj("iterators/cgroup")
@pytest.mark.needs("cgroup_iterator")
def check_cgroups(loaded: Open) -> None:
    """Control groups from one on: down, children first, or up to the root."""
    obj = loaded("iterators/cgroup")
    with control_group() as group:
        inner = group / "inner"
        inner.mkdir()
        try:
            own, child = group.stat().st_ino, inner.stat().st_ino
            assert _walk(obj, group, DESCENDANTS_PRE) == [own, child]
            assert _walk(obj, group, DESCENDANTS_POST) == [child, own]
            assert _walk(obj, inner, ANCESTORS_UP)[:2] == [child, own]
        finally:
            inner.rmdir()


@pytest.mark.obj("iterators/kmem_cache")
@pytest.mark.needs("kmem_cache_iterator")
def check_kmem_caches(obj: SubjectObject) -> None:
    """The kernel's slab caches."""
    data = obj.attach("dump").iterate()
    names = {name.rstrip(b"\0") for (name,) in iter_unpack("32s", data)}
    assert b"task_struct" in names


@pytest.mark.obj("iterators/task")
def check_pinned(obj: SubjectObject, pins: Path) -> None:
    """A pinned iterator is a file, which anyone can read who is allowed to."""
    path = pins / "bpflab_tasks"
    obj.attach("dump").pin(path)
    assert (os.getpid(), os.getpid()) in set(iter_unpack("=II", path.read_bytes()))


def _walk(obj: SubjectObject, group: Path, order: int) -> list[int]:
    target: Target = {"kind": "iterator", "cgroup": str(group), "order": order}
    return [number for (number,) in iter_unpack("=Q", obj.attach("walk", target).iterate())]
