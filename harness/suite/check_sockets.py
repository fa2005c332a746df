"""Programs of sockets: who gets a connection or a datagram, what is sent, what is received."""

from __future__ import annotations

import os
import select
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

import pytest

from ..subjects.errors import SubjectError
from ..subjects.handles import SubjectObject
from .fixtures import Open
from .network import free_port, udp_socket
from .numbers import u16, u32, unsigned

EINVAL = 22


class Connection(NamedTuple):
    """A TCP connection over the loopback interface."""

    client: socket.socket
    server: socket.socket


@pytest.mark.obj("sockets/sk_lookup")
def check_sk_lookup(loaded: Open) -> None:
    """Who connects to a port that nobody has gets to the socket that the program chooses."""
    asked = free_port()
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(5)
        obj = loaded("sockets/sk_lookup", from_port=u16(asked))
        obj.update_socket("sockets", u32(0), server)
        link = obj.attach("steer", {"kind": "netns"})
        assert len(obj.query("steer", {"kind": "netns"}).programs) == 1
        with socket.create_connection(("127.0.0.1", asked), 5) as client, server.accept()[0] as accepted:
            client.send(b"steered")
            assert accepted.recv(64) == b"steered"
        assert unsigned(obj.variable("steered")) >= 1
        link.detach()
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", asked), 5)


@pytest.mark.obj("sockets/messages")
def check_sk_msg(obj: SubjectObject) -> None:
    """What a socket of the map sends is refused or goes through."""
    with _connection() as pair:
        link = obj.attach("judge", {"kind": "sockmap", "map": "sockets"})
        obj.update_socket("sockets", u32(0), pair.client)
        pair.client.send(b"sent")
        assert pair.server.recv(64) == b"sent"
        with pytest.raises(PermissionError):
            pair.client.send(b"Dropped")
        assert unsigned(obj.variable("sent")) == 1
        assert unsigned(obj.variable("refused")) == 1
        link.detach()
        with _connection() as free:
            obj.update_socket("sockets", u32(1), free.client)
            free.client.send(b"Done")
            assert free.server.recv(64) == b"Done"


@pytest.mark.obj("sockets/messages")
@pytest.mark.needs("sockmap_links")
def check_sk_msg_replaced(opened: Open) -> None:
    """One program of a map follows another without a gap, and the kernel tells which is there."""
    obj = opened("sockets/messages")
    programs = obj.load()
    target: dict[str, str | int] = {"kind": "sockmap", "map": "sockets"}
    with _connection() as pair:
        link = obj.attach("judge", target)
        obj.update_socket("sockets", u32(0), pair.client)
        assert obj.query("judge", target).programs == [programs["judge"].id]
        obj.update_link(link, "refuse", expected="judge")
        assert obj.query("judge", target).programs == [programs["refuse"].id]


@pytest.mark.obj("sockets/stream")
def check_sk_skb_stream(obj: SubjectObject) -> None:
    """What one connection brings goes, parsed into messages, out of another."""
    with _connection() as source, _connection() as sink:
        obj.attach("parse", {"kind": "sockmap", "map": "sockets"})
        obj.attach("forward", {"kind": "sockmap", "map": "sockets"})
        obj.update_socket("sockets", u32(1), sink.server)
        obj.update_socket("sockets", u32(0), source.server)
        # One message at a time: 5.10 forwards two that come together twice.
        for message in (b"1234", b"5678"):
            source.client.send(message)
            assert sink.client.recv(64) == message
        assert unsigned(obj.variable("parsed")) >= 2
        assert unsigned(obj.variable("redirected")) == 2


@pytest.mark.obj("sockets/verdict")
@pytest.mark.needs("sk_skb_verdict")
def check_sk_skb_verdict(loaded: Open) -> None:
    """What a socket of the map receives is dropped or goes through, datagrams too."""
    free_port()
    obj = loaded("sockets/verdict")
    obj.attach("judge", {"kind": "sockmap", "map": "sockets"})
    with udp_socket() as receiver, udp_socket() as sender:
        obj.update_socket("sockets", u32(0), receiver)
        sender.sendto(b"Dropped", receiver.getsockname())
        sender.sendto(b"passed", receiver.getsockname())
        assert receiver.recv(64) == b"passed"
        assert unsigned(obj.variable("dropped")) == 1
        assert unsigned(obj.variable("passed")) == 1


@pytest.mark.obj("sockets/reuseport")
def check_reuseport(obj: SubjectObject) -> None:
    """Of the sockets of one address the program chooses who gets a datagram."""
    free_port()
    with _sharing(socket.SOCK_DGRAM, 0) as first:
        port = first.getsockname()[1]
        with _sharing(socket.SOCK_DGRAM, port) as second, udp_socket() as sender:
            for key, member in enumerate((first, second)):
                obj.update_socket("group", u32(key), member)
            link = obj.attach("by_digit", _group_of(first))
            for text, member in ((b"0 a", first), (b"1 b", second), (b"1 c", second), (b"0 d", first)):
                sender.sendto(text, ("127.0.0.1", port))
                assert member.recv(64) == text
            assert unsigned(obj.variable("chosen")) == 4
            sender.sendto(b"7 nobody", ("127.0.0.1", port))
            sender.sendto(b"0 e", ("127.0.0.1", port))
            assert first.recv(64) == b"0 e"
            link.detach()
            sender.sendto(b"7 f", ("127.0.0.1", port))
            assert _any(first, second) == b"7 f"


@pytest.mark.obj("sockets/reuseport")
@pytest.mark.needs("reuseport_migration")
def check_reuseport_migrate(opened: Open) -> None:
    """A connection that waits at a listener which closes is taken over by another."""
    free_port()
    obj = opened("sockets/reuseport")
    obj.load(programs=["to_second"])
    first = _sharing(socket.SOCK_STREAM, 0)
    with first, _sharing(socket.SOCK_STREAM, first.getsockname()[1]) as second, socket.socket() as client:
        for key, member in enumerate((first, second)):
            member.listen()
            obj.update_socket("group", u32(key), member)
        obj.attach("to_second", _group_of(second))
        client.connect(second.getsockname())
        first.close()
        with second.accept()[0] as accepted:
            assert accepted.getpeername() == client.getsockname()
        assert unsigned(obj.variable("migrated")) >= 1


@pytest.mark.obj("sockets/reuseport")
def check_reuseport_alone(obj: SubjectObject) -> None:
    """A socket that shares its address with nobody has no group to choose in."""
    free_port()
    with udp_socket() as alone, pytest.raises(SubjectError) as refused:
        obj.attach("by_digit", _group_of(alone))
    assert refused.value.errno == EINVAL


def _group_of(member: socket.socket) -> dict[str, str | int]:
    return {"kind": "reuseport", "pid": os.getpid(), "fd": member.fileno()}


def _sharing(kind: socket.SocketKind, port: int) -> socket.socket:
    member = socket.socket(socket.AF_INET, kind)
    member.settimeout(5)
    member.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    member.bind(("127.0.0.1", port))
    return member


def _any(*sockets: socket.socket) -> bytes:
    """What one of them receives."""
    readable, _, _ = select.select(sockets, [], [], 5)
    data: bytes = readable[0].recv(64)
    return data


@contextmanager
def _connection() -> Iterator[Connection]:
    free_port()
    with socket.create_server(("127.0.0.1", 0)) as listener:
        client = socket.create_connection(listener.getsockname(), 5)
        with client, listener.accept()[0] as server:
            server.settimeout(5)
            yield Connection(client, server)
