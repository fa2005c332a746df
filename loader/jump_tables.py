"""The maps in which the kernel keeps a program's jump tables (BPF_MAP_TYPE_INSN_ARRAY, 6.19)."""

from __future__ import annotations

import errno
import os
from struct import Struct

from . import syscall
from .enums import MapType
from .errors import KernelError
from .lean import TYPE_CHECKING
from .native import native

if TYPE_CHECKING:
    from .linker import LinkedProgram

_NAME = ".jumptables"
_KEY = Struct("=I")
_VALUE = Struct("=IIII")
"""struct bpf_insn_array_value: index as loaded; the other fields are the kernel's."""


class JumpTables:
    """The descriptors of one program's tables. Close it when all is loaded: the program keeps its maps."""

    def __init__(self, linked: LinkedProgram) -> None:
        """Raises KernelError; the hint says so where the kernel is too old."""
        self.fds: dict[int, int] = {}
        """By the table's offset in its section."""
        try:
            for table in linked.jump_tables:
                if table.offset not in self.fds:
                    self.fds[table.offset] = _create(len(table.targets))
                    _fill(self.fds[table.offset], table.targets)
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Give all descriptors up."""
        while self.fds:
            os.close(self.fds.popitem()[1])


def _create(entries: int) -> int:
    try:
        return syscall.map_create(MapType.INSN_ARRAY, _KEY.size, _VALUE.size, entries, name=_NAME)
    except KernelError as error:
        hint = "indirect jumps need 6.19" if error.errno == errno.EINVAL else error.hint
        raise KernelError("making a jump table", error.errno, hint) from error


def _fill(fd: int, targets: tuple[int, ...]) -> None:
    for number, target in enumerate(targets):
        result = native.update(fd, _KEY.pack(number), _VALUE.pack(target, 0, 0, 0))
        if result < 0:
            raise KernelError(f"filling a jump table: entry {number}", -result)
    syscall.map_freeze(fd, _NAME)
