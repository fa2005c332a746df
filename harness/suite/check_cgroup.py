"""Control groups: packets, sockets, options, devices and sysctls of their members."""

from __future__ import annotations

import socket
from collections.abc import Callable
from pathlib import Path

import pytest

from ..subjects.handles import SubjectObject
from .cgroup import enter
from .fixtures import Fork, Open
from .network import LOOPBACK, free_port, udp_socket
from .numbers import u16, unsigned

FAMILIES = {"4": socket.AF_INET, "6": socket.AF_INET6}


def by_family(hook: str) -> pytest.MarkDecorator:
    """A check for each of a hook's two families, named after the hook."""
    cases = [
        pytest.param(f"{hook}{digit}", family, marks=pytest.mark.id(f"cgroup/{hook}{digit}"))
        for digit, family in FAMILIES.items()
    ]
    return pytest.mark.parametrize(("hook", "family"), cases)


@pytest.mark.obj("cgroup/packets")
def check_ingress(cgroup: Path, loaded: Open, fork: Fork) -> None:
    """Packets to a member's socket are dropped or counted as they arrive."""
    port = free_port()

    def receive() -> str:
        enter(cgroup)
        with udp_socket(port=port) as receiver, udp_socket() as sender:
            sender.sendto(b"Dropped", receiver.getsockname())
            sender.sendto(b"passed", receiver.getsockname())
            return receiver.recv(64).decode()

    obj = loaded("cgroup/packets", port=u16(port))
    obj.attach("filter", {"kind": "cgroup", "path": str(cgroup)})
    assert fork(receive).go() == "passed"
    assert unsigned(obj.variable("dropped")) == 1
    assert unsigned(obj.variable("passed")) == 1


@pytest.mark.obj("cgroup/sockets")
def check_sock_create(cgroup: Path, loaded: Open, fork: Fork) -> None:
    """A member may make some sockets and not others."""

    def make() -> str:
        enter(cgroup)
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM).close()
        return _refused(lambda: socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP))

    obj = loaded("cgroup/sockets")
    obj.attach("create", {"kind": "cgroup", "path": str(cgroup)})
    assert fork(make).go() == "refused"
    assert unsigned(obj.variable("created")) == 1
    assert unsigned(obj.variable("denied")) == 1


@pytest.mark.obj("cgroup/sockets")
def check_sock_release(cgroup: Path, loaded: Open, fork: Fork) -> None:
    """The end of a member's socket is seen."""

    def end() -> str:
        enter(cgroup)
        for _ in range(3):
            udp_socket().close()
        return ""

    obj = loaded("cgroup/sockets")
    obj.attach("release", {"kind": "cgroup", "path": str(cgroup)})
    fork(end).go()
    assert unsigned(obj.variable("released")) == 3


@by_family("post_bind")
@pytest.mark.obj("cgroup/sockets")
def check_post_bind(cgroup: Path, loaded: Open, fork: Fork, hook: str, family: socket.AddressFamily) -> None:
    """A member may not have a port, once the kernel has given it."""
    port = free_port(family)

    def bind() -> str:
        enter(cgroup)
        udp_socket(family).close()
        return _refused(lambda: udp_socket(family, port))

    obj = loaded("cgroup/sockets", forbidden=u16(port))
    obj.attach(hook, {"kind": "cgroup", "path": str(cgroup)})
    assert fork(bind).go() == "refused"


@by_family("bind")
@pytest.mark.obj("cgroup/addresses")
def check_bind(cgroup: Path, loaded: Open, fork: Fork, hook: str, family: socket.AddressFamily) -> None:
    """A member that binds to one port gets another."""

    def bind(asked: int, given: int) -> str:
        with udp_socket(family, asked) as sock:
            return str(sock.getsockname()[1] == given)

    _changes(cgroup, loaded, fork, hook, family, bind)


@pytest.mark.obj("cgroup/addresses")
def check_connect6(cgroup: Path, loaded: Open, fork: Fork) -> None:
    """A member that connects to one port gets to another."""

    def connect(asked: int, given: int) -> str:
        with udp_socket(socket.AF_INET6, given) as receiver, udp_socket(socket.AF_INET6) as sender:
            sender.connect((LOOPBACK[socket.AF_INET6], asked))
            sender.send(b"redirected")
            return str(receiver.recv(64) == b"redirected")

    _changes(cgroup, loaded, fork, "connect6", socket.AF_INET6, connect)


@by_family("sendmsg")
@pytest.mark.obj("cgroup/addresses")
def check_sendmsg(cgroup: Path, loaded: Open, fork: Fork, hook: str, family: socket.AddressFamily) -> None:
    """What a member sends to one port gets to another."""

    def send(asked: int, given: int) -> str:
        with udp_socket(family, given) as receiver, udp_socket(family) as sender:
            sender.sendto(b"redirected", (LOOPBACK[family], asked))
            return str(receiver.recv(64) == b"redirected")

    _changes(cgroup, loaded, fork, hook, family, send)


@by_family("recvmsg")
@pytest.mark.obj("cgroup/addresses")
def check_recvmsg(cgroup: Path, loaded: Open, fork: Fork, hook: str, family: socket.AddressFamily) -> None:
    """A member sees another sender than the one that sent."""

    def receive(asked: int, given: int) -> str:
        with udp_socket(family, asked) as sender, udp_socket(family) as receiver:
            sender.sendto(b"from", receiver.getsockname())
            return str(receiver.recvfrom(64)[1][1] == given)

    _changes(cgroup, loaded, fork, hook, family, receive)


