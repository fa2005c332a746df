"""Attaching to devices, cgroups and sockets of our own, each shown by its effect."""

from __future__ import annotations

import errno
import os
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from bpflab.loader import (
    KernelError,
    Link,
    NotSupportedError,
    Object,
    ObjectSpec,
    Program,
    TargetError,
    syscall,
)
from bpflab.loader.enums import AttachType
from bpflab.loader.links import query_cgroup, tc, xdp
from bpflab.loader.links.cgroup import Sharing

if TYPE_CHECKING:
    from .conftest import Veth

pytestmark = pytest.mark.usefixtures("live")

SOURCE = """
volatile u64 packets, stopped;
SEC("xdp") int on_xdp(struct xdp_md *ctx) { __sync_fetch_and_add(&packets, 1); return 2; }
SEC("tc") int on_tc(struct __sk_buff *ctx) { __sync_fetch_and_add(&packets, 1); return -1; }
SEC("socket") int on_socket(struct __sk_buff *ctx) { __sync_fetch_and_add(&packets, 1); return ctx->len; }
SEC("socket") int deaf(struct __sk_buff *ctx) { __sync_fetch_and_add(&stopped, 1); return 0; }
SEC("cgroup_skb/egress") int on_cgroup(struct __sk_buff *ctx) { __sync_fetch_and_add(&packets, 1); return 0; }
SEC("cgroup_skb/egress") int allow(struct __sk_buff *ctx) { return 1; }
SEC("raw_tp/sys_enter") int on_raw(void *ctx) { __sync_fetch_and_add(&packets, 1); return 0; }
SEC("raw_tp/no_such_tracepoint") int nowhere(void *ctx) { return 0; }
SEC("tp/syscalls/sys_enter_no_such_call") int no_tracepoint(void *ctx) { return 0; }
SEC("tp/malformed") int no_category(void *ctx) { return 0; }
SEC("kprobe/no_such_function") int no_function(void *ctx) { return 0; }
"""


@pytest.fixture
def loaded(live: None, compile_bpf: Callable[[str], Path]) -> Iterator[Object]:
    with ObjectSpec.from_file(compile_bpf(SOURCE)).load() as made:
        yield made


def packets(loaded: Object) -> int:
    value = loaded.variables["packets"].value
    assert isinstance(value, int)
    return value


def send(device: str, number: int = 1) -> None:
    """Put frames of an unassigned type on a device."""
    with socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0) as sock:
        sock.bind((device, 0x88B5))
        for _ in range(number):
            sock.send(b"\xff" * 6 + bytes(6) + b"\x88\xb5" + bytes(46))


def counts(loaded: Object, device: str) -> bool:
    """Whether frames sent to a device reach the program."""
    before = packets(loaded)
    send(device, 3)
    return packets(loaded) == before + 3


def test_xdp(loaded: Object, veth: Veth) -> None:
    program = loaded.programs["on_xdp"]
    assert not counts(loaded, veth.peer)
    with program.attach_xdp(veth.name) as link:
        assert link.fd >= 0
        assert counts(loaded, veth.peer)
        with pytest.raises(KernelError, match="another program is attached there"):
            program.attach_xdp(veth.name)
    assert not counts(loaded, veth.peer)
    link.detach()


@pytest.mark.parametrize("mode", ["generic", "native"])
def test_xdp_in_a_chosen_mode(loaded: Object, veth: Veth, mode: xdp.Mode) -> None:
    with loaded.programs["on_xdp"].attach_xdp(socket.if_nametoindex(veth.name), mode):
        shown = subprocess.check_output(["ip", "link", "show", veth.name], text=True)
        assert ("xdpgeneric" in shown) == (mode == "generic")
        assert counts(loaded, veth.peer)


