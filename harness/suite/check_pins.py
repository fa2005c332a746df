"""Pins: what is on a BPF file system, and state that outlives the process that made it."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import pytest

from ...loader import KernelError, Link, Map, Object, ObjectSpec, Program, RingBuffer
from ...loader import pins as bpffs
from .fixtures import Fork
from .job import SuiteJob
from .network import Veth, frame
from .numbers import u64

pytestmark = pytest.mark.reference_only

FRAME = frame(b"counted")


@pytest.fixture
def folder(pins: Path) -> Iterator[Path]:
    """A directory to pin in."""
    path = pins / "bpflab_check"
    path.mkdir()
    yield path
    for pin in path.iterdir():
        pin.unlink()
    path.rmdir()


def pin_all(obj: Object, link: Link, folder: Path) -> None:
    """Pin a program, its link and its maps under their names."""
    obj.programs["count"].pin(folder / "count")
    link.pin(folder / "link")
    for name in ("counter", "events"):
        obj.maps[name].pin(folder / name)


@pytest.mark.obj("events/persistent")
def check_survives_kill(job: SuiteJob, veth: Veth, fork: Fork, folder: Path) -> None:
    """A process pins, reads on, and is killed; the next one goes on from there, and misses nothing."""

    def first_life() -> str:
        obj = ObjectSpec.from_file(job.objects["events/persistent"]).load()
        pin_all(obj, obj.programs["count"].attach_xdp(veth.near.ifindex), folder)
        for _ in range(5):
            _deliver(veth)
        reader = obj.maps["events"].reader()
        assert reader.read(2) == [u64(1), u64(2)]
        os.kill(os.getpid(), signal.SIGKILL)
        return "survived"

    child = fork(first_life)
    with pytest.raises(RuntimeError, match="died"):
        child.go()
    for _ in range(3):
        _deliver(veth)  # nobody is there to read the events of these

    found = {pin.path.name: pin for pin in bpffs.walk(folder)}
    assert {name: pin.kind for name, pin in found.items()} == {
        "count": "program",
        "counter": "map",
        "events": "map",
        "link": "link",
    }
    with (
        found["counter"].open() as counter,
        found["events"].open() as events,
        found["link"].open() as link,
        found["count"].open() as program,
    ):
        assert isinstance(counter, Map) and isinstance(events, Map)
        assert isinstance(link, Link) and isinstance(program, Program)
        assert link.info().program_id == program.info().id
        assert counter[0] == 8
        with RingBuffer(events) as reader:
            assert list(islice(reader, 6)) == [u64(number) for number in range(3, 9)]
            _deliver(veth)
            assert reader.poll(5) == [u64(9)]
        link.unpin()
    # The kernel lets go of a pin some time after its file has gone.
    with Map.from_pin(folder / "counter") as counter:
        deadline = time.monotonic() + 10
        counted = -1
        while counted != counter[0] and time.monotonic() < deadline:
            counted = counter[0]
            _deliver(veth)
        assert counted == counter[0], "the program is still attached"


def _deliver(veth: Veth) -> None:
    """Send a frame, and wait for its arrival behind the program."""
    veth.far.send(FRAME)
    assert veth.near.receive() is not None


@pytest.mark.obj("events/persistent")
def check_walk(job: SuiteJob, folder: Path) -> None:
    """What is pinned is found on every BPF file system, in directories too, and opened as what it is."""
    (folder / "inner").mkdir()
    try:
        with ObjectSpec.from_file(job.objects["events/persistent"]).load() as obj:
            obj.maps["counter"].pin(folder / "inner/counter")
            obj.programs["count"].pin(folder / "count")
            ids = {"counter": obj.maps["counter"].id, "count": obj.programs["count"].info().id}
        below = [pin for pin in bpffs.walk() if folder in pin.path.parents]
        assert [(str(pin.path.relative_to(folder)), pin.kind) for pin in below] == [
            ("count", "program"),
            ("inner/counter", "map"),
        ]
        with bpffs.open_pin(folder / "inner/counter") as counter, bpffs.open_pin(folder / "count") as count:
            assert isinstance(counter, Map) and isinstance(count, Program)
            assert {"counter": counter.id, "count": count.info().id} == ids
        with pytest.raises(KernelError, match="nothing"):
            bpffs.open_pin(folder / "nothing")
    finally:
        (folder / "inner/counter").unlink(missing_ok=True)
        (folder / "inner").rmdir()


def check_filesystems(tmp_path: Path, pins: Path) -> None:
    """A BPF file system is found where it is mounted, and mounted where there is none."""
    place = tmp_path / "a place"
    place.mkdir()
    assert pins in bpffs.filesystems() and place not in bpffs.filesystems()
    assert bpffs.mount(place) == bpffs.mount(place) == place
    try:
        assert bpffs.filesystems().count(place) == 1
        assert list(bpffs.walk(place)) == []
    finally:
        bpffs.unmount(place)
    assert place not in bpffs.filesystems()
