"""Programs of a cgroup: its packets, sockets, devices, sysctls."""

from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import TYPE_CHECKING

from .. import syscall
from ..errors import KernelError
from .link import FdLink, Link

if TYPE_CHECKING:
    from ..program import Program

_ALLOW_MULTI = 2


def attach_cgroup(program: Program, path: str | Path) -> Link:
    """Attach to a cgroup (v2) beside other programs, for it and its descendants.

    By bpf_link (5.7), else by BPF_PROG_ATTACH. Raises KernelError.
    """
    what = f"program '{program.name}' to cgroup '{path}'"
    try:
        cgroup = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError as error:
        raise KernelError(f"attaching {what}", error.errno or 0) from None
    try:
        fd = syscall.link_create(program.fd, cgroup, program.attach_type)
        if fd >= 0:
            return FdLink(what, fd)
        if fd != -errno.EINVAL:
            hint = "the path must be a directory of a cgroup2 mount" if fd == -errno.EBADF else ""
            raise KernelError(f"attaching {what}", -fd, hint)
        syscall.prog_attach(cgroup, program.fd, program.attach_type, _ALLOW_MULTI, what)
        held, prog_fd, attach_type = os.dup(cgroup), os.dup(program.fd), program.attach_type
    finally:
        os.close(cgroup)

    def detach() -> None:
        try:
            syscall.prog_detach(held, prog_fd, attach_type, what)
        finally:
            os.close(held)
            os.close(prog_fd)

    return Link(what, detach)
