"""Attaching to the network in every way that the host's kernel has, each shown by its effect."""

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
from bpflab.loader import KernelError, NotSupportedError, Object, ObjectSpec
from bpflab.loader.enums import AttachType
from bpflab.loader.links import (
    HEAD,
    AttachedProgram,
    XdpFeature,
    XdpMetadata,
    after,
    before,
    query_netns,
    query_sockmap,
    query_tc,
    query_tcx,
    query_xdp,
    query_xdp_features,
    replace,
)
from bpflab.loader.netlink import Generic

if TYPE_CHECKING:
    from .conftest import Veth

pytestmark = pytest.mark.usefixtures("live")

SOURCE = """
volatile u64 order, runs, denied;
static __always_inline void ran(u64 number) { order = order * 10 + number; }
SEC("xdp") int xdp_one(struct xdp_md *ctx) { ran(1); return 2; }
SEC("xdp") int xdp_two(struct xdp_md *ctx) { ran(2); return 2; }
SEC("tc") int tc_one(struct __sk_buff *ctx) { if (ctx->protocol == 0xb588) ran(1); return -1; }
SEC("tc") int tc_two(struct __sk_buff *ctx) { if (ctx->protocol == 0xb588) ran(2); return -1; }
SEC("tc") int tc_three(struct __sk_buff *ctx) { if (ctx->protocol == 0xb588) ran(3); return -1; }
SEC("sk_lookup") int on_lookup(void *ctx) { runs++; return 0; }
SEC("flow_dissector") int dissect(struct __sk_buff *ctx) { runs++; return 0; }
SEC("lwt_out") int lwt_pass(struct __sk_buff *ctx) { runs++; return 0; }
SEC("lwt_out") int lwt_drop(struct __sk_buff *ctx) { denied++; return 2; }
SEC("socket") int first(struct __sk_buff *ctx) { return 0; }
SEC("socket") int second(struct __sk_buff *ctx) { return 1; }
SEC("sk_msg") int on_message(void *ctx) { return 1; }
SEC("sk_msg") int on_message_too(void *ctx) { return 1; }
SEC("netfilter") int on_hook(void *ctx) { runs++; return 1; }
SEC("lirc_mode2") int on_light(void *ctx) { return 0; }
struct {
    __uint(type, 15); __type(key, u32); __type(value, u32); __uint(max_entries, 4);
} sockets SEC(".maps");
"""


@pytest.fixture
def loaded(live: None, compile_bpf: Callable[[str], Path]) -> Iterator[Object]:
    spec = ObjectSpec.from_file(compile_bpf(SOURCE))
    chosen = [name for name in spec.programs if name != "on_light"]
    with spec.load(programs=chosen) as made:
        yield made


def number(loaded: Object, name: str) -> int:
    value = loaded.variables[name].value
    assert isinstance(value, int)
    return value


def order(loaded: Object, device: str) -> int:
    """The programs that a frame on a device meets, as the digits of a number."""
    loaded.variables["order"].value = 0
    with socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0) as sock:
        sock.bind((device, 0x88B5))
        sock.send(b"\xff" * 6 + bytes(6) + b"\x88\xb5" + bytes(46))
    return number(loaded, "order")


def identity(loaded: Object, name: str) -> int:
    return loaded.programs[name].info().id


@pytest.mark.parametrize(("mode", "slot"), [("native", 0), ("generic", 1)])
def test_xdp_is_asked_what_is_there(loaded: Object, veth: Veth, mode: str, slot: int) -> None:
    assert query_xdp(veth.name) == (0, 0, 0)
    with loaded.programs["xdp_one"].attach_xdp(veth.name, mode):  # type: ignore[arg-type]  # one of the literals, by parametrize
        expected = [0, 0, 0]
        expected[slot] = identity(loaded, "xdp_one")
        assert list(query_xdp(veth.name)) == expected


def test_xdp_is_offloaded_to_nothing_that_cannot(loaded: Object, veth: Veth) -> None:
    with pytest.raises(KernelError) as refused:
        loaded.programs["xdp_one"].attach_xdp(veth.name, "offload")
    assert refused.value.errno in (errno.EOPNOTSUPP, errno.EINVAL)


