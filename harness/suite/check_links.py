"""What all links have in common: what the kernel says of them, pins, updates, and all that there are."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from ...loader import AttachType, Link, LinkType, Map, Object, ObjectSpec, Program, system
from ...loader.links import info
from .fixtures import Open
from .job import SuiteJob
from .network import Veth, frame

KINDS = {
    "raw_tracepoint": ("attach/raw_tracepoint", "on_rename", LinkType.RAW_TRACEPOINT),
    "fentry": ("attach/fentry", "on_nice", LinkType.TRACING),
    "fmod_ret": ("tracing/fmod_ret", "refuse", LinkType.TRACING),
    "lsm": ("lsm/file_open", "keep_closed", LinkType.TRACING),
    "tp_btf": ("attach/tp_btf", "on_rename", None),
    "iterator": ("iterators/task", "dump", LinkType.ITER),
}
"""Attached by their SEC() name. Links of tp_btf are TRACING or RAW_TRACEPOINT, by the kernel's version."""


@pytest.mark.parametrize("kind", KINDS)
def check_info(opened: Open, kind: str) -> None:
    """The kernel names a link's type and its program."""
    name, program, type = KINDS[kind]
    obj = opened(name)
    loaded = obj.load()
    told = obj.attach(program).info()
    assert told.id > 0
    assert told.program_id == loaded[program].id
    if type is not None:
        assert told.type == type


@pytest.mark.obj("programs/xdp")
def check_pinned(veth: Veth, loaded: Open, pins: Path) -> None:
    """A pinned link stays attached when the object is closed, and ends with its file."""
    obj = loaded("programs/xdp")
    path = pins / "bpflab_link"
    obj.attach("sort", {"kind": "xdp", "ifindex": veth.near.ifindex}).pin(path)
    obj.close()
    veth.far.send(frame(b"D1"))
    veth.far.send(frame(b"P1"))
    assert veth.near.receive() == frame(b"P1")
    path.unlink()
    assert _arrives(veth, b"D2")


@pytest.fixture
def live(job: SuiteJob) -> Iterator[Object]:
    """An object of our loader's, in this process."""
    with ObjectSpec.from_file(job.objects["programs/xdp"]).load() as obj:
        yield obj


@pytest.mark.reference_only
@pytest.mark.obj("programs/xdp")
def check_from_pin(live: Object, veth: Veth, pins: Path) -> None:
    """A link, its program and a map are opened again by pin and by ID, and are the same."""
    link = live.programs["sort"].attach_xdp(veth.near.ifindex)
    link.pin(pins / "bpflab_link")
    told = link.info()
    assert told.details == info.XdpInfo(veth.near.ifindex)
    link.close()
    again = Link.from_pin(pins / "bpflab_link")
    assert again.info() == told
    with Program.from_id(told.program_id) as program:
        assert program.info().tag == live.programs["sort"].info().tag
        for number in program.info().map_ids:
            Map.from_id(number).close()
    again.detach()
    assert _arrives(veth, b"D2")


@pytest.mark.reference_only
@pytest.mark.obj("programs/xdp")
def check_all(live: Object, veth: Veth) -> None:
    """Everything of the system is found, ours with it."""
    with live.programs["sort"].attach_xdp(veth.near.ifindex) as link:
        assert link.info() in [each.info() for each in system.links()]
    assert live.programs["sort"].info().id in set(system.program_ids())
    assert {one.id for one in live.maps.values()} <= set(system.map_ids())
    assert live.programs["sort"].info().btf_id in set(system.btf_ids())


@pytest.mark.reference_only
@pytest.mark.parametrize("kind", ["iterator", "raw_tracepoint", "cgroup", "fentry"])
def check_details(job: SuiteJob, cgroup: Path, kind: str) -> None:
    """What a link is attached to is told in the terms of its kind."""
    name, program, _ = KINDS.get(kind, ("programs/cgroup_skb", "watch", None))
    with ObjectSpec.from_file(job.objects[name]).load() as obj:
        one = obj.programs[program]
        with one.attach_cgroup(cgroup) if kind == "cgroup" else one.attach() as link:
            details = link.info().details
    match kind:
        case "iterator":
            assert details == info.IteratorInfo("task")
        case "raw_tracepoint":
            assert details == info.RawTracepointInfo("task_rename", 0)
        case "cgroup":
            assert details == info.CgroupInfo(cgroup.stat().st_ino, AttachType(one.attach_type))
        case "fentry":
            assert isinstance(details, info.TracingInfo)
            assert details.attach_type == one.attach_type


def _arrives(veth: Veth, payload: bytes) -> bool:
    """Whether a frame arrives in the end: the kernel takes its time to end a link whose file is gone."""
    for _ in range(5):
        veth.far.send(frame(payload))
        if veth.near.receive() == frame(payload):
            return True
    return False