def test_xdp_by_netlink(loaded: Object, veth: Veth, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bpflab.loader.syscall.link_create", lambda *_: -errno.EINVAL)
    with loaded.programs["on_xdp"].attach_xdp(veth.name) as link:
        assert link.fd == -1
        assert counts(loaded, veth.peer)
        with pytest.raises(NotSupportedError):
            link.pin("/nowhere")
        with pytest.raises(KernelError) as refused:
            loaded.programs["on_xdp"].attach_xdp(veth.name)
        assert refused.value.errno == errno.EBUSY
    assert not counts(loaded, veth.peer)


def test_devices_that_are_not_there(loaded: Object, veth: Veth) -> None:
    with pytest.raises(KernelError, match="nothing0"):
        loaded.programs["on_xdp"].attach_xdp("nothing0")
    with pytest.raises(KernelError) as refused:
        loaded.programs["on_tc"].attach_tc(4711, "ingress")
    assert refused.value.errno == errno.ENODEV


def qdiscs(device: str) -> str:
    return subprocess.check_output(["tc", "qdisc", "show", "dev", device], text=True)


@pytest.mark.parametrize("direction", ["ingress", "egress"])
def test_tc(loaded: Object, veth: Veth, direction: tc.Direction) -> None:
    sender = veth.peer if direction == "ingress" else veth.name
    with loaded.programs["on_tc"].attach_tc(veth.name, direction):
        assert "clsact" in qdiscs(veth.name)
        assert counts(loaded, sender)
    assert not counts(loaded, sender)
    assert "clsact" not in qdiscs(veth.name)


def test_tc_keeps_what_it_did_not_make(loaded: Object, veth: Veth) -> None:
    program = loaded.programs["on_tc"]
    first = program.attach_tc(veth.name, "ingress")
    second = program.attach_tc(veth.name, "ingress", priority=7)
    third = program.attach_tc(veth.name, "egress")
    assert "pref 7" in subprocess.check_output(
        ["tc", "filter", "show", "dev", veth.name, "ingress"], text=True
    )
    before = packets(loaded)
    send(veth.peer)
    assert packets(loaded) == before + 2
    first.detach()
    assert "clsact" in qdiscs(veth.name)
    assert counts(loaded, veth.peer)
    second.detach()
    third.detach()
    assert not counts(loaded, veth.peer)


def test_tc_refuses_other_programs(loaded: Object, veth: Veth) -> None:
    with pytest.raises(KernelError, match="attaching program 'on_xdp' to tc ingress"):
        loaded.programs["on_xdp"].attach_tc(veth.name, "ingress")
    assert "clsact" not in qdiscs(veth.name)


def test_tcx(loaded: Object, veth: Veth, monkeypatch: pytest.MonkeyPatch) -> None:
    with loaded.programs["on_tc"].attach_tcx(veth.name, "ingress"):
        assert counts(loaded, veth.peer)
        assert "clsact" not in qdiscs(veth.name)
    assert not counts(loaded, veth.peer)
    monkeypatch.setattr("bpflab.loader.syscall.link_create", lambda *_: -errno.EINVAL)
    monkeypatch.setattr("bpflab.loader.syscall.prog_query", lambda *_: (-errno.EINVAL, 0, 0, 0))
    with pytest.raises(NotSupportedError, match=r"kernel 6\.6"):
        loaded.programs["on_tc"].attach_tcx(veth.name, "ingress")


def test_a_socket_filter(loaded: Object, veth: Veth) -> None:
    with socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0) as sock:
        link = loaded.programs["on_socket"].attach_socket(sock)
        sock.bind((veth.name, 3))
        assert counts(loaded, veth.peer)
        sock.settimeout(5)
        while sock.recv(2048)[12:14] != b"\x88\xb5":
            pass
        link.detach()
        assert not counts(loaded, veth.peer)
    with socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0) as sock:
        link = loaded.programs["deaf"].attach_socket(sock)
        sock.bind((veth.name, 3))
        send(veth.peer)
        sock.settimeout(0.1)
        with pytest.raises(TimeoutError):
            sock.recv(2048)
    link.detach()


@pytest.fixture
def cgroup() -> Iterator[Path]:
    """A cgroup of our own, where there is a cgroup2 hierarchy."""
    mounts = [line.split() for line in Path("/proc/mounts").read_text().splitlines()]
    root = next((Path(mount[1]) for mount in mounts if mount[2] == "cgroup2"), None)
    if root is None:
        pytest.skip("no cgroup2 hierarchy is mounted (see /proc/mounts)")
    path = root / f"bpflab-test-{os.getpid()}"
    path.mkdir()
    yield path
    path.rmdir()


def loopback_works(cgroup: Path) -> bool:
    """Whether a process in the cgroup can send itself a datagram."""
    code = (
        "import os, socket, sys\n"
        f"open('{cgroup}/cgroup.procs', 'w').write(str(os.getpid()))\n"
        "a = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)\n"
        "a.bind(('127.0.0.1', 0)); a.settimeout(0.3)\n"
        "try:\n"
        "    a.sendto(b'x', a.getsockname()); a.recv(1)\n"
        "except OSError:\n"
        "    sys.exit(1)\n"
    )
    return subprocess.run(["python3", "-c", code], check=False).returncode == 0


