"""Replacing a global function of a loaded program by another (``SEC("freplace/FUNCTION")``, kernel 5.6)."""

from __future__ import annotations

import errno
from struct import pack
from typing import TYPE_CHECKING

from .. import syscall
from ..errors import KernelError, NotSupportedError
from ..programs.attach_target import ProgramFunction, find_program_function
from .link import FdLink, Link
from .tracing import attach_tracing

if TYPE_CHECKING:
    from ..programs.program import Program


def attach_freplace(program: Program, target: Program | None = None, function: str = "") -> Link:
    """Put a program in the place of a function until the link goes.

    Without `target` of the program that it was loaded for. With it of another one (5.10)
    that has the same function, or one named `function` of the same prototype.
    Raises KernelError, NotSupportedError, TargetError.
    """
    if target is None:
        return attach_tracing(program)
    name = function or program.attach_to
    what = f"program '{program.name}' in the place of '{name}' of program '{target.name}'"
    type_id = find_program_function(program.name, ProgramFunction(target, name))
    fd = syscall.link_create(program.fd, target.fd, 0, 0, pack("=I", type_id))
    if fd == -errno.EINVAL:
        raise NotSupportedError(f"attaching {what}", "kernel 5.10, and functions of the same prototype")
    if fd < 0:
        raise KernelError(f"attaching {what}", -fd, "it is replaced already" if fd == -errno.EBUSY else "")
    return FdLink(what, fd)
