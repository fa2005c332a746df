"""Targets of the network that every subject takes, refuses, updates and is asked about."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from bpflab.harness.subjects.answers import LoadedProgram
from bpflab.harness.subjects.client import ErrorClass, Subject, SubjectError, SubjectObject
from bpflab.harness.subjects.handles import Target

LOOPBACK = 1
XDP: Target = {"kind": "xdp", "ifindex": LOOPBACK}
SOCKMAP: Target = {"kind": "sockmap", "map": "sockets"}


@pytest.fixture
def network(subject: Subject, objects: Path) -> Iterator[SubjectObject]:
    with subject.open(objects / "network.bpf.o") as opened:
        yield opened


@pytest.fixture
def programs(network: SubjectObject) -> dict[str, LoadedProgram]:
    return network.load()


@pytest.mark.parametrize(
    ("first", "second", "target"),
    [
        ("pass", "pass_too", XDP),
        ("message", "message_too", SOCKMAP),
        ("look", "look", {"kind": "netns"}),
    ],
)
def test_what_is_attached_is_told_and_replaced(
    network: SubjectObject, programs: dict[str, LoadedProgram], first: str, second: str, target: Target
) -> None:
    assert network.query(first, target).programs == []
    with network.attach(first, target) as link:
        assert network.query(first, target).programs == [programs[first].id]
        network.update_link(link, second, expected=first)
        assert network.query(first, target).programs == [programs[second].id]
    assert network.query(first, target).programs == []


@pytest.mark.parametrize(
    "ways", [{"mode": "generic"}, {"by": "netlink"}, {"mode": "generic", "by": "netlink"}]
)
def test_xdp_in_other_ways(
    network: SubjectObject, programs: dict[str, LoadedProgram], ways: dict[str, str | int]
) -> None:
    target = dict(XDP) | ways
    with network.attach("pass", target):
        assert network.query("pass", target).programs == [programs["pass"].id]
    assert network.query("pass", target).programs == []


def test_a_socket_of_another_process(network: SubjectObject, programs: dict[str, LoadedProgram]) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        sock.bind(("127.0.0.1", 0))
        target: Target = {"kind": "reuseport", "pid": os.getpid(), "fd": sock.fileno()}
        with network.attach("choose", target):
            pass
        network.update_socket("sockets", bytes(4), sock)


@pytest.mark.parametrize(
    ("program", "target"),
    [
        ("pass", {"kind": "xdp", "ifindex": LOOPBACK, "mode": "fast"}),
        ("pass", {"kind": "xdp", "ifindex": LOOPBACK, "by": "pigeon"}),
        ("message", {"kind": "sockmap", "map": "nothing"}),
        ("message", {"kind": "sockmap"}),
        ("look", {"kind": "netfilter", "family": "ipx", "hook": "input"}),
        ("look", {"kind": "tcx", "ifindex": LOOPBACK, "direction": "sideways"}),
        ("look", {"kind": "netkit", "ifindex": LOOPBACK, "end": "primary", "place": "top"}),
        ("look", {"kind": "cgroup", "path": "/", "place": "before", "beside": "nobody"}),
        ("look", {"kind": "cgroup", "path": "/", "place": "after", "link": 4711}),
        ("choose", {"kind": "reuseport", "pid": 1}),
    ],
)
def test_targets_that_are_wrong(
    network: SubjectObject, programs: dict[str, LoadedProgram], program: str, target: Target
) -> None:
    with pytest.raises(SubjectError) as caught:
        network.attach(program, target)
    assert caught.value.cls is ErrorClass.USAGE


@pytest.mark.parametrize(
    ("program", "target"),
    [
        ("look", {"kind": "netns", "path": "/nowhere"}),
        ("message", {"kind": "cgroup", "path": "/nowhere"}),
        ("choose", {"kind": "reuseport", "pid": 2**22 + 1, "fd": 0}),
        ("choose", {"kind": "reuseport", "pid": os.getpid(), "fd": 4711}),
        ("pass", SOCKMAP),
    ],
)
def test_targets_that_the_kernel_refuses(
    network: SubjectObject, programs: dict[str, LoadedProgram], program: str, target: Target
) -> None:
    with pytest.raises(SubjectError) as caught:
        network.attach(program, target)
    assert caught.value.cls is ErrorClass.KERNEL
    assert caught.value.errno > 0


def test_an_update_that_expects_another_program(
    network: SubjectObject, programs: dict[str, LoadedProgram]
) -> None:
    with network.attach("pass", XDP) as link, pytest.raises(SubjectError) as caught:
        network.update_link(link, "pass_too", expected="pass_too")
    assert caught.value.cls is ErrorClass.KERNEL


def test_asking_about_nothing(network: SubjectObject, programs: dict[str, LoadedProgram]) -> None:
    with pytest.raises(SubjectError) as caught:
        network.query("pass", {"kind": "xdp", "ifindex": 4711})
    assert caught.value.cls is ErrorClass.KERNEL


def test_a_program_bound_to_a_device_that_cannot(network: SubjectObject) -> None:
    with pytest.raises(SubjectError) as caught:
        network.load(programs=["pass"], devices={"pass": 4711})
    assert caught.value.cls in (ErrorClass.KERNEL, ErrorClass.VERIFIER)
