"""Raw tracepoints: the arguments as the kernel passes them (``SEC("raw_tp/NAME")``, kernel 4.17)."""

from __future__ import annotations

import errno
from typing import TYPE_CHECKING

from .. import syscall
from ..enums import ProgType
from ..errors import KernelError, NotSupportedError
from .link import FdLink, Link

if TYPE_CHECKING:
    from ..programs.program import Program

_HINTS = {
    errno.ENOENT: "is there such a tracepoint? its name goes without the category",
    errno.EINVAL: "does the program read more arguments than the tracepoint has?",
}


def attach_raw_tracepoint(program: Program, name: str, *, cookie: int = 0) -> Link:
    """Run a program whenever the tracepoint is hit.

    Programs of ``SEC("raw_tp.w")`` (5.2) may write to its first argument, if the kernel lets them.
    They read `cookie` by bpf_get_attach_cookie() (6.10). Raises KernelError, NotSupportedError.
    """
    what = f"program '{program.name}' to raw tracepoint '{name}'"
    fd = syscall.raw_tracepoint_open(name, program.fd, cookie)
    # With a descriptor that is none, a kernel that takes cookies gets as far as looking at it.
    if fd == -errno.EINVAL and cookie and syscall.raw_tracepoint_open(name, -1, cookie) != -errno.EBADF:
        raise NotSupportedError(f"attaching {what} with a cookie", "kernel 6.10")
    if fd == -errno.EINVAL and program.type == ProgType.RAW_TRACEPOINT_WRITABLE:
        raise KernelError(f"attaching {what}", -fd, "does it write more than this tracepoint lets it?")
    if fd < 0:
        raise KernelError(f"attaching {what}", -fd, _HINTS.get(-fd, ""))
    return FdLink(what, fd)
