"""Maps of sockets: bytes and datagrams go where the map says."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import pytest

from ..subjects.errors import SubjectError
from ..subjects.handles import SubjectObject
from .network import bring_up
from .numbers import u32, unsigned


@contextmanager
def connection() -> Iterator[tuple[socket.socket, socket.socket]]:
    """Both ends of a TCP connection over the loopback interface."""
    bring_up("lo")
    with socket.create_server(("127.0.0.1", 0)) as server:
        near = socket.create_connection(server.getsockname(), timeout=5)
        with near, server.accept()[0] as far:
            far.settimeout(5)
            yield near, far


@pytest.mark.obj("maps/sockmap")
def check_sockmap(obj: SubjectObject) -> None:
    """Bytes that arrive at one socket leave through the other one of the map."""
    with connection() as (sender, arrival), connection() as (departure, receiver):
        # A socket takes over the programs that the map has when it is put there.
        obj.attach("redirect", {"kind": "sockmap", "map": "sockets"})
        obj.update("sockets", u32(0), arrival)
        obj.update("sockets", u32(1), departure)
        sender.sendall(b"through the map")
        assert receiver.recv(64) == b"through the map"
        assert unsigned(obj.variable("redirected")) == 1
        obj.delete("sockets", u32(0))
        sender.sendall(b"as usual")
        assert arrival.recv(64) == b"as usual"


@pytest.mark.obj("maps/sockhash")
def check_sockhash(obj: SubjectObject) -> None:
    """What one socket sends is received by the socket of a name, which it is not connected to."""
    with connection() as (sender, peer), connection() as (_, receiver):
        obj.attach("redirect", {"kind": "sockmap", "map": "sockets"})
        obj.update("sockets", b"send\0\0\0\0", sender)
        obj.update("sockets", b"receive\0", receiver)
        assert sorted(obj.keys("sockets")) == [b"receive\0", b"send\0\0\0\0"]
        sender.sendall(b"straight there")
        assert receiver.recv(64) == b"straight there"
        assert unsigned(obj.variable("redirected")) == 1
        peer.setblocking(False)
        with pytest.raises(BlockingIOError):
            peer.recv(64)


@pytest.mark.obj("maps/reuseport")
def check_reuseport_sockarray(obj: SubjectObject) -> None:
    """A program picks the socket of a group that gets a datagram; without one it is dropped."""
    bring_up("lo")
    with ExitStack() as stack:
        group = [stack.enter_context(_datagram_socket()) for _ in range(3)]
        group[0].bind(("127.0.0.1", 0))
        for each in group[1:]:
            each.bind(group[0].getsockname())
        for number, each in enumerate(group):
            obj.update("sockets", u32(number), each)
        obj.attach("choose", {"kind": "reuseport", "pid": os.getpid(), "fd": group[0].fileno()})
        sender = stack.enter_context(_datagram_socket())
        for number in (2, 0, 1, 2):
            sender.sendto(b"%d first" % number, group[0].getsockname())
            assert group[number].recv(64) == b"%d first" % number
        obj.delete("sockets", u32(1))
        with pytest.raises(SubjectError):
            obj.lookup("sockets", u32(1))
        sender.sendto(b"1 lost", group[0].getsockname())
        sender.sendto(b"0 last", group[0].getsockname())
        assert group[0].recv(64) == b"0 last"
        group[1].setblocking(False)
        with pytest.raises(BlockingIOError):
            group[1].recv(64)


def _datagram_socket() -> socket.socket:
    made = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    made.settimeout(5)
    return made