@by_family("getpeername")
@pytest.mark.obj("cgroup/addresses")
def check_getpeername(
    cgroup: Path, loaded: Open, fork: Fork, hook: str, family: socket.AddressFamily
) -> None:
    """A member is told another peer than it has."""

    def ask(asked: int, given: int) -> str:
        with udp_socket(family) as sock:
            sock.connect((LOOPBACK[family], asked))
            return str(sock.getpeername()[1] == given)

    _changes(cgroup, loaded, fork, hook, family, ask)


@by_family("getsockname")
@pytest.mark.obj("cgroup/addresses")
def check_getsockname(
    cgroup: Path, loaded: Open, fork: Fork, hook: str, family: socket.AddressFamily
) -> None:
    """A member is told another port than it has."""

    def ask(asked: int, given: int) -> str:
        with udp_socket(family, asked) as sock:
            return str(sock.getsockname()[1] == given)

    _changes(cgroup, loaded, fork, hook, family, ask)


@pytest.mark.obj("cgroup/options")
def check_setsockopt(cgroup: Path, obj: SubjectObject, fork: Fork) -> None:
    """A member's option is refused, changed or left as it is."""

    def set_options() -> str:
        enter(cgroup)
        with udp_socket() as sock:
            said = _refused(lambda: sock.setsockopt(socket.IPPROTO_IP, socket.IP_TOS, 4))
            values = []
            for value in (8, 32):
                sock.setsockopt(socket.IPPROTO_IP, socket.IP_TOS, value)
                values.append(sock.getsockopt(socket.IPPROTO_IP, socket.IP_TOS))
            return f"{said} {values}"

    obj.attach("set", {"kind": "cgroup", "path": str(cgroup)})
    assert fork(set_options).go() == "refused [16, 32]"
    assert unsigned(obj.variable("refused")) == 1


@pytest.mark.obj("cgroup/options")
def check_getsockopt(cgroup: Path, obj: SubjectObject, fork: Fork) -> None:
    """A member reads another value than the kernel has."""

    def read_option() -> str:
        enter(cgroup)
        with udp_socket() as sock:
            sock.setsockopt(socket.IPPROTO_IP, socket.IP_TOS, 32)
            return str(sock.getsockopt(socket.IPPROTO_IP, socket.IP_TOS))

    obj.attach("get", {"kind": "cgroup", "path": str(cgroup)})
    assert fork(read_option).go() == "36"


@pytest.mark.obj("cgroup/device")
def check_device(cgroup: Path, obj: SubjectObject, fork: Fork) -> None:
    """A member may open one device and not another."""

    def open_devices() -> str:
        enter(cgroup)
        Path("/dev/null").read_bytes()
        return _refused(lambda: Path("/dev/full").open("rb").close())

    obj.attach("guard", {"kind": "cgroup", "path": str(cgroup)})
    assert fork(open_devices).go() == "refused"
    assert unsigned(obj.variable("denied")) == 1


@pytest.mark.obj("cgroup/sysctl")
def check_sysctl(cgroup: Path, obj: SubjectObject, fork: Fork) -> None:
    """A member may read a sysctl and not write it."""
    name = Path("/proc/sys/kernel/domainname")

    def use_sysctl() -> str:
        enter(cgroup)
        return _refused(lambda: name.write_text(name.read_text()))

    obj.attach("guard", {"kind": "cgroup", "path": str(cgroup)})
    assert fork(use_sysctl).go() == "refused"
    assert unsigned(obj.variable("reads")) >= 1
    assert unsigned(obj.variable("refused")) >= 1


@pytest.mark.obj("cgroup/sock_ops")
def check_sock_ops(cgroup: Path, obj: SubjectObject, fork: Fork) -> None:
    """A member's connection is changed as it sets out, and seen when it is there."""

    def connect() -> str:
        enter(cgroup)
        with socket.create_server(("127.0.0.1", 0)) as server, socket.socket() as client:
            client.connect(server.getsockname())
            name = client.getsockopt(socket.IPPROTO_TCP, socket.TCP_CONGESTION, 16)
            return name.rstrip(b"\0").decode()

    obj.attach("set_out", {"kind": "cgroup", "path": str(cgroup)})
    assert fork(connect).go() == "reno"
    assert unsigned(obj.variable("established")) == 1


def _changes(
    cgroup: Path,
    loaded: Open,
    fork: Fork,
    hook: str,
    family: socket.AddressFamily,
    act: Callable[[int, int], str],
) -> None:
    """A hook's program gives one port for another, in a group and not outside."""
    asked, given = free_port(family), free_port(family)

    def act_in_group() -> str:
        enter(cgroup)
        return act(asked, given)

    obj = loaded("cgroup/addresses", from_port=u16(asked), to_port=u16(given))
    obj.attach(hook, {"kind": "cgroup", "path": str(cgroup)})
    assert fork(act_in_group).go() == "True"
    assert unsigned(obj.variable("changed")) >= 1


def _refused(action: Callable[[], object]) -> str:
    """Whether the kernel refuses a member something."""
    try:
        action()
    except PermissionError:
        return "refused"
    return "allowed"
