"""The .BTF.ext section: function info, line info and CO-RE relocations, by section and offset."""

from __future__ import annotations

from ..errors import BtfError
from ..lean import TYPE_CHECKING, NamedTuple, PlainData, field, read_numbers, struct
from . import MAGIC, Btf

if TYPE_CHECKING:
    from collections.abc import Sequence

    LineInfo = tuple[int, int, int, int]
    """One source line as the kernel takes it: instruction, file name, text, line << 10 | column.

    Name and text are offsets into the BTF's strings.
    """

HEADER_SIZE = 24
"""Up to line info; with CO-RE relocations it has 32 bytes."""


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
    """The four numbers of each `LineInfo`, one behind the other; the first is a byte offset here."""
    core: dict[str, list[tuple[int, CoreRelocation]]] = field(default_factory=dict)


def parse_ext(data: bytes, btf: Btf) -> BtfExt:
    """Read .BTF.ext of the object that `btf` belongs to. Raises BtfError."""
    order = btf.byte_order
    if len(data) < HEADER_SIZE:
        raise BtfError(f".BTF.ext is too short for its header ({len(data)} bytes)")
    magic, version, _, header_size, functions_at, functions_size, lines_at, lines_size = struct.unpack_from(
        order + "HBBIIIII", data
    )
    if magic != MAGIC:
        raise BtfError(f".BTF.ext has the magic number {magic:#x}, not {MAGIC:#x}")
    if version != 1:
        raise BtfError(f".BTF.ext version {version} is not known")
    if not HEADER_SIZE <= header_size <= len(data):
        raise BtfError(f".BTF.ext header has {header_size} bytes of {len(data)}")
    core_at, core_size = struct.unpack_from(order + "II", data, 24) if header_size >= 32 else (0, 0)
    if (header_size | functions_at | lines_at | core_at) % 4:
        raise BtfError(".BTF.ext has parts that do not start at a multiple of 4 bytes")
    # It is all numbers of 32 bits.
    body = read_numbers("I", data, header_size, (len(data) - header_size) & ~3, order).tolist()
    ext = BtfExt()
    if functions_size:
        for section, numbers in _blocks(body, "func_info", functions_at, functions_size, 2, btf):
            ext.functions.setdefault(section, {}).update(zip(numbers[::2], numbers[1::2], strict=True))
    if lines_size:
        for section, numbers in _blocks(body, "line_info", lines_at, lines_size, 4, btf):
            ext.lines.setdefault(section, []).extend(numbers)
    if core_size:
        for section, numbers in _blocks(body, "core_relo", core_at, core_size, 4, btf):
            ext.core.setdefault(section, []).extend(
                (offset, CoreRelocation(kind, type_id, btf.string(access)))
                for offset, type_id, access, kind in line_rows(numbers)
            )
    return ext


def line_rows(words: Sequence[int]) -> list[LineInfo]:
    """The records whose numbers lie one behind the other."""
    return [*zip(words[::4], words[1::4], words[2::4], words[3::4], strict=True)]


def _blocks(
    body: list[int], what: str, start: int, size: int, width: int, btf: Btf
) -> list[tuple[str, list[int]]]:
    """The numbers of the records of one of the three parts, `width` of each, by the name of their section."""
    at, end = start // 4, (start + size) // 4
    if end > len(body) or size < 4:
        raise BtfError(f".BTF.ext {what} ({start}+{size}) exceeds the data ({4 * len(body)} bytes)")
    row_size = body[at]
    if row_size < 4 * width or row_size % 4:
        raise BtfError(f".BTF.ext {what} has records of {row_size} bytes; expected {4 * width}")
    if row_size > size:
        raise BtfError(f".BTF.ext {what} has records of {row_size} bytes in {size}")
    row, at = row_size // 4, at + 1
    blocks: list[tuple[str, list[int]]] = []
    while at < end:
        if at + 2 > end:
            raise BtfError(f".BTF.ext {what} is cut off at {4 * at}")
        name, count = body[at], body[at + 1]
        first, at = at + 2, at + 2 + count * row
        if at > end:
            problem = f"{count} records at {4 * first} exceeds its {size} bytes"
            raise BtfError(f".BTF.ext {what} of {problem}")
        numbers = body[first:at]
        if row > width:  # by a newer compiler; what is behind the records is passed over
            numbers = [number for one in range(0, len(numbers), row) for number in numbers[one : one + width]]
        blocks.append((btf.string(name), numbers))
    return blocks
