"""Socket filters: a program that decides what a socket receives (SO_ATTACH_BPF, kernel 3.19)."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING

from ..errors import KernelError
from .link import Link

if TYPE_CHECKING:
    from ..program import Program

SO_ATTACH_BPF, SO_DETACH_BPF = 50, 27


def attach_socket(program: Program, sock: socket.socket) -> Link:
    """Filter what `sock` receives; it replaces another filter. Raises KernelError.

    Detaching a socket that is closed already is fine: the filter went with it.
    """
    what = f"program '{program.name}' to a socket"
    try:
        sock.setsockopt(socket.SOL_SOCKET, SO_ATTACH_BPF, program.fd)
    except OSError as error:
        raise KernelError(f"attaching {what}", error.errno or 0) from None

    def detach() -> None:
        if sock.fileno() < 0:
            return
        try:
            sock.setsockopt(socket.SOL_SOCKET, SO_DETACH_BPF, 0)
        except OSError as error:
            raise KernelError(f"detaching {what}", error.errno or 0) from None

    return Link(what, detach)
