"""Which kind of BPF object a file descriptor is of: a pin and an ID do not tell."""

from __future__ import annotations

import errno
import os
from pathlib import Path

from . import syscall
from .errors import KernelError
from .syscall import Command

_KINDS = {
    "anon_inode:bpf-map": "map",
    "anon_inode:bpf-prog": "program",
    "anon_inode:bpf_link": "link",
    # Opened by ID or from a pin.
    "anon_inode:bpf-link": "link",
    "anon_inode:bpf_iter": "iterator",
    "anon_inode:btf": "BTF",
}

_BY_ID = {
    "map": Command.MAP_GET_FD_BY_ID,
    "program": Command.PROG_GET_FD_BY_ID,
    "link": Command.LINK_GET_FD_BY_ID,
    "BTF": Command.BTF_GET_FD_BY_ID,
}


def kind_of(fd: int) -> str:
    """``map``, ``program``, ``link``, ``iterator`` or ``BTF``; empty for anything else."""
    target = str(Path(f"/proc/self/fd/{fd}").readlink())
    # Links to raw tracepoints and tracing programs have a name of their own before 5.8.
    return "link" if target == "anon_inode:bpf-raw-tracepoint" else _KINDS.get(target, "")


def open_pin(path: str, kind: str) -> int:
    """A descriptor of what is pinned at a path, which must be of a kind. Raises KernelError."""
    fd = syscall.obj_get(path)
    found = kind_of(fd)
    if found == kind:
        return fd
    os.close(fd)
    raise KernelError(f"opening pin '{path}'", errno.EINVAL, f"it is a {found or 'stranger'}, not a {kind}")


def open_id(number: int, kind: str) -> int:
    """A descriptor of what has an ID. Raises KernelError (ENOENT: nothing has it, or not any more)."""
    fd = syscall.fd_by_id(_BY_ID[kind], number)
    if fd < 0:
        hint = syscall.permission_hint() if fd == -errno.EPERM else ""
        raise KernelError(f"opening {kind} {number}", -fd, hint)
    return fd
