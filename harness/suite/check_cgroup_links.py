"""How programs share a control group and those below it: beside, over and before each other."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from ...loader import ObjectSpec
from ...loader.enums import AttachType
from ...loader.links import query_cgroup
from ..subjects.errors import ErrorClass, SubjectError
from ..subjects.handles import SubjectObject
from .cgroup import control_group, enter
from .fixtures import Fork, Open
from .job import SuiteJob
from .network import free_port, udp_socket
from .numbers import u16, unsigned

ESTALE = 116

Order = Callable[[SubjectObject, Path], int]


@pytest.fixture
def inner(cgroup: Path) -> Iterator[Path]:
    """A group below the other."""
    with control_group(cgroup) as path:
        yield path


@pytest.fixture
def port() -> int:
    """Of the datagrams that are followed."""
    return free_port()


@pytest.fixture
def order(fork: Fork, port: int) -> Order:
    """Tells which programs a datagram of a member of a group meets, as the digits of a number."""

    def find_out(obj: SubjectObject, group: Path) -> int:
        def send() -> str:
            enter(group)
            with udp_socket() as sender:
                sender.sendto(b"x", ("127.0.0.1", port))
            return ""

        obj.set_variable("order", bytes(8))
        fork(send).go()
        return unsigned(obj.variable("order"))

    return find_out


@pytest.mark.obj("cgroup/order")
def check_multi(cgroup: Path, inner: Path, port: int, order: Order, loaded: Open) -> None:
    """The programs of a group and of those above it all run, the nearest group's first."""
    obj = loaded("cgroup/order", port=u16(port))
    target: dict[str, str | int] = {"kind": "cgroup", "path": str(cgroup)}
    obj.attach("one", target)
    obj.attach("two", target | {"path": str(inner)})
    with obj.attach("three", target):
        assert order(obj, inner) == 213
        assert order(obj, cgroup) == 13
    assert order(obj, inner) == 21


@pytest.mark.obj("cgroup/order")
def check_attach(cgroup: Path, port: int, order: Order, loaded: Open) -> None:
    """Without links programs stand beside each other all the same, and go when they are detached."""
    obj = loaded("cgroup/order", port=u16(port))
    target: dict[str, str | int] = {"kind": "cgroup", "path": str(cgroup), "by": "attach"}
    first = obj.attach("one", target)
    obj.attach("two", target)
    assert order(obj, cgroup) == 12
    first.detach()
    assert order(obj, cgroup) == 2


@pytest.mark.obj("cgroup/order")
def check_override(cgroup: Path, inner: Path, port: int, order: Order, loaded: Open) -> None:
    """A program that may be overridden runs only where no group below has one."""
    obj = loaded("cgroup/order", port=u16(port))
    target: dict[str, str | int] = {"kind": "cgroup", "path": str(cgroup), "sharing": "override"}
    obj.attach("one", target)
    assert order(obj, inner) == 1
    with obj.attach("two", target | {"path": str(inner)}):
        assert order(obj, inner) == 2
        assert order(obj, cgroup) == 1
    assert order(obj, inner) == 1


@pytest.mark.obj("cgroup/order")
def check_exclusive(cgroup: Path, inner: Path, port: int, order: Order, loaded: Open) -> None:
    """Below a program that is alone no other can be attached."""
    obj = loaded("cgroup/order", port=u16(port))
    target: dict[str, str | int] = {"kind": "cgroup", "path": str(cgroup), "sharing": "exclusive"}
    obj.attach("one", target)
    for sharing in ("multi", "override", "exclusive"):
        with pytest.raises(SubjectError) as refused:
            obj.attach("two", target | {"path": str(inner), "sharing": sharing})
        assert refused.value.cls is ErrorClass.KERNEL
    assert order(obj, inner) == 1


