"""Programs of a sockmap or sockhash: what its sockets receive (sk_skb, 4.14) and send (sk_msg, 4.17)."""

from __future__ import annotations

import errno
import os
from typing import TYPE_CHECKING

from .. import syscall
from ..enums import AttachType
from ..errors import KernelError
from .link import FdLink, Link
from .query import Attached, query_hook

if TYPE_CHECKING:
    from ..map import Map
    from ..program import Program
    from .link import HasDescriptor


def attach_sockmap(program: Program, table: Map, *, attach_type: AttachType | None = None) -> Link:
    """Attach to a map; sockets obey once they are put into it afterwards.

    By bpf_link (6.10), else by BPF_PROG_ATTACH, which ends with the map. A map has one program of a
    kind; a stream parser needs a stream verdict beside it. `attach_type` is for ``SEC("sk_skb")``,
    which says none. Raises KernelError.
    """
    what = f"program '{program.name}' to map '{table.name}'"
    hook = program.attach_type if attach_type is None else attach_type
    fd = syscall.link_create(program.fd, table.fd, hook)
    if fd >= 0:
        return FdLink(what, fd)
    if fd != -errno.EINVAL:
        raise KernelError(f"attaching {what}", -fd, _HINTS.get(-fd, ""))
    return SockmapAttachment(program, table, hook, what)


class SockmapAttachment(Link):
    """What BPF_PROG_ATTACH did. It holds descriptors of the map and the program, to name them again."""

    def __init__(self, program: Program, table: Map, hook: int, what: str) -> None:
        """Attach. Raises KernelError."""
        error = syscall.prog_attach(table.fd, program.fd, hook)
        if error:
            raise KernelError(f"attaching {what}", -error, _HINTS.get(-error, ""))
        super().__init__(what, self._end)
        self._hook = hook
        self._map, self._program = os.dup(table.fd), os.dup(program.fd)

    def update(self, new: HasDescriptor, *, expected: HasDescriptor | None = None) -> None:
        """Put another program in its place; this way none can be expected. Raises KernelError."""
        if expected is not None:
            return super().update(new, expected=expected)
        error = syscall.prog_attach(self._map, new.fd, self._hook)
        if error:
            raise KernelError(f"updating {self.what} to '{new.name}'", -error)
        os.close(self._program)
        self._program = os.dup(new.fd)
        return None

    def _end(self) -> None:
        try:
            syscall.prog_detach(self._map, self._program, self._hook, self.what)
        finally:
            os.close(self._map)
            os.close(self._program)


def query_sockmap(table: Map, attach_type: AttachType) -> Attached:
    """The program of one kind of a map (5.18). Raises KernelError, NotSupportedError."""
    return query_hook(table.fd, attach_type, f"map '{table.name}'")


_HINTS = {
    errno.EOPNOTSUPP: "the map must be a sockmap or sockhash, and the program one of sk_skb or sk_msg",
    errno.EBUSY: "a program of this kind, or one that excludes it, is attached to the map by a link",
}
