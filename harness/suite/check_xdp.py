"""XDP: the modes, several buffers, device binding, replacing, asking what is there."""

from __future__ import annotations

import pytest

from ...loader.links import XdpFeature, query_xdp_features
from ..subjects.errors import ErrorClass, SubjectError
from ..subjects.handles import Target
from .addresses import set_mtu
from .fixtures import Open
from .network import Veth, frame, udp_frame
from .numbers import signed, unsigned
from .order import order_met

XDP_PASS = 2
ENODATA = 61


@pytest.mark.obj("programs/xdp")
def check_generic(veth: Veth, opened: Open) -> None:
    """In generic mode frames are dropped in the stack, and the kernel tells the program."""
    _drops(opened, veth, {"kind": "xdp", "ifindex": veth.near.ifindex, "mode": "generic"})


@pytest.mark.obj("programs/xdp")
def check_native(veth: Veth, opened: Open) -> None:
    """In native mode frames are dropped in the driver."""
    _drops(opened, veth, {"kind": "xdp", "ifindex": veth.near.ifindex, "mode": "native"})


@pytest.mark.obj("programs/xdp")
def check_netlink(veth: Veth, opened: Open) -> None:
    """Without a link the program is there from attaching to detaching all the same."""
    _drops(opened, veth, {"kind": "xdp", "ifindex": veth.near.ifindex, "by": "netlink"})


@pytest.mark.obj("network/order")
def check_replace(veth: Veth, opened: Open) -> None:
    """One program follows another without a gap, if that is what is expected there."""
    obj = opened("network/order")
    loaded = obj.load(programs=["xdp_one", "xdp_two"])
    target: dict[str, str | int] = {"kind": "xdp", "ifindex": veth.near.ifindex}
    link = obj.attach("xdp_one", target)
    assert order_met(obj, veth.far, veth.near) == 1
    obj.update_link(link, "xdp_two", expected="xdp_one")
    assert order_met(obj, veth.far, veth.near) == 2
    assert obj.query("xdp_two", target).programs == [loaded["xdp_two"].id]
    with pytest.raises(SubjectError) as refused:
        obj.update_link(link, "xdp_one", expected="xdp_one")
    assert refused.value.cls is ErrorClass.KERNEL
    obj.update_link(link, "xdp_one")
    assert order_met(obj, veth.far, veth.near) == 1


@pytest.mark.obj("network/xdp_frags")
@pytest.mark.needs("xdp_frags")
def check_frags(veth: Veth, opened: Open) -> None:
    """A program sees the whole of a frame that lies in several buffers, and its end."""
    obj = opened("network/xdp_frags")
    obj.load()
    for port in (veth.near, veth.far):
        set_mtu(port.name, 9000)
    obj.attach("measure", {"kind": "xdp", "ifindex": veth.near.ifindex, "mode": "native"})
    long = frame(bytes(7999) + b"P", size=8014)
    veth.far.send(long)
    assert veth.near.receive() == long
    assert unsigned(obj.variable("length")) == 8014
    assert unsigned(obj.variable("in_first_buffer")) < 8014
    veth.far.send(frame(bytes(7999) + b"D", size=8014))
    veth.far.send(frame(b"behind it"))
    assert veth.near.receive() == frame(b"behind it")
    assert unsigned(obj.variable("dropped")) == 1


@pytest.mark.obj("network/xdp_bound")
@pytest.mark.needs("device_bound_xdp")
def check_device_bound(veth: Veth, opened: Open) -> None:
    """A program that is bound to a device may ask it about packets, and goes nowhere else."""
    obj = opened("network/xdp_bound")
    obj.load(programs=["ask"], devices={"ask": veth.near.ifindex})
    with pytest.raises(SubjectError) as refused:
        obj.attach("ask", {"kind": "xdp", "ifindex": veth.far.ifindex, "mode": "native"})
    assert refused.value.cls is ErrorClass.KERNEL
    obj.attach("ask", {"kind": "xdp", "ifindex": veth.near.ifindex, "mode": "native"})
    veth.far.send(udp_frame(9, b"not the lab's, like those that the kernel sends of its own accord"))
    veth.far.send(frame(b"asked"))
    assert veth.near.receive() == frame(b"asked")
    assert unsigned(obj.variable("frames")) == 1
    # veth has the answer of the packet's socket buffer: it has no hash of a frame that nobody has hashed.
    assert signed(obj.variable("answer")) in (0, -ENODATA)


@pytest.mark.reference_only
@pytest.mark.needs("xdp_features")
def check_features(veth: Veth) -> None:
    """A device tells what it can do for XDP before anything is attached."""
    told = query_xdp_features(veth.near.name).features
    assert told & XdpFeature.BASIC
    assert told & XdpFeature.REDIRECT


def _drops(opened: Open, veth: Veth, target: Target) -> None:
    obj = opened("programs/xdp")
    identity = obj.load()["sort"].id
    assert obj.query("sort", target).programs == []
    link = obj.attach("sort", target)
    assert obj.query("sort", target).programs == [identity]
    veth.far.send(frame(b"D1"))
    veth.far.send(frame(b"P1"))
    assert veth.near.receive() == frame(b"P1")
    assert unsigned(obj.variable("dropped")) == 1
    link.detach()
    assert obj.query("sort", target).programs == []
    veth.far.send(frame(b"D2"))
    assert veth.near.receive() == frame(b"D2")
