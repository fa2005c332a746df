"""Programs of a socket: a filter of what it receives (3.19), a choice within its reuseport group (4.5)."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING

from ..errors import KernelError
from .link import Link

if TYPE_CHECKING:
    from ..programs.program import Program
    from .link import HasDescriptor

_SO_ATTACH_BPF, _SO_DETACH_BPF = 50, 27
_SO_ATTACH_REUSEPORT_EBPF, _SO_DETACH_REUSEPORT_BPF = 52, 68


def attach_socket(program: Program, sock: socket.socket) -> Link:
    """Filter what `sock` receives; it replaces another filter. Raises KernelError.

    Detaching from a socket that is closed already is fine: the filter went with it.
    """
    what = f"program '{program.name}' to a socket"
    return SocketAttachment(program, sock, what, _SO_ATTACH_BPF, _SO_DETACH_BPF)


def attach_reuseport(program: Program, sock: socket.socket) -> Link:
    """Choose which of the sockets of one address (SO_REUSEPORT) gets what comes; it replaces another choice.

    `sock` is any of the group, bound or with SO_REUSEPORT set. The program is of
    ``SEC("sk_reuseport")`` (4.19), or a socket filter that returns an index in the group.
    Detaching (5.3) needs `sock` open; else the program stays as long as the group. Raises KernelError.
    """
    what = f"program '{program.name}' to a reuseport group"
    return SocketAttachment(program, sock, what, _SO_ATTACH_REUSEPORT_EBPF, _SO_DETACH_REUSEPORT_BPF)


class SocketAttachment(Link):
    """A program that a socket option has attached; the kernel has no bpf_link for these."""

    def __init__(self, program: Program, sock: socket.socket, what: str, attach: int, detach: int) -> None:
        """Attach by one option, to be detached by the other. Raises KernelError."""
        super().__init__(what, self._end)
        self._socket, self._attach, self._detach = sock, attach, detach
        self._set(attach, program.fd, f"attaching {what}")

    def update(self, new: HasDescriptor, *, expected: HasDescriptor | None = None) -> None:
        """Put another program in its place; this way none can be expected. Raises KernelError."""
        if expected is not None:
            return super().update(new, expected=expected)
        return self._set(self._attach, new.fd, f"updating {self.what} to '{new.name}'")

    def _end(self) -> None:
        if self._socket.fileno() >= 0:
            self._set(self._detach, 0, f"detaching {self.what}")

    def _set(self, option: int, value: int, action: str) -> None:
        try:
            self._socket.setsockopt(socket.SOL_SOCKET, option, value)
        except OSError as error:
            raise KernelError(action, error.errno or 0) from None
