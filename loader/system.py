"""Every BPF object of the system, whoever made it: by ID, or opened one after the other.

for program in system.programs():
    print(program.info())
"""

from __future__ import annotations

import errno
from collections.abc import Iterator
from typing import TYPE_CHECKING, TypeVar

from . import syscall
from .errors import KernelError
from .syscall import Command

if TYPE_CHECKING:
    from collections.abc import Callable

    from .links.link import FdLink
    from .maps.map import Map
    from .programs.program import Program

_Opened = TypeVar("_Opened", "Program", "Map", "FdLink")


def program_ids() -> Iterator[int]:
    """IDs of all programs, rising (4.13). Raises KernelError, as all of these do."""
    return _ids(Command.PROG_GET_NEXT_ID)


def map_ids() -> Iterator[int]:
    """IDs of all maps (4.13)."""
    return _ids(Command.MAP_GET_NEXT_ID)


def link_ids() -> Iterator[int]:
    """IDs of all bpf_links (5.8)."""
    return _ids(Command.LINK_GET_NEXT_ID)


def btf_ids() -> Iterator[int]:
    """IDs of all BTF: vmlinux's and modules' (5.11), and that of programs and maps (5.4)."""
    return _ids(Command.BTF_GET_NEXT_ID)


def programs() -> Iterator[Program]:
    """All programs, each closed when the next is asked for: `Program.from_id` gives one to keep."""
    from .programs.program import Program

    return _opened(program_ids(), Program.from_id)


def maps() -> Iterator[Map]:
    """All maps, each closed when the next is asked for."""
    from .maps.map import Map

    return _opened(map_ids(), Map.from_id)


def links() -> Iterator[FdLink]:
    """All bpf_links, each closed when the next is asked for."""
    from .links.link import Link

    return _opened(link_ids(), Link.from_id)


def _ids(command: Command) -> Iterator[int]:
    number = syscall.next_id(command, 0)
    while number is not None:
        yield number
        number = syscall.next_id(command, number)


def _opened(ids: Iterator[int], open_one: Callable[[int], _Opened]) -> Iterator[_Opened]:
    for number in ids:
        try:
            one = open_one(number)
        except KernelError as error:
            if error.errno == errno.ENOENT:
                continue  # it has gone meanwhile
            raise
        with one:
            yield one
