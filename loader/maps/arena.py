"""Arenas (6.9): memory that programs and user space share by address, with variables in it."""

from __future__ import annotations

import errno
import os
from mmap import MAP_SHARED, PAGESIZE, PROT_READ, PROT_WRITE, mmap

from .. import insn as bpf
from .. import syscall
from ..enums import MapType, ProgType
from ..errors import KernelError
from ..lean import NATIVE, TYPE_CHECKING
from .map import Map

if TYPE_CHECKING:
    from ..spec import MapSpec
    from .memory import Memory

_FAR = 1 << 30
"""An offset behind what older kernels take in the load of a map value's address (1 << 29)."""
_EXIT = 0x95


class ArenaMap(Map):
    """An arena, mapped into this process as long as the map is open.

    Programs only load once it is mapped: the first mapping decides at which address it
    is, unless the object does (`map_extra`).
    """

    address: int = 0
    """Where it has to be mapped; 0 for anywhere."""

    @property
    def size(self) -> int:
        """In bytes."""
        return self.max_entries * PAGESIZE

    def memory(self) -> Memory:
        """All of it. Pages come into being when they are touched. Raises KernelError."""
        if self._memory is None:
            try:
                if self.address:
                    from .memory import FixedMemory  # here, for ctypes, which few need

                    self._memory = FixedMemory(self.fd, self.size, self.address)
                else:
                    self._memory = mmap(self.fd, self.size, MAP_SHARED, PROT_READ | PROT_WRITE)
            except OSError as error:
                where = f" at {self.address:#x}" if self.address else ""
                number = error.errno or 0
                raise KernelError(f"arena '{self.name}': mapping into memory{where}", number) from None
        return self._memory


def create_arena(spec: MapSpec, offset: int) -> ArenaMap:
    """Create an arena, map it, and put its variables at `offset`. Raises KernelError."""
    contents = spec.contents or b""
    if len(contents) > spec.max_entries * PAGESIZE:
        raise _error(spec, errno.E2BIG, f"its variables ({len(contents)} bytes) do not fit in")
    try:
        fd = syscall.map_create(
            spec.type, 0, 0, spec.max_entries, spec.flags, name=spec.name, map_extra=spec.map_extra
        )
    except KernelError as error:
        hint = "arenas need 6.9" if error.errno == errno.EINVAL else error.hint
        raise _error(spec, error.errno, hint) from None
    arena = ArenaMap(fd, spec.name, spec.type, 0, 0, spec.max_entries, spec.flags)
    arena.address = spec.map_extra
    try:
        memory = arena.memory()
        memory[offset : offset + len(contents)] = contents
    except BaseException:
        arena.close()
        raise
    return arena


def _error(spec: MapSpec, number: int, hint: str) -> KernelError:
    return KernelError(f"creating map '{spec.name}' (ARENA)", number, hint)


def variables_offset(spec: MapSpec) -> int:
    """Where in an arena its variables go: libbpf's choice, so that both make the same instructions.

    That is the last pages, where the kernel takes any offset in a program; else the first.
    Raises KernelError.
    """
    size = len(spec.contents or b"")
    if not size or not _takes_any_offset():
        return 0
    pages = -(-size // PAGESIZE)
    return max(spec.max_entries - pages, 0) * PAGESIZE


def _takes_any_offset() -> bool:
    """Whether a far offset is refused only for being outside the map (12a1fe6e12db). Raises KernelError."""
    table = syscall.map_create(MapType.ARRAY, 4, 1, 1)
    try:
        insns = bpf.Insn(bpf.LD_IMM64, 1, bpf.PSEUDO_MAP_VALUE, 0, table).pack(NATIVE)
        insns += bpf.Insn(0, 0, 0, 0, _FAR).pack(NATIVE) + bpf.Insn(_EXIT, 0, 0, 0, 0).pack(NATIVE)
        log = bytearray(4096)
        fd = syscall.prog_load(ProgType.SOCKET_FILTER, insns, b"GPL\0", log=log, log_level=1)
        if fd >= 0:  # no kernel is known to; it would take any offset
            os.close(fd)
        return b"direct value offset of" not in log
    finally:
        os.close(table)
