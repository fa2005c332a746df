"""Reading the tables of places that a program jumps to indirectly (clang 22 with -mcpu=v4; kernel 6.19)."""

from __future__ import annotations

import struct

from .. import insn as bpf
from ..lean import TYPE_CHECKING
from . import JumpTable
from .file import JUMP_TABLES

if TYPE_CHECKING:
    from ..elf import Section, Symbol
    from . import Function
    from .file import ObjectFile

_ENTRY = 8
_SHARED = 4
"""How often, on average, an entry may be part of different tables; compilers share none."""


class JumpTableReader:
    """Reads tables out of the section ``.jumptables``: offsets in the section of the code, 8 bytes each."""

    def __init__(self, file: ObjectFile, section: Section) -> None:
        self._file = file
        self._data = file.elf.contents(section)
        self._left = _SHARED * len(self._data)

    def read(self, function: Function, index: int, start: int, symbol: Symbol) -> JumpTable:
        """The table that instruction `index` of a function loads; the function starts at `start`.

        Raises ObjectError.
        """
        offset, size = symbol.value, symbol.size
        where = f"function '{function.name}': instruction {index}: table '{symbol.name}' ({offset}+{size})"
        if not size or offset % _ENTRY or size % _ENTRY or offset + size > len(self._data):
            raise self._file.error(
                JUMP_TABLES, f"{where} is no part of the section's {len(self._data)} bytes"
            )
        self._left -= size
        if self._left < 0:
            raise self._file.error(JUMP_TABLES, "tables overlap, which no compiler makes")
        places = struct.unpack_from(f"{self._file.elf.byte_order}{size // _ENTRY}Q", self._data, offset)
        end = start + len(function.insns)
        for place in places:
            if not start <= place < end or place % bpf.SIZE:
                raise self._file.error(JUMP_TABLES, f"{where} leads to {place}, which is not in the function")
        return JumpTable(index, offset, tuple([(place - start) // bpf.SIZE for place in places]))
