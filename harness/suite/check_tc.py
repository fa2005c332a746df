"""Traffic control: clsact's filters by priority, tcx and netkit with an order of programs."""

from __future__ import annotations

import pytest

from ...loader import ObjectSpec
from ...loader.links import query_tc
from ..subjects.errors import ErrorClass, SubjectError
from ..subjects.handles import SubjectLink, SubjectObject
from .fixtures import Open
from .job import SuiteJob
from .network import Veth, frame
from .numbers import unsigned
from .order import order_met

ESTALE = 116


@pytest.mark.obj("network/order")
def check_priority(veth: Veth, opened: Open) -> None:
    """Filters run by their priority, whichever was attached first."""
    obj = opened("network/order")
    obj.load(programs=["tc_one", "tc_two"])
    target: dict[str, str | int] = {"kind": "tc", "ifindex": veth.near.ifindex, "direction": "ingress"}
    obj.attach("tc_one", target | {"priority": 9})
    first = obj.attach("tc_two", target | {"priority": 5, "handle": 7})
    assert order_met(obj, veth.far, veth.near) == 21
    with pytest.raises(SubjectError) as refused:
        obj.attach("tc_one", target | {"priority": 5, "handle": 7})
    assert refused.value.cls is ErrorClass.KERNEL
    first.detach()
    assert order_met(obj, veth.far, veth.near) == 1


@pytest.mark.obj("network/order")
@pytest.mark.reference_only
def check_queried(veth: Veth, job: SuiteJob) -> None:
    """The kernel tells the filters of a device in the order in which they run."""
    spec = ObjectSpec.from_file(job.objects["network/order"])
    with spec.load(programs=["tc_one", "tc_two"]) as obj:
        one, two = obj.programs["tc_one"], obj.programs["tc_two"]
        with (
            one.attach_tc(veth.near.name, "ingress", priority=9) as late,
            two.attach_tc(veth.near.name, "ingress", priority=5, handle=7),
        ):
            assert query_tc(veth.near.name, "ingress") == [
                (5, 7, "tc_two", two.info().id, True),
                (9, late.handle, "tc_one", one.info().id, True),
            ]
            assert query_tc(veth.near.name, "egress") == []
            late.update(two)
            assert [each.program_id for each in query_tc(veth.near.name, "ingress")] == [two.info().id] * 2


@pytest.mark.obj("network/tcx")
@pytest.mark.needs("tcx")
def check_tcx_ingress(veth: Veth, obj: SubjectObject) -> None:
    """Arriving frames are dropped or changed without any qdisc; after detaching they are left alone."""
    link = obj.attach("ingress", {"kind": "tcx", "ifindex": veth.near.ifindex, "direction": "ingress"})
    veth.far.send(frame(b"D1"))
    veth.far.send(frame(b"P1"))
    assert veth.near.receive() == frame(b"M1")
    assert unsigned(obj.variable("arriving")) == 1
    link.detach()
    veth.far.send(frame(b"D2"))
    assert veth.near.receive() == frame(b"D2")


@pytest.mark.obj("network/tcx")
@pytest.mark.needs("tcx")
def check_tcx_egress(veth: Veth, obj: SubjectObject) -> None:
    """Leaving frames are dropped or changed; arriving ones are left alone."""
    obj.attach("egress", {"kind": "tcx", "ifindex": veth.near.ifindex, "direction": "egress"})
    veth.far.send(frame(b"D1"))
    assert veth.near.receive() == frame(b"D1")
    with pytest.raises(OSError):
        veth.near.send(frame(b"D2"))
    veth.near.send(frame(b"P2"))
    assert veth.far.receive() == frame(b"M2")
    assert unsigned(obj.variable("leaving")) == 1


