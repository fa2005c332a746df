"""The .BTF.ext section: function info, line info and CO-RE relocations, by section and offset."""

from __future__ import annotations

from ..lean import NATIVE, TYPE_CHECKING, NamedTuple, PlainData, as_words, field
from ..native import native
from . import Btf
from .table import u32_room

if TYPE_CHECKING:
    from collections.abc import Sequence

    LineInfo = tuple[int, int, int, int]
    """One source line as the kernel takes it: instruction, file name, text, line << 10 | column.

    Name and text are offsets into the BTF's strings.
    """

    Block = tuple[int, int, list[int]]
    """One part's records of one section: which part, the name of the section (an offset into the
    strings) and the numbers of the records, one behind the other."""

FUNCTIONS, LINES, RELOCATIONS = range(3)
"""The parts."""


class CoreRelocation(NamedTuple):
    """One CO-RE relocation as clang wrote it."""

    kind: int
    """enum bpf_core_relo_kind, 0…12."""
    type_id: int
    """The local root type."""
    access: str
    """The access string, for example ``0:5:1``; for an enumerator its index."""


class BtfExt(PlainData):
    """What .BTF.ext says, by ELF section name; every record has its byte offset in that section."""

    functions: dict[str, dict[int, int]] = field(default_factory=dict)
    """Offset → id of the FUNC."""
    lines: dict[str, list[int]] = field(default_factory=dict)
    """The four numbers of each `LineInfo`, one behind the other; the first is a byte offset here, by
    which they are sorted."""
    core: dict[str, list[tuple[int, CoreRelocation]]] = field(default_factory=dict)


def parse_ext(data: bytes, btf: Btf) -> BtfExt:
    """Read .BTF.ext of the object that `btf` belongs to. Raises BtfError."""
    blocks = _native_blocks(data) if btf.byte_order == NATIVE else None
    if blocks is None:
        from .ext_blocks import read_blocks  # here, as it says what is wrong, or does the unusual

        blocks = read_blocks(data, btf)
    ext = BtfExt()
    came_twice: set[str] = set()
    for part, name, numbers in blocks:
        section = btf.string(name)
        if part == FUNCTIONS:
            ids = ext.functions.setdefault(section, {})
            for at in range(0, len(numbers), 2):
                ids[numbers[at]] = numbers[at + 1]
        elif part == LINES:
            if section in ext.lines:
                came_twice.add(section)
                ext.lines[section] += numbers
            else:
                ext.lines[section] = numbers
        else:
            ext.core.setdefault(section, []).extend(
                (offset, CoreRelocation(kind, type_id, btf.string(access)))
                for offset, type_id, access, kind in line_rows(numbers)
            )
    for section in came_twice:
        ext.lines[section] = [number for line in sorted(line_rows(ext.lines[section])) for number in line]
    return ext


def _native_blocks(data: bytes) -> list[Block] | None:
    """None where anything is not as compilers make it."""
    words = as_words(memoryview(data)[: len(data) & ~3])
    room = u32_room(len(words))
    count = native.btf_ext(words, room)
    if count < 0:
        return None
    found = room[:count].tolist()
    blocks = []
    for at in range(0, count, 4):
        part, name, first, end = found[at : at + 4]
        blocks.append((part, name, words[first:end].tolist()))
    return blocks


def line_rows(words: Sequence[int]) -> list[LineInfo]:
    """The records whose numbers lie one behind the other."""
    return [*zip(words[::4], words[1::4], words[2::4], words[3::4], strict=True)]