@pytest.mark.parametrize("by_link", [True, False])
def test_xdp_is_replaced_if_it_is_what_is_expected(loaded: Object, veth: Veth, by_link: bool) -> None:
    one, two = loaded.programs["xdp_one"], loaded.programs["xdp_two"]
    with one.attach_xdp(veth.name, by_link=by_link) as link:
        assert order(loaded, veth.peer) == 1
        link.update(two, expected=one)
        assert order(loaded, veth.peer) == 2
        with pytest.raises(KernelError):
            link.update(two, expected=one)
        link.update(one)
        assert order(loaded, veth.peer) == 1
    assert order(loaded, veth.peer) == 0


@pytest.mark.parametrize("by_link", [True, False])
def test_xdp_by_netlink_leaves_what_is_in_its_place(loaded: Object, veth: Veth, by_link: bool) -> None:
    link = loaded.programs["xdp_one"].attach_xdp(veth.name, by_link=False)
    subprocess.run(["ip", "link", "set", "dev", veth.name, "xdp", "off"], check=True)
    with loaded.programs["xdp_two"].attach_xdp(veth.name, by_link=by_link):
        link.detach()
        assert order(loaded, veth.peer) == 2


def test_xdp_for_one_buffer_and_packets_for_many(loaded: Object, veth: Veth) -> None:
    for name in (veth.name, veth.peer):
        subprocess.run(["ip", "link", "set", name, "mtu", "9000"], check=True)
    with pytest.raises(KernelError, match=r"xdp\.frags"):
        loaded.programs["xdp_one"].attach_xdp(veth.name, "native")


def test_a_program_bound_to_a_device(veth: Veth, compile_bpf: Callable[[str], Path]) -> None:
    spec = ObjectSpec.from_file(compile_bpf(SOURCE))
    one = spec.programs["xdp_one"]
    one.bind_to(veth.name)
    with spec.load(programs=["xdp_one"]) as obj:
        program = obj.programs["xdp_one"]
        with pytest.raises(KernelError):
            program.attach_xdp(veth.peer, "native")
        with program.attach_xdp(veth.name, "native"):
            assert order(obj, veth.peer) == 1
    with pytest.raises(KernelError, match="nothing0"):
        one.bind_to("nothing0")


def test_links_say_where_they_are(loaded: Object, veth: Veth) -> None:
    index = socket.if_nametoindex(veth.name)
    programs, sockets = loaded.programs, loaded.maps["sockets"]
    netns = Path("/proc/self/ns/net").stat().st_ino
    links = {
        programs["xdp_one"].attach_xdp(veth.name): (index,),
        programs["tc_one"].attach_tcx(veth.name, "egress"): (index, AttachType.TCX_EGRESS),
        programs["on_lookup"].attach_netns(): (netns, AttachType.SK_LOOKUP),
        programs["on_message"].attach_sockmap(sockets): (sockets.info().id, AttachType.SK_MSG_VERDICT),
        programs["on_hook"].attach_netfilter("ipv6", "output", priority=-7): (10, 3, -7, 0),
    }
    for link, expected in links.items():
        with link:
            assert link.info().details == expected, link


def test_netfilter(loaded: Object, veth: Veth) -> None:
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    program = loaded.programs["on_hook"]
    with program.attach_netfilter("ipv4", "input"):
        connect_refused()
        assert number(loaded, "runs") > 0
        with pytest.raises(KernelError, match="has this priority"):
            program.attach_netfilter("ipv4", "input")
    with pytest.raises(KernelError, match="no such priority"):
        program.attach_netfilter("ipv4", "input", priority=-(2**31))