@pytest.mark.parametrize("by_link", [True, False])
def test_a_cgroup(loaded: Object, cgroup: Path, monkeypatch: pytest.MonkeyPatch, by_link: bool) -> None:
    if not by_link:
        monkeypatch.setattr("bpflab.loader.syscall.link_create", lambda *_: -errno.EINVAL)
    assert loopback_works(cgroup)
    with loaded.programs["on_cgroup"].attach_cgroup(cgroup) as link:
        assert (link.fd >= 0) == by_link
        assert not loopback_works(cgroup)
        assert packets(loaded) > 0
    assert loopback_works(cgroup)


@pytest.mark.parametrize("sharing", ["multi", "override", "exclusive"])
def test_a_cgroup_without_a_link_is_updated(loaded: Object, cgroup: Path, sharing: Sharing) -> None:
    deny, allow = loaded.programs["on_cgroup"], loaded.programs["allow"]
    hook = AttachType.CGROUP_INET_EGRESS
    with deny.attach_cgroup(cgroup, sharing=sharing, by_link=False) as link:
        assert not loopback_works(cgroup)
        link.update(allow)
        assert loopback_works(cgroup)
        assert [each.program_id for each in query_cgroup(cgroup, hook).programs] == [allow.info().id]
        if sharing == "multi":
            link.update(deny, expected=allow)
            with pytest.raises(KernelError):
                link.update(deny, expected=allow)
        else:
            with pytest.raises(NotSupportedError):
                link.update(deny, expected=allow)
    assert loopback_works(cgroup)
    assert query_cgroup(cgroup, hook).programs == ()


def test_no_cgroup(loaded: Object, tmp_path: Path) -> None:
    with pytest.raises(KernelError, match="ENOENT"):
        loaded.programs["on_cgroup"].attach_cgroup(tmp_path / "missing")
    with pytest.raises(KernelError, match="cgroup2 mount"):
        loaded.programs["on_cgroup"].attach_cgroup(tmp_path)


def test_a_raw_tracepoint(loaded: Object) -> None:
    with loaded.programs["on_raw"].attach():
        os.getppid()
        assert packets(loaded) > 0
    before = packets(loaded)
    os.getppid()
    assert packets(loaded) == before


def test_links_hold_the_program(loaded: Object, veth: Veth) -> None:
    with loaded.programs["on_xdp"].attach_xdp(veth.name):
        loaded.programs["on_xdp"].close()
        assert counts(loaded, veth.peer)


def test_a_pinned_link(loaded: Object, veth: Veth, bpffs: Path) -> None:
    link = loaded.programs["on_xdp"].attach_xdp(veth.name)
    link.pin(bpffs / "link")
    link.close()
    assert counts(loaded, veth.peer)
    (bpffs / "link").unlink()
    # The kernel frees the link in its own time.
    deadline = time.monotonic() + 10
    while counts(loaded, veth.peer) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not counts(loaded, veth.peer)
    link = loaded.programs["on_xdp"].attach_xdp(veth.name)
    link.pin(bpffs / "link")
    link.detach()
    assert not counts(loaded, veth.peer)
    assert not (bpffs / "link").exists()


def test_a_pinned_program(loaded: Object, bpffs: Path) -> None:
    program = loaded.programs["on_xdp"]
    program.pin(bpffs / "program")
    os.close(syscall.obj_get(str(bpffs / "program")))
    program.unpin()
    assert not (bpffs / "program").exists()


@pytest.mark.parametrize(
    ("name", "error", "words"),
    [
        ("on_xdp", TargetError, 'SEC("xdp") does not say where'),
        ("nowhere", KernelError, "raw tracepoint 'no_such_tracepoint': ENOENT"),
        (
            "no_tracepoint",
            KernelError,
            "to tracepoint 'syscalls/sys_enter_no_such_call'",
        ),
        ("no_category", TargetError, "a tracepoint is CATEGORY/NAME"),
        ("no_function", KernelError, "program 'no_function' to kprobe 'no_such_function'"),
    ],
)
def test_targets_that_are_not_there(loaded: Object, name: str, error: type[Exception], words: str) -> None:
    with pytest.raises(error) as refused:
        loaded.programs[name].attach()
    assert words in str(refused.value)


def test_a_link_is_detached_once() -> None:
    calls = []
    link = Link("nothing", lambda: calls.append(1))
    with link:
        link.detach()
    link.close()
    assert calls == [1]


def test_attaching_the_wrong_program(loaded: Object, veth: Veth) -> None:
    program: Program = loaded.programs["on_tc"]
    with pytest.raises(KernelError, match="attaching program 'on_tc' to XDP"):
        program.attach_xdp(veth.name)
