"""USDT: probes that a program or library declares, with arguments (``SEC("usdt/PATH:PROVIDER:NAME")``).

A uprobe at each place of the probe: by one link of all (6.6), else one by one. What programs read
their arguments by is filled in before: see usdt.specs.
"""

from __future__ import annotations

import errno
import os
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from ..elf_binary import ET_EXEC
from ..errors import KernelError, NotSupportedError, ObjectError
from ..usdt.arguments import parse_arguments
from ..usdt.notes import Probe, optimizable, read_probes
from .binary_file import BinaryFile, open_binary
from .link import FdLink, Link
from .perf_link import has_perf_link
from .uprobe import attach_at, thread_number
from .uprobe_multi import knows_link, link_places, refusal

if TYPE_CHECKING:
    from ..programs.program import Program
    from ..usdt.specs import SpecLayout

_SYS_UPROBE = 336


class _Place(NamedTuple):
    """Where a probe is; offsets are those in the file."""

    offset: int
    counter: int
    address: int | None
    """In a running program; None for a library, which may be loaded anywhere."""
    spec: bytes
    """What programs are told about its arguments."""


def attach_usdt(
    program: Program,
    path: str | Path,
    provider: str,
    name: str,
    *,
    pid: int | None = None,
    cookie: int = 0,
) -> Link:
    """Run a program whenever the probe is hit, with the semaphore counted up if it has one (4.20).

    The object must have been compiled with libbpf's usdt.bpf.h, by whose bpf_usdt_arg() programs
    read arguments, and `cookie` by bpf_usdt_cookie(). For `path` see links.uprobe; `pid` is one
    process (0: the calling one), before 6.6 one thread. Before 5.15 a library's probes need a
    `pid` that has loaded it. Raises KernelError, NotSupportedError, ObjectError.
    """
    what = f"program '{program.name}' to USDT probe '{provider}:{name}' of '{path}'"
    specs = program.usdt_specs
    if specs is None:
        problem = "the object lacks the maps through which arguments are found: include <bpf/usdt.bpf.h>"
        raise ObjectError(program.name, program.section, problem)
    with open_binary(path, f"attaching {what}") as opened:
        probes = _find(opened, provider, name, f"attaching {what}")
        places = [_place(opened, probe, specs.layout, cookie, f"attaching {what}") for probe in probes]
    with ExitStack() as undo:
        slots = specs.add_all([place.spec for place in places], what)
        undo.callback(specs.remove, slots.values())
        numbers = [slots[place.spec] for place in places]
        offsets, counters = [place.offset for place in places], [place.counter for place in places]
        fd = link_places(program, opened.path, offsets, counters, numbers, pid=pid)
        if fd >= 0:
            return UsdtLink(what, fd, undo.pop_all())
        if fd != -errno.EINVAL or knows_link(program):
            raise refusal(program, -fd, what)
        for place, number in zip(places, numbers, strict=True):
            _attach_one(program, opened.path, place, number, what, pid, undo)
        return Link(what, undo.pop_all().close)


class UsdtLink(FdLink):
    """A link to all places of a probe. What programs are told stays while it is pinned."""

    def __init__(self, what: str, fd: int, undo: ExitStack) -> None:
        super().__init__(what, fd)
        self._release = undo

    def close(self) -> None:
        """Give the descriptor up: the attachment ends, unless it is pinned."""
        super().close()
        if self.pinned is None:
            self._release.close()


def _find(opened: BinaryFile, provider: str, name: str, action: str) -> list[Probe]:
    every = list(read_probes(opened.binary))
    found = [probe for probe in every if (probe.provider, probe.name) == (provider, name)]
    if not found:
        others = list(dict.fromkeys(f"{probe.provider}:{probe.name}" for probe in every))
        has = f"it has {', '.join(others[:5])}{' …' if others[5:] else ''}" if others else "it has no probes"
        raise KernelError(action, errno.ENOENT, has)
    return found


def _place(opened: BinaryFile, probe: Probe, layout: SpecLayout, cookie: int, action: str) -> _Place:
    binary, start = opened.binary, opened.start
    try:
        spec = layout.encode(parse_arguments(probe.arguments, binary.machine), cookie)
    except ValueError as error:
        raise KernelError(action, errno.EINVAL, error.args[0]) from None
    further = optimizable(binary, probe.offset)
    if further and not _replaces_nops():
        further = 0
    address = probe.address + further if binary.type == ET_EXEC else None
    return _Place(start + probe.offset + further, probe.semaphore and start + probe.semaphore, address, spec)


def _replaces_nops() -> bool:
    """Whether the kernel puts calls in place of nops: then it has the system call that they end in (6.18)."""
    from ctypes import CDLL, get_errno

    return os.uname().machine == "x86_64" and (
        CDLL(None, use_errno=True).syscall(_SYS_UPROBE) == -1 and get_errno() == errno.ENXIO
    )


def _attach_one(
    program: Program, file: str, place: _Place, number: int, what: str, pid: int | None, undo: ExitStack
) -> None:
    """Attach to one place, and say which spec it has: by a cookie, before 5.15 by its address."""
    cookies = has_perf_link(program.fd)
    specs = program.usdt_specs
    if not cookies and specs is not None:
        address = place.address
        if address is None:
            address = _loaded_at(file, place.offset, pid, what)
        specs.add_address(address, number, what)
        undo.callback(specs.remove_address, address)
    cookie = number if cookies else 0
    link = attach_at(program, file, place.offset, what, pid=pid, ref_counter=place.counter, cookie=cookie)
    undo.enter_context(link)


def _loaded_at(file: str, offset: int, pid: int | None, what: str) -> int:
    """Where a process has an offset of a library in its memory. Raises KernelError, NotSupportedError."""
    if pid is None:
        raise NotSupportedError(f"attaching {what} for all processes", "kernel 5.15, or a pid")
    maps = Path(f"/proc/{thread_number(pid)}/maps")
    try:
        inode = Path(file).stat().st_ino
        for line in maps.read_text().splitlines():
            span, access, start, _, number, *_ = line.split()
            first, last = (int(each, 16) for each in span.split("-"))
            at = first + offset - int(start, 16)
            if int(number) == inode and "x" in access and first <= at < last:
                return at
    except OSError as error:
        raise KernelError(
            f"attaching {what}", error.errno or 0, f"'{error.filename}' cannot be read"
        ) from None
    raise KernelError(f"attaching {what}", errno.ESRCH, f"process {pid} has not loaded '{file}'")
