"""Iterators: a program that runs for each object of a kind and writes what is to be read.

    with obj.programs["dump_task"].attach_iterator(pid=os.getpid()) as link:
        print(link.read().decode())

``SEC("iter/TARGET")``, kernel 5.8. A pinned link is a file that anyone allowed may read.
"""

from __future__ import annotations

import errno
import os
from pathlib import Path
from struct import pack
from typing import TYPE_CHECKING, BinaryIO

from .. import syscall
from ..errors import KernelError, NotSupportedError, TargetError
from ..native import native
from ..syscall import Command
from .info import IteratorInfo
from .link import FdLink

if TYPE_CHECKING:
    from ..maps.map import Map
    from ..programs.program import Program

SELF_ONLY, DESCENDANTS_PRE, DESCENDANTS_POST, ANCESTORS_UP, CHILDREN = range(1, 6)
"""Orders of walking control groups (6.1; CHILDREN 7.0): BPF_CGROUP_ITER_*."""

_PART = 1 << 16
"""Bytes read at once."""


class IteratorLink(FdLink):
    """An iterator that can be run any number of times, side by side as well."""

    def open(self) -> BinaryIO:
        """A new run as a file to read; the program runs as it is read. Raises KernelError."""
        fd = native.bpf(Command.ITER_CREATE, bytearray(pack("=iI", self.fd, 0)))
        if fd < 0:
            raise KernelError(f"running {self.what}", -fd)
        return os.fdopen(fd, "rb", buffering=0)

    def read(self) -> bytes:
        """All that a run writes. Raises KernelError."""
        parts: list[bytes] = []
        with self.open() as run:
            while True:
                try:
                    part = os.read(run.fileno(), _PART)
                except BlockingIOError:
                    continue  # a million objects of which the program wrote nothing: there are more
                except OSError as error:
                    raise KernelError(f"reading {self.what}", error.errno or 0) from None
                if not part:
                    return b"".join(parts)
                parts.append(part)


def attach_iterator(
    program: Program,
    *,
    map: Map | None = None,
    tid: int = 0,
    pid: int = 0,
    pidfd: int = 0,
    cgroup: str | Path | None = None,
    order: int = 0,
) -> IteratorLink:
    """Attach to what the program iterates over, as its SEC() name says, or to a part of that.

    `map` is the one whose elements to visit: targets bpf_map_elem, sockmap and
    bpf_sk_storage_map must have it. Of tasks: the one thread `tid`, or the threads of
    process `pid` or `pidfd` (6.1). Of control groups: from `cgroup` on (none: the root)
    in an `order` (none: DESCENDANTS_PRE). Raises KernelError, NotSupportedError, TargetError.
    """
    what = f"program '{program.name}' to iterate over '{program.attach_to}'"
    directory = _open_directory(cgroup, what) if cgroup is not None else 0
    try:
        if program.attach_to == "cgroup":
            limits = pack("=IIQ", order or DESCENDANTS_PRE, directory, 0)
        elif map is not None:
            limits = pack("=i", map.fd)
        else:
            limits = pack("=III", tid, pid, pidfd) if tid or pid or pidfd else b""
        link = IteratorLink(what, _create(program, limits, what))
    finally:
        if directory:
            os.close(directory)
    try:
        _check_limits(link, map.id if map is not None else 0, tid)
    except BaseException:
        link.close()
        raise
    return link


def _open_directory(path: str | Path, what: str) -> int:
    try:
        return os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError as error:
        raise KernelError(f"attaching {what}, control group '{path}'", error.errno or 0) from None


def _create(program: Program, limits: bytes, what: str) -> int:
    options = pack("=QI", native.address(limits), len(limits))
    fd = syscall.link_create(program.fd, 0, program.attach_type, 0, options)
    if fd == -errno.E2BIG:
        raise NotSupportedError(f"limiting {what}", "kernel 6.1 (tasks and control groups)")
    if fd < 0:
        hint = "map elements, sockmap and storage need the map to iterate over" if fd == -errno.EINVAL else ""
        raise KernelError(f"attaching {what}", -fd, hint)
    return fd


def _check_limits(link: IteratorLink, map_id: int, tid: int) -> None:
    """Raises TargetError or NotSupportedError if the kernel took a limit for something else.

    Map and thread share their place in the request, and targets without limits look at none.
    """
    details = link.info().details if map_id or tid else None
    if not isinstance(details, IteratorInfo):
        return
    if map_id and details.map_id != map_id:
        raise TargetError(f"attaching {link.what}: that visits no map's elements")
    if tid and details.tid != tid:
        raise NotSupportedError(f"limiting {link.what} to a thread", "a target of tasks, and kernel 6.1")
