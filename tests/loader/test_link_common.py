"""What all links have in common: update, information, pins, IDs; and all objects of the system."""

from __future__ import annotations

import errno
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from bpflab.loader import (
    AttachType,
    KernelError,
    Link,
    LinkType,
    Map,
    NotSupportedError,
    Object,
    ObjectSpec,
    Program,
    system,
)
from bpflab.loader.links.info import RawTracepointInfo, XdpInfo

if TYPE_CHECKING:
    from .conftest import Veth

pytestmark = pytest.mark.usefixtures("live")

SOURCE = """
u64 firsts, seconds;
SEC("xdp") int first(struct xdp_md *ctx) { __sync_fetch_and_add(&firsts, 1); return 2; }
SEC("xdp") int second(struct xdp_md *ctx) { __sync_fetch_and_add(&seconds, 1); return 2; }
SEC("raw_tp/sys_enter") int on_raw(void *ctx) { return 0; }
SEC("raw_tp/sys_exit") int on_exit(void *ctx) { return 0; }
SEC("socket") int other(struct __sk_buff *ctx) { return 0; }
"""


@pytest.fixture
def loaded(live: None, compile_bpf: Callable[[str], Path]) -> Iterator[Object]:
    with ObjectSpec.from_file(compile_bpf(SOURCE)).load() as obj:
        yield obj


def test_update_puts_another_program_in_its_place(loaded: Object, veth: Veth) -> None:
    first, second = loaded.programs["first"], loaded.programs["second"]
    with first.attach_xdp(veth.name) as link:
        _send(veth)
        link.update(second, expected=first)
        _send(veth)
        assert link.info().program_id == second.info().id
        with pytest.raises(KernelError, match="'first' is not what is attached") as refused:
            link.update(first, expected=first)
        assert refused.value.errno == errno.EPERM
    assert (loaded.variables["firsts"].value, loaded.variables["seconds"].value) == (1, 1)


def test_update_refuses_another_type(loaded: Object, veth: Veth) -> None:
    with (
        loaded.programs["first"].attach_xdp(veth.name) as link,
        pytest.raises(KernelError, match=r"updating program 'first' to XDP .* to 'other'") as refused,
    ):
        link.update(loaded.programs["other"])
    assert refused.value.errno == errno.EINVAL


def test_info_tells_what_it_is_attached_to(loaded: Object, veth: Veth) -> None:
    program = loaded.programs["first"]
    with program.attach_xdp(veth.name) as link:
        info = link.info()
        assert (info.type, info.program_id) == (LinkType.XDP, program.info().id)
        assert info.details == XdpInfo(socket.if_nametoindex(veth.name))
    with loaded.programs["on_raw"].attach() as link:
        details = link.info().details
        assert isinstance(details, RawTracepointInfo)
        assert details.name == "sys_enter"


def test_a_pinned_link_outlives_its_descriptor(loaded: Object, veth: Veth, bpffs: Path) -> None:
    link = loaded.programs["first"].attach_xdp(veth.name)
    link.pin(bpffs / "link")
    number = link.info().id
    link.close()
    _send(veth)
    assert loaded.variables["firsts"].value == 1
    again = Link.from_pin(bpffs / "link")
    assert again.info().id == number
    again.detach()
    assert not (bpffs / "link").exists()
    _send(veth)
    assert loaded.variables["firsts"].value == 1


def test_a_pin_of_another_kind_is_refused(loaded: Object, bpffs: Path) -> None:
    program = loaded.programs["first"]
    program.pin(bpffs / "program")
    with pytest.raises(KernelError, match="it is a program, not a link"):
        Link.from_pin(bpffs / "program")
    with pytest.raises(KernelError, match="it is a program, not a map"):
        Map.from_pin(bpffs / "program")
    with Program.from_pin(bpffs / "program") as again:
        assert again.info() == program.info()
        assert again.name == "first"
        again.unpin()
    assert not (bpffs / "program").exists()


def test_objects_by_id(loaded: Object, veth: Veth) -> None:
    with loaded.programs["first"].attach_xdp(veth.name) as link, Link.from_id(link.info().id) as same:
        assert same.info() == link.info()
        assert link.info().id in system.link_ids()
    number = loaded.programs["first"].info().id
    with Program.from_id(number) as program:
        assert program.info().tag == loaded.programs["first"].info().tag
    assert number in system.program_ids()
    bss = loaded.maps[".bss"]
    with Map.from_id(bss.id) as same_map:
        assert (same_map.type, same_map.value_size) == (bss.type, bss.value_size)
    with pytest.raises(KernelError, match="opening link 4294967290: ENOENT"):
        Link.from_id(4294967290)


def test_the_system_is_walked_one_by_one(loaded: Object, veth: Veth) -> None:
    numbers = {program.info().id for program in loaded.programs.values()}
    assert numbers <= {program.info().id for program in system.programs()}
    assert loaded.maps[".bss"].id in {one.id for one in system.maps()}
    with loaded.programs["first"].attach_xdp(veth.name) as link:
        assert link.info() in [one.info() for one in system.links()]
    assert next(system.btf_ids()) >= 1


def test_attachments_without_a_link_say_so() -> None:
    link = Link("program 'p' to something", lambda: None)
    for refused in (link.info, lambda: link.pin("/sys/fs/bpf/p")):
        with pytest.raises(NotSupportedError, match=r"program 'p' to something .*bpf_link"):
            refused()


def test_attaching_all_leaves_out_what_is_switched_off(compile_bpf: Callable[[str], Path]) -> None:
    spec = ObjectSpec.from_file(compile_bpf(SOURCE))
    spec.programs["on_raw"].autoattach = False
    with spec.load() as obj:
        assert [link.info().program_id for link in obj.attach()] == [obj.programs["on_exit"].info().id]
        assert obj.programs["on_exit"].attach_type == 0
        assert AttachType(obj.programs["first"].attach_type) == AttachType.XDP


def _send(veth: Veth) -> None:
    """One frame, which has arrived when this returns."""
    with socket.socket(socket.AF_PACKET, socket.SOCK_RAW) as sender:
        sender.bind((veth.peer, 0))
        sender.send(b"\xff" * 12 + b"\x88\xb5" + bytes(46))
