"""Raw tracepoints: the arguments as the kernel passes them (``SEC("raw_tp/NAME")``, kernel 4.17)."""

from __future__ import annotations

import errno
from typing import TYPE_CHECKING

from .. import syscall
from ..errors import KernelError
from .link import FdLink, Link

if TYPE_CHECKING:
    from ..program import Program


def attach_raw_tracepoint(program: Program, name: str) -> Link:
    """Run a program whenever the tracepoint is hit. Raises KernelError."""
    what = f"program '{program.name}' to raw tracepoint '{name}'"
    fd = syscall.raw_tracepoint_open(name, program.fd)
    if fd < 0:
        hint = "is there such a tracepoint? its name goes without the category" if fd == -errno.ENOENT else ""
        raise KernelError(f"attaching {what}", -fd, hint)
    return FdLink(what, fd)
