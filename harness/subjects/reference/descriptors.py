"""Descriptors of other processes: how a check gives a subject its sockets, files and processes."""

from __future__ import annotations

import ctypes
import os
from collections.abc import Iterator
from contextlib import contextmanager

from ....loader import KernelError
from .requests import Request

_SYS_PIDFD_GETFD = 438
"""The same on every architecture."""


@contextmanager
def descriptor_of(where: Request) -> Iterator[int]:
    """What a process has under a descriptor, as one of ours (pidfd_getfd, 5.6). Raises KernelError."""
    pid, number = where.number("pid"), where.number("fd")
    action = f"taking descriptor {number} of process {pid}"
    try:
        process = os.pidfd_open(pid)
    except OSError as error:
        raise KernelError(action, error.errno or 0) from None
    try:
        libc = ctypes.CDLL(None, use_errno=True)
        fd = libc.syscall(_SYS_PIDFD_GETFD, process, number, 0)
        if fd < 0:
            raise KernelError(action, ctypes.get_errno())
    finally:
        os.close(process)
    try:
        yield fd
    finally:
        os.close(fd)