def test_tc_runs_by_priority(loaded: Object, veth: Veth) -> None:
    with (
        loaded.programs["tc_one"].attach_tc(veth.name, "ingress", priority=9) as late,
        loaded.programs["tc_two"].attach_tc(veth.name, "ingress", priority=5, handle=7) as early,
    ):
        assert (late.priority, early.priority, early.handle) == (9, 5, 7)
        assert order(loaded, veth.peer) == 21
        assert query_tc(veth.name, "ingress") == [
            (5, 7, "tc_two", identity(loaded, "tc_two"), True),
            (9, late.handle, "tc_one", identity(loaded, "tc_one"), True),
        ]
        assert query_tc(veth.name, "egress") == []
        with pytest.raises(KernelError) as refused:
            loaded.programs["tc_three"].attach_tc(veth.name, "ingress", priority=5, handle=7)
        assert refused.value.errno == errno.EEXIST
        early.update(loaded.programs["tc_three"])
        assert order(loaded, veth.peer) == 31
        assert (early.priority, early.handle) == (5, 7)
        with pytest.raises(NotSupportedError):
            early.update(loaded.programs["tc_two"], expected=loaded.programs["tc_three"])


def test_tc_leaves_the_qdisc_of_somebody_else(loaded: Object, veth: Veth) -> None:
    subprocess.run(["tc", "qdisc", "add", "dev", veth.name, "clsact"], check=True)
    loaded.programs["tc_one"].attach_tc(veth.name, "ingress").detach()
    assert "clsact" in subprocess.check_output(["tc", "qdisc", "show", "dev", veth.name], text=True)


def test_tc_of_another_qdisc(loaded: Object, veth: Veth) -> None:
    made = ["tc", "qdisc", "add", "dev", veth.name, "root", "handle", "5:"]
    kinds = ("prio", "htb", "drr", "hfsc")
    if not any(subprocess.run([*made, kind], check=False, stderr=-3).returncode == 0 for kind in kinds):
        pytest.skip(f"this kernel has none of the qdiscs {', '.join(kinds)}")
    with loaded.programs["tc_one"].attach_tc(veth.name, 0x50000, priority=3) as link:
        assert [each.priority for each in query_tc(veth.name, 0x50000)] == [3]
        assert order(loaded, veth.name) == 1
        assert "tc 5:0" in link.what
    assert query_tc(veth.name, 0x50000) == []
    shown = subprocess.check_output(["tc", "qdisc", "show", "dev", veth.name], text=True)
    assert "5:" in shown and "clsact" not in shown


def test_a_device_tells_what_it_can_do(veth: Veth) -> None:
    told = query_xdp_features(veth.name)
    assert told.features & XdpFeature.BASIC
    assert told.features & XdpFeature.RX_SG
    assert told.metadata & XdpMetadata.HASH
    with pytest.raises(KernelError):
        query_xdp_features(4711)


