"""Programs that know their target since they were loaded: fentry, fexit, fmod_ret, tp_btf, LSM."""

from __future__ import annotations

import errno
from typing import TYPE_CHECKING

from .. import syscall
from ..errors import KernelError
from .link import FdLink, Link

if TYPE_CHECKING:
    from ..program import Program


def attach_tracing(program: Program) -> Link:
    """Attach to the function, tracepoint or hook that the program was loaded for. Raises KernelError."""
    what = f"program '{program.name}' to '{program.attach_to}'"
    fd = syscall.link_create(program.fd, 0, program.attach_type)
    if fd == -errno.EINVAL:
        # Before 5.18 (LINK_CREATE for these) the older command is the only way.
        fd = syscall.raw_tracepoint_open("", program.fd)
    if fd < 0:
        raise KernelError(f"attaching {what}", -fd)
    return FdLink(what, fd)
