"""Programs of a sockmap or sockhash: what its sockets receive (sk_skb, 4.14) and send (sk_msg, 4.17)."""

from __future__ import annotations

import errno
from typing import TYPE_CHECKING

from .. import syscall
from ..enums import AttachType
from ..errors import KernelError
from .hook import ALONE, FileAttachment
from .link import FdLink, Link
from .query import Attached, query_hook

if TYPE_CHECKING:
    from ..maps.map import Map
    from ..programs.program import Program


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
    error = syscall.prog_attach(table.fd, program.fd, hook)
    if error:
        raise KernelError(f"attaching {what}", -error, _HINTS.get(-error, ""))
    return FileAttachment(program, table.fd, hook, what, ALONE)


def query_sockmap(table: Map, attach_type: AttachType) -> Attached:
    """The program of one kind of a map (5.18). Raises KernelError, NotSupportedError."""
    return query_hook(table.fd, attach_type, f"map '{table.name}'")


_HINTS = {
    errno.EOPNOTSUPP: "the map must be a sockmap or sockhash, and the program one of sk_skb or sk_msg",
    errno.EBUSY: "a program of this kind, or one that excludes it, is attached to the map by a link",
}