@pytest.mark.obj("network/order")
@pytest.mark.needs("tcx")
def check_tcx_order(veth: Veth, opened: Open) -> None:
    """Programs run where they were put: at the head, at the tail, beside a program or a link."""
    obj = opened("network/order")
    loaded = obj.load(programs=["in_one", "in_two", "in_three"])
    target: dict[str, str | int] = {"kind": "tcx", "ifindex": veth.near.ifindex, "direction": "ingress"}
    first = obj.attach("in_one", target)
    assert _with(veth, obj, obj.attach("in_two", target | {"place": "head"})) == 21
    assert _with(veth, obj, obj.attach("in_two", target | {"place": "tail"})) == 12
    obj.attach("in_two", target)
    places: tuple[tuple[dict[str, str | int], int], ...] = (
        ({"place": "before", "link": first.number}, 312),
        ({"place": "after", "link": first.number}, 132),
        ({"place": "before", "beside": "in_two"}, 132),
        ({"place": "after", "beside": "in_two"}, 123),
    )
    for place, order in places:
        link = obj.attach("in_three", target | place)
        names = {"1": "in_one", "2": "in_two", "3": "in_three"}
        expected = [loaded[names[digit]].id for digit in str(order)]
        assert obj.query("in_one", target).programs == expected
        assert _with(veth, obj, link) == order


@pytest.mark.obj("network/order")
@pytest.mark.needs("tcx")
def check_tcx_revision(veth: Veth, opened: Open) -> None:
    """Who has not seen the last change is refused."""
    obj = opened("network/order")
    obj.load(programs=["out_one", "in_one", "in_two"])
    target: dict[str, str | int] = {"kind": "tcx", "ifindex": veth.near.ifindex, "direction": "ingress"}
    seen = obj.query("in_one", target).revision
    obj.attach("in_one", target | {"revision": seen})
    with pytest.raises(SubjectError) as refused:
        obj.attach("in_two", target | {"revision": seen})
    assert refused.value.errno == ESTALE
    obj.attach("in_two", target | {"revision": obj.query("in_one", target).revision})
    assert order_met(obj, veth.far, veth.near) == 12


@pytest.mark.obj("network/order")
@pytest.mark.needs("tcx")
def check_tcx_replace(veth: Veth, opened: Open) -> None:
    """One program follows another in its place, without a gap."""
    obj = opened("network/order")
    obj.load(programs=["in_one", "in_two", "in_three"])
    target: dict[str, str | int] = {"kind": "tcx", "ifindex": veth.near.ifindex, "direction": "ingress"}
    link = obj.attach("in_one", target)
    obj.attach("in_two", target)
    obj.update_link(link, "in_three", expected="in_one")
    assert order_met(obj, veth.far, veth.near) == 32


@pytest.mark.obj("network/netkit")
@pytest.mark.needs("netkit")
def check_netkit(netkit: Veth, obj: SubjectObject) -> None:
    """Each end of a pair has programs for what it sends; both are attached to the primary device."""
    ends = ("primary", netkit.near, netkit.far), ("peer", netkit.far, netkit.near)
    for end, sender, receiver in ends:
        link = obj.attach(end, {"kind": "netkit", "ifindex": netkit.near.ifindex, "end": end})
        with pytest.raises(OSError):  # the sender is told
            sender.send(frame(b"D1"))
        sender.send(frame(b"P1"))
        assert receiver.receive() == frame(b"P1")
        receiver.send(frame(b"D2"))
        assert sender.receive() == frame(b"D2")
        assert unsigned(obj.variable(f"by_{end}")) == 1
        link.detach()
        sender.send(frame(b"D3"))
        assert receiver.receive() == frame(b"D3")


@pytest.mark.obj("network/order")
@pytest.mark.needs("netkit")
def check_netkit_order(netkit: Veth, opened: Open) -> None:
    """Programs of an end run where they were put."""
    obj = opened("network/order")
    loaded = obj.load(programs=["primary_one", "primary_two", "peer_one"])
    target: dict[str, str | int] = {"kind": "netkit", "ifindex": netkit.near.ifindex, "end": "primary"}
    obj.attach("primary_one", target)
    obj.attach("primary_two", target | {"place": "before", "beside": "primary_one"})
    expected = [loaded["primary_two"].id, loaded["primary_one"].id]
    assert obj.query("primary_one", target).programs == expected
    assert order_met(obj, netkit.near, netkit.far) == 21


def _with(veth: Veth, obj: SubjectObject, link: SubjectLink) -> int:
    """The order with a link, which is detached after it."""
    with link:
        return order_met(obj, veth.far, veth.near)