@pytest.mark.obj("cgroup/order")
def check_replace(cgroup: Path, port: int, order: Order, opened: Open) -> None:
    """One program follows another in its place, and the kernel tells who is there."""
    obj = opened("cgroup/order", port=u16(port))
    loaded = obj.load()
    target: dict[str, str | int] = {"kind": "cgroup", "path": str(cgroup)}
    link = obj.attach("one", target)
    obj.attach("two", target)
    obj.update_link(link, "three", expected="one")
    assert order(obj, cgroup) == 32
    assert obj.query("one", target).programs == [loaded["three"].id, loaded["two"].id]


@pytest.mark.obj("cgroup/order")
@pytest.mark.needs("cgroup_order")
def check_order(cgroup: Path, port: int, order: Order, loaded: Open) -> None:
    """Programs run where they were put, of who has seen the last change."""
    obj = loaded("cgroup/order", port=u16(port))
    target: dict[str, str | int] = {"kind": "cgroup", "path": str(cgroup)}
    first = obj.attach("one", target)
    seen = obj.query("one", target).revision
    with obj.attach("two", target | {"place": "before", "link": first.number, "revision": seen}):
        assert order(obj, cgroup) == 21
        with pytest.raises(SubjectError) as refused:
            obj.attach("three", target | {"place": "after", "link": first.number, "revision": seen})
        assert refused.value.errno == ESTALE
        with obj.attach("three", target | {"place": "before", "link": first.number}):
            assert order(obj, cgroup) == 231
        with obj.attach("three", target | {"place": "head"}):
            assert order(obj, cgroup) == 321
        with obj.attach("three", target | {"place": "tail"}):
            assert order(obj, cgroup) == 213


@pytest.mark.obj("cgroup/order")
@pytest.mark.reference_only
def check_inherited(cgroup: Path, inner: Path, job: SuiteJob) -> None:
    """A group's own programs and those that it inherits are told apart."""
    with ObjectSpec.from_file(job.objects["cgroup/order"]).load() as obj:
        one, two = (obj.programs[name] for name in ("one", "two"))
        with one.attach_cgroup(cgroup), two.attach_cgroup(inner):
            hook = AttachType.CGROUP_UDP4_SENDMSG
            own = query_cgroup(inner, hook)
            all_of_them = query_cgroup(inner, hook, effective=True)
            assert [each.program_id for each in own.programs] == [two.info().id]
            expected = [two.info().id, one.info().id]
            assert [each.program_id for each in all_of_them.programs] == expected


@pytest.mark.obj("cgroup/packets")
@pytest.mark.reference_only
def check_either_direction(cgroup: Path, port: int, fork: Fork, job: SuiteJob) -> None:
    """A program whose section does not say whether packets come or go is told when it is attached."""

    def send() -> str:
        enter(cgroup)
        with udp_socket() as sender:
            try:
                sender.sendto(b"Dropped", ("127.0.0.1", port))
            except PermissionError:
                return "refused"
        return "sent"

    spec = ObjectSpec.from_file(job.objects["cgroup/packets"])
    spec.variables["port"].value = port
    with spec.load() as obj:
        program = obj.programs["filter_either"]
        with program.attach_cgroup(cgroup, attach_type=AttachType.CGROUP_INET_INGRESS):
            assert fork(send).go() == "sent"
        with program.attach_cgroup(cgroup, attach_type=AttachType.CGROUP_INET_EGRESS):
            assert fork(send).go() == "refused"


@pytest.mark.obj("cgroup/order")
@pytest.mark.reference_only
@pytest.mark.needs("cgroup_preorder")
def check_preorder(cgroup: Path, inner: Path, job: SuiteJob) -> None:
    """A program may ask to run before those of the groups below."""
    with ObjectSpec.from_file(job.objects["cgroup/order"]).load() as obj:
        one, two = (obj.programs[name] for name in ("one", "two"))
        with one.attach_cgroup(cgroup, preorder=True), two.attach_cgroup(inner):
            effective = query_cgroup(inner, AttachType.CGROUP_UDP4_SENDMSG, effective=True)
            assert [each.program_id for each in effective.programs] == [one.info().id, two.info().id]
