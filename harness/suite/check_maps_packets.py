"""Maps that XDP sends frames through: to devices, CPUs and sockets of user space."""

from __future__ import annotations

import struct
from collections.abc import Iterator

import pytest

from ..subjects.handles import SubjectObject
from .network import Veth, frame, veth_pair
from .numbers import u32, unsigned
from .xdp_socket import XdpSocket

INDEX, NUMBER = 2, 77777
"""The keys that maps/devmap looks up."""


@pytest.fixture
def other() -> Iterator[Veth]:
    """A second pair of devices."""
    with veth_pair("bpflab2", "bpflab3") as pair:
        yield pair


def _native(ifindex: int) -> dict[str, str | int]:
    """Devices of a pair give frames to each other only in the driver's own mode."""
    return {"kind": "xdp", "ifindex": ifindex, "mode": "native"}


@pytest.mark.obj("maps/devmap")
def check_devmap(veth: Veth, other: Veth, obj: SubjectObject) -> None:
    """Frames leave through the device that the map has; without one they go on as usual."""
    obj.attach("receive", _native(other.far.ifindex))
    obj.attach("through_array", _native(veth.near.ifindex))
    veth.far.send(frame(b"P1"))
    assert veth.near.receive() == frame(b"P1")
    obj.update("by_index", u32(INDEX), u32(other.near.ifindex))
    assert unsigned(obj.lookup("by_index", u32(INDEX))) == other.near.ifindex
    veth.far.send(frame(b"P2"))
    assert other.far.receive() == frame(b"P2")
    obj.delete("by_index", u32(INDEX))
    veth.far.send(frame(b"P3"))
    assert veth.near.receive() == frame(b"P3")


@pytest.mark.obj("maps/devmap")
def check_devmap_hash(veth: Veth, other: Veth, obj: SubjectObject) -> None:
    """A device by any number, and a program that changes frames on their way out."""
    obj.attach("receive", _native(other.far.ifindex))
    obj.attach("through_hash", _native(veth.near.ifindex))
    obj.update("by_number", u32(NUMBER), u32(other.near.ifindex) + u32(0))
    veth.far.send(frame(b"P1"))
    assert other.far.receive() == frame(b"P1")
    obj.update_program("by_number", u32(NUMBER), "mark", before=u32(other.near.ifindex))
    ifindex, program = struct.unpack("=II", obj.lookup("by_number", u32(NUMBER)))
    assert ifindex == other.near.ifindex and program > 0
    veth.far.send(frame(b"P2"))
    assert other.far.receive() == frame(b"M2")
    assert unsigned(obj.variable("sent_on")) == 1
    assert obj.keys("by_number") == [u32(NUMBER)]


@pytest.mark.obj("maps/cpumap")
def check_cpumap(veth: Veth, obj: SubjectObject) -> None:
    """A program on another CPU sees the frames before the network stack does."""
    obj.update_program("cpus", u32(0), "sort", before=u32(64))
    queue, program = struct.unpack("=II", obj.lookup("cpus", u32(0)))
    assert queue == 64 and program > 0
    obj.attach("move", _native(veth.near.ifindex))
    veth.far.send(frame(b"D1"))
    veth.far.send(frame(b"P1"))
    assert veth.near.receive() == frame(b"P1")
    assert unsigned(obj.variable("passed")) == 1
    assert unsigned(obj.variable("dropped")) == 1


@pytest.mark.obj("maps/xskmap")
def check_xskmap(veth: Veth, obj: SubjectObject) -> None:
    """A socket of user space gets the frames that XDP picks for it, and no others."""
    with XdpSocket(veth.near.ifindex) as receiver:
        obj.update("sockets", u32(0), receiver.socket)
        obj.attach("divert", _native(veth.near.ifindex))
        veth.far.send(frame(b"X1"))
        veth.far.send(frame(b"P2"))
        assert receiver.receive() == frame(b"X1")
        assert veth.near.receive() == frame(b"P2")
        obj.delete("sockets", u32(0))
        veth.far.send(frame(b"X3"))
        assert veth.near.receive() == frame(b"X3")
        assert receiver.receive(0.1) is None
