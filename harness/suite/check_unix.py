"""Control groups' programs of Unix sockets' addresses."""

from __future__ import annotations

import socket
from collections.abc import Callable
from pathlib import Path

import pytest

from .cgroup import enter
from .fixtures import Fork, Open
from .numbers import unsigned

THERE, NOWHERE = b"\0bpflab-unix-abc", b"\0bpflab-no-where"
"""Abstract addresses; the first has the size of the corpus's variable."""


@pytest.mark.obj("cgroup/unix")
@pytest.mark.needs("unix_addresses")
def check_connect(cgroup: Path, loaded: Open, fork: Fork) -> None:
    """A member that connects to one address gets to another."""

    def connect() -> str:
        with _bound(socket.SOCK_STREAM, THERE) as server, _bound(socket.SOCK_STREAM) as client:
            server.listen()
            client.connect(NOWHERE)
            with server.accept()[0]:
                return "True"

    _changes(cgroup, loaded, fork, "connect", connect)


@pytest.mark.obj("cgroup/unix")
@pytest.mark.needs("unix_addresses")
def check_sendmsg(cgroup: Path, loaded: Open, fork: Fork) -> None:
    """What a member sends to one address gets to another."""

    def send() -> str:
        with _bound(socket.SOCK_DGRAM, THERE) as receiver, _bound(socket.SOCK_DGRAM) as sender:
            sender.sendto(b"redirected", NOWHERE)
            return str(receiver.recv(64) == b"redirected")

    _changes(cgroup, loaded, fork, "sendmsg", send)


@pytest.mark.obj("cgroup/unix")
@pytest.mark.needs("unix_addresses")
def check_recvmsg(cgroup: Path, loaded: Open, fork: Fork) -> None:
    """A member sees another sender than the one that sent."""

    def receive() -> str:
        receiver, sender = _bound(socket.SOCK_DGRAM, b"\0bpflab-receiver"), _bound(socket.SOCK_DGRAM, NOWHERE)
        with receiver, sender:
            sender.sendto(b"x", receiver.getsockname())
            return str(receiver.recvfrom(64)[1] == THERE)

    _changes(cgroup, loaded, fork, "recvmsg", receive)


@pytest.mark.obj("cgroup/unix")
@pytest.mark.needs("unix_addresses")
def check_getpeername(cgroup: Path, loaded: Open, fork: Fork) -> None:
    """A member is told another peer than it has."""

    def ask() -> str:
        with _bound(socket.SOCK_STREAM, NOWHERE) as server, _bound(socket.SOCK_STREAM) as client:
            server.listen()
            client.connect(NOWHERE)
            return str(client.getpeername() == THERE)

    _changes(cgroup, loaded, fork, "getpeername", ask)


@pytest.mark.obj("cgroup/unix")
@pytest.mark.needs("unix_addresses")
def check_getsockname(cgroup: Path, loaded: Open, fork: Fork) -> None:
    """A member is told another address than it has."""

    def ask() -> str:
        with _bound(socket.SOCK_DGRAM, NOWHERE) as sock:
            return str(sock.getsockname() == THERE)

    _changes(cgroup, loaded, fork, "getsockname", ask)


def _bound(kind: socket.SocketKind, address: bytes = b"") -> socket.socket:
    sock = socket.socket(socket.AF_UNIX, kind)
    sock.settimeout(5)
    if address:
        sock.bind(address)
    return sock


def _changes(cgroup: Path, loaded: Open, fork: Fork, hook: str, act: Callable[[], str]) -> None:
    """A hook's program gives one address for another, in a group."""

    def act_in_group() -> str:
        enter(cgroup)
        return act()

    obj = loaded("cgroup/unix", to=THERE)
    obj.attach(hook, {"kind": "cgroup", "path": str(cgroup)})
    assert fork(act_in_group).go() == "True"
    assert unsigned(obj.variable("changed")) >= 1
