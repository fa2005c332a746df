"""Programs that know their target since they were loaded: fentry, fexit, fmod_ret, fsession, tp_btf."""

from __future__ import annotations

import errno
from struct import pack
from typing import TYPE_CHECKING

from .. import syscall
from ..errors import KernelError, NotSupportedError
from .link import FdLink, Link

if TYPE_CHECKING:
    from ..programs.program import Program


def attach_tracing(program: Program, *, cookie: int = 0) -> Link:
    """Attach to the function, tracepoint or hook that the program was loaded for.

    `cookie` is what bpf_get_attach_cookie gives in there (5.19; of tp_btf 6.10).
    Raises KernelError, NotSupportedError.
    """
    what = f"program '{program.name}' to '{program.attach_to}'"
    # tracing.target_btf_id, padding, tracing.cookie
    options = pack("=IIQ", 0, 0, cookie) if cookie else b""
    fd = syscall.link_create(program.fd, 0, program.attach_type, 0, options)
    if fd == -errno.EINVAL and cookie:
        raise NotSupportedError(f"attaching {what} with a cookie", "kernel 5.19; for tp_btf 6.10")
    if fd == -errno.EINVAL:
        # Before 5.18 (LINK_CREATE for these) the older command is the only way; it does not ask for
        # the attach type either, which only who loaded the program knows.
        fd = syscall.raw_tracepoint_open("", program.fd)
    if fd < 0:
        raise KernelError(f"attaching {what}", -fd, _hint(-fd))
    return FdLink(what, fd)


def _hint(number: int) -> str:
    if number == errno.EBUSY:
        return "it is attached already, or the function's trampoline is taken by something else"
    if number == errno.E2BIG:
        return "too many programs are attached to that function (38)"
    return ""