def test_a_kernel_that_cannot_tell(veth: Veth, monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(self: Generic, name: str, action: str) -> int:
        raise KernelError(action, errno.ENOENT)

    monkeypatch.setattr(Generic, "family", unknown)
    with pytest.raises(NotSupportedError, match=r"kernel 6\.3"):
        query_xdp_features(veth.name)


def test_tcx_runs_in_order(loaded: Object, veth: Veth) -> None:
    one, two, three = (loaded.programs[f"tc_{name}"] for name in ("one", "two", "three"))
    with one.attach_tcx(veth.name, "ingress") as first:
        with (
            two.attach_tcx(veth.name, "ingress", at=HEAD),
            three.attach_tcx(veth.name, "ingress", at=before(first)),
        ):
            assert order(loaded, veth.peer) == 231
        with (
            two.attach_tcx(veth.name, "ingress", at=before(one)),
            three.attach_tcx(veth.name, "ingress", at=after(two.info().id)),
        ):
            assert order(loaded, veth.peer) == 231
        with two.attach_tcx(veth.name, "ingress"):
            assert order(loaded, veth.peer) == 12


def test_tcx_is_asked_and_expects_a_revision(loaded: Object, veth: Veth) -> None:
    one, two = loaded.programs["tc_one"], loaded.programs["tc_two"]
    empty = query_tcx(veth.name, "egress")
    assert empty.programs == ()
    with one.attach_tcx(veth.name, "egress", expected_revision=empty.revision) as link:
        attached = query_tcx(veth.name, "egress")
        assert attached.programs == (AttachedProgram(one.info().id, link.info().id),)
        assert attached.revision > empty.revision
        with pytest.raises(KernelError, match="ask again") as refused:
            two.attach_tcx(veth.name, "egress", expected_revision=empty.revision)
        assert refused.value.errno == errno.ESTALE
        with pytest.raises(KernelError, match="is not attached there"):
            loaded.programs["tc_three"].attach_tcx(veth.name, "egress", at=after(two))
        with pytest.raises(KernelError, match="attached there already"):
            one.attach_tcx(veth.name, "egress")
        link.update(two)
        assert query_tcx(veth.name, "egress").programs[0].program_id == two.info().id


def test_tcx_without_a_link_is_replaced(loaded: Object, veth: Veth) -> None:
    one, two, three = (loaded.programs[f"tc_{name}"] for name in ("one", "two", "three"))
    with one.attach_tcx(veth.name, "ingress", by_link=False) as first:
        with three.attach_tcx(veth.name, "ingress", at=before(one), by_link=False):
            assert order(loaded, veth.peer) == 31
            first.update(two, expected=one)
            assert order(loaded, veth.peer) == 32
        with pytest.raises(KernelError, match="is not attached there"):
            first.update(three, expected=one)
        first.update(one)
        assert order(loaded, veth.peer) == 1
        other = two.attach_tcx(veth.name, "ingress", at=replace(one))
        assert order(loaded, veth.peer) == 2
        other.update(one)
    assert order(loaded, veth.peer) == 0
    with pytest.raises(KernelError, match="detaching"):
        other.detach()


def test_a_place_next_to_something_that_is_no_link(loaded: Object, veth: Veth) -> None:
    filter = loaded.programs["tc_one"].attach_tc(veth.name, "ingress")
    with filter, pytest.raises(NotSupportedError, match="a place relative to"):
        before(filter)


def test_netkit_where_there_is_none(loaded: Object, veth: Veth) -> None:
    with pytest.raises((NotSupportedError, KernelError)) as refused:
        loaded.programs["tc_one"].attach_netkit(veth.name, "primary")
    assert f"netkit '{veth.name}'" in str(refused.value)


def connect_refused() -> None:
    with socket.socket() as client, pytest.raises(ConnectionRefusedError):
        client.connect(("127.0.0.1", 1))


def test_sk_lookup_runs_for_its_namespace(loaded: Object, veth: Veth) -> None:
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    with loaded.programs["on_lookup"].attach_netns() as link:
        connect_refused()
        assert number(loaded, "runs") == 1
        found = query_netns(AttachType.SK_LOOKUP)
        assert [program.program_id for program in found.programs] == [identity(loaded, "on_lookup")]
        assert link.info().details is not None
    connect_refused()
    assert number(loaded, "runs") == 1


@pytest.mark.parametrize("by_link", [True, False])
def test_a_flow_dissector(loaded: Object, veth: Veth, monkeypatch: pytest.MonkeyPatch, by_link: bool) -> None:
    if not by_link:
        monkeypatch.setattr("bpflab.loader.syscall.link_create", lambda *_: -errno.EINVAL)
    program = loaded.programs["dissect"]
    with program.attach_netns() as link:
        assert (link.fd >= 0) == by_link
        found = query_netns(AttachType.FLOW_DISSECTOR)
        assert [each.program_id for each in found.programs] == [identity(loaded, "dissect")]
    assert query_netns(AttachType.FLOW_DISSECTOR).programs == ()
    with subprocess.Popen(["unshare", "--net", "cat"], stdin=subprocess.PIPE) as other:
        namespace = f"/proc/{other.pid}/ns/net"
        while Path(namespace).readlink() == Path("/proc/self/ns/net").readlink():
            time.sleep(0.01)
        if by_link:
            program.attach_netns(namespace).detach()
        else:
            with pytest.raises(NotSupportedError, match=r"kernel 5\.8"):
                program.attach_netns(namespace)


def test_no_such_namespace(loaded: Object) -> None:
    with pytest.raises(KernelError, match="ENOENT"):
        loaded.programs["on_lookup"].attach_netns("/proc/self/ns/nothing")


def reachable(address: str) -> bool:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        try:
            sender.sendto(b"x", (address, 9))
        except OSError:
            return False
    return True


def test_a_route_runs_its_program(loaded: Object, veth: Veth) -> None:
    subprocess.run(["ip", "addr", "add", "198.18.0.1/24", "dev", veth.name], check=True)
    with loaded.programs["lwt_pass"].attach_lwt("198.18.1.0/24", veth.name) as link:
        assert reachable("198.18.1.1")
        assert number(loaded, "runs") == 1
        link.update(loaded.programs["lwt_drop"])
        reachable("198.18.1.1")
        assert number(loaded, "denied") == 1
        with pytest.raises(KernelError) as refused:
            loaded.programs["lwt_pass"].attach_lwt("198.18.1.0/24", veth.name)
        assert refused.value.errno == errno.EEXIST
    assert "198.18.1.0" not in subprocess.check_output(["ip", "route"], text=True)
    with pytest.raises(ValueError, match="no address"):
        loaded.programs["lwt_pass"].attach_lwt("example/24", veth.name)


def test_what_goes_with_its_device(loaded: Object, veth: Veth) -> None:
    subprocess.run(["ip", "addr", "add", "198.18.0.1/24", "dev", veth.name], check=True)
    programs = loaded.programs
    links = [
        programs["xdp_one"].attach_xdp(veth.name, by_link=False),
        programs["xdp_one"].attach_xdp(veth.peer),
        programs["tc_one"].attach_tc(veth.name, "ingress"),
        programs["tc_one"].attach_tcx(veth.name, "ingress"),
        programs["tc_two"].attach_tcx(veth.name, "ingress", by_link=False),
        programs["lwt_pass"].attach_lwt("198.18.1.0/24", veth.name),
    ]
    subprocess.run(["ip", "link", "del", veth.name], check=True)
    for link in links:
        link.detach()


def reuse(port: int = 0) -> socket.socket:
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    sock.settimeout(0.5)
    sock.bind(("127.0.0.1", port))
    return sock


def test_a_reuseport_group_chooses(loaded: Object, veth: Veth) -> None:
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    with reuse() as one, reuse(one.getsockname()[1]) as two, reuse() as sender:
        with loaded.programs["first"].attach_reuseport(one) as link:
            sender.sendto(b"a", one.getsockname())
            assert one.recv(9) == b"a"
            link.update(loaded.programs["second"])
            sender.sendto(b"b", one.getsockname())
            assert two.recv(9) == b"b"
        with pytest.raises(KernelError, match="reuseport group"):
            loaded.programs["xdp_one"].attach_reuseport(one)


@pytest.mark.parametrize("by_link", [True, False])
def test_a_sockmap(loaded: Object, monkeypatch: pytest.MonkeyPatch, by_link: bool) -> None:
    if not by_link:
        monkeypatch.setattr("bpflab.loader.syscall.link_create", lambda *_: -errno.EINVAL)
    table, message = loaded.maps["sockets"], AttachType.SK_MSG_VERDICT
    with loaded.programs["on_message"].attach_sockmap(table) as link:
        assert (link.fd >= 0) == by_link
        assert query_sockmap(table, message).programs[0].program_id == identity(loaded, "on_message")
        link.update(loaded.programs["on_message_too"])
        assert query_sockmap(table, message).programs[0].program_id == identity(loaded, "on_message_too")
    assert query_sockmap(table, message).programs == ()
    with pytest.raises(KernelError, match="to map 'sockets'"):
        loaded.programs["xdp_one"].attach_sockmap(table)


def test_lirc_where_there_is_none(loaded: Object, tmp_path: Path) -> None:
    program = loaded.programs["on_message"]
    with pytest.raises(KernelError, match="ENOENT"):
        program.attach_lirc("/dev/lirc4711")
    with pytest.raises(KernelError, match="CONFIG_BPF_LIRC_MODE2"):
        program.attach_lirc(os.devnull)
