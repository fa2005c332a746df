"""Just enough netlink to attach programs to network devices: requests, attributes, answers."""

from __future__ import annotations

import socket
from struct import Struct

from .errors import KernelError
from .lean import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Self

NLM_F_REQUEST, NLM_F_ACK, NLM_F_ECHO, NLM_F_DUMP = 0x1, 0x4, 0x8, 0x300
NLM_F_REPLACE, NLM_F_EXCL, NLM_F_CREATE = 0x100, 0x200, 0x400
NLA_F_NESTED = 0x8000

_NLMSG_ERROR, _NLMSG_DONE = 2, 3
_SOL_NETLINK, _CAP_ACK, _EXT_ACK = 270, 10, 11
_NLMSGERR_ATTR_MSG = 1
_CONTROL, _GETFAMILY, _FAMILY_ID, _FAMILY_NAME = 0x10, 3, 1, 2  # linux/genetlink.h
_FAMILY_NUMBER = Struct("=H")
_HEADER = Struct("=IHHII")  # length, type, flags, sequence number, port
_ATTRIBUTE = Struct("=HH")  # length, type
_ERROR = Struct("=i")


def attribute(type: int, payload: bytes) -> bytes:
    """One attribute, padded to a multiple of 4 bytes."""
    data = _ATTRIBUTE.pack(_ATTRIBUTE.size + len(payload), type) + payload
    return data + bytes(-len(data) % 4)


def attributes(data: bytes) -> dict[int, bytes]:
    """The attributes that lie one behind the other in `data`; of equal types the last."""
    found = {}
    while len(data) >= _ATTRIBUTE.size:
        length, type = _ATTRIBUTE.unpack_from(data)
        if length < _ATTRIBUTE.size:
            break
        found[type & 0x3FFF] = data[_ATTRIBUTE.size : length]
        data = data[(length + 3) & ~3 :]
    return found


class Route:
    """A NETLINK_ROUTE socket in the current network namespace."""

    protocol = 0

    def __init__(self) -> None:
        kind = socket.SOCK_RAW | socket.SOCK_CLOEXEC
        self._socket = socket.socket(socket.AF_NETLINK, kind, self.protocol)
        # Errors with the kernel's own words (4.12), without the request in them.
        self._socket.setsockopt(_SOL_NETLINK, _CAP_ACK, 1)
        self._socket.setsockopt(_SOL_NETLINK, _EXT_ACK, 1)
        self._sequence = 0

    def request(self, action: str, type: int, flags: int, body: bytes) -> list[bytes]:
        """Send one message and return the bodies of the answers. Raises KernelError."""
        self._sequence += 1
        length = _HEADER.size + len(body)
        flags |= NLM_F_REQUEST | (0 if flags & NLM_F_DUMP == NLM_F_DUMP else NLM_F_ACK)
        self._socket.send(_HEADER.pack(length, type, flags, self._sequence, 0) + body)
        answers: list[bytes] = []
        while True:
            for kind, answer in self._receive():
                if kind == _NLMSG_DONE:
                    return answers
                if kind == _NLMSG_ERROR:
                    (number,) = _ERROR.unpack_from(answer)
                    if number:
                        raise KernelError(action, -number, _words(answer))
                    return answers
                answers.append(answer)

    def _receive(self) -> Iterator[tuple[int, bytes]]:
        data = self._socket.recv(1 << 18)
        while len(data) >= _HEADER.size:
            length, kind, _, sequence, _ = _HEADER.unpack_from(data)
            if sequence == self._sequence:
                yield kind, data[_HEADER.size : length]
            data = data[(length + 3) & ~3 :]

    def close(self) -> None:
        self._socket.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class Generic(Route):
    """A NETLINK_GENERIC socket: requests of families that have names."""

    protocol = 16

    def family(self, name: str, action: str) -> int:
        """The message type of a family. Raises KernelError (ENOENT: the kernel has none of that name)."""
        body = generic_header(_GETFAMILY) + attribute(_FAMILY_NAME, name.encode() + b"\0")
        (answer,) = self.request(action, _CONTROL, 0, body)
        number: int = _FAMILY_NUMBER.unpack(attributes(answer[4:])[_FAMILY_ID])[0]
        return number


def generic_header(command: int) -> bytes:
    """What a message of a generic family begins with: command, version, two bytes reserved."""
    return bytes((command, 1, 0, 0))


def _words(answer: bytes) -> str:
    """What the kernel says about an error, if anything: behind the errno and the request's header."""
    found = attributes(answer[4 + _HEADER.size :]).get(_NLMSGERR_ATTR_MSG, b"")
    return found.rstrip(b"\0").decode(errors="replace")
