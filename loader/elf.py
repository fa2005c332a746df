"""Reading 64-bit ELF files: BPF objects, and a kernel image for its BTF.

Small and fast on purpose: pyelftools needs about 40 times as long for a 3 KB object.
Every offset and size is checked before use.
"""

from __future__ import annotations

import struct

from .errors import ObjectError
from .lean import TYPE_CHECKING, NamedTuple
from .long_strings import LONG, LongStrings

if TYPE_CHECKING:
    from collections.abc import Iterator
    from mmap import mmap
    from typing import Literal

    ByteOrder = Literal["<", ">"]


EM_NONE = 0
EM_BPF = 247
ET_REL = 1

SHT_PROGBITS = 1
SHT_SYMTAB = 2
SHT_NOBITS = 8
SHT_REL = 9
SHF_EXECINSTR = 4

SHN_UNDEF = 0
SHN_LORESERVE = 0xFF00
SHN_XINDEX = 0xFFFF

STB_LOCAL, STB_GLOBAL, STB_WEAK = 0, 1, 2
STT_NOTYPE, STT_OBJECT, STT_FUNC, STT_SECTION = 0, 1, 2, 3
STV_INTERNAL, STV_HIDDEN = 1, 2

HEADER = struct.calcsize("<16sHHIQQQIHHHHHH")
SECTION_HEADER = struct.calcsize("<IIQQQQIIQQ")
SYMBOL = struct.calcsize("<IBBHQQ")
RELOCATION = struct.calcsize("<QQ")


class Section(NamedTuple):
    """One section header; `offset` and `size` lie in the file unless the type is SHT_NOBITS."""

    number: int
    name: str
    type: int
    flags: int
    offset: int
    size: int
    link: int
    info: int
    entry_size: int
    address: int = 0
    """Where it lies in the memory of a running program; 0 for what is not there."""


class Symbol(NamedTuple):
    """One symbol; `section` is a section index or a reserved number."""

    name: str
    value: int
    size: int
    type: int
    bind: int
    visibility: int
    section: int

    @property
    def is_global(self) -> bool:
        """Global or weak."""
        return self.bind != STB_LOCAL


class Relocation(NamedTuple):
    """One SHT_REL entry: where in the section, which symbol, relocation type."""

    offset: int
    symbol: Symbol
    type: int


class ElfFile:
    """A 64-bit ELF file. Raises ObjectError for anything malformed."""

    def __init__(self, data: bytes | mmap, name: str) -> None:
        self.name = name
        self._data = data
        self.byte_order: ByteOrder = self._identify()
        self.type, self.machine, sections_at, count, names_index = self._header()
        self.sections = self._read_sections(sections_at, count, names_index)
        self._by_name = {section.name: section for section in reversed(self.sections)}
        self._symbols: list[Symbol] | None = None
        self._symbols_by_type: dict[int, list[Symbol]] | None = None

    def _identify(self) -> ByteOrder:
        data = self._data
        if not data:
            raise ObjectError(self.name, "", "the file is empty")
        if data[:4] != b"\x7fELF":
            raise ObjectError(self.name, "", "this is no ELF file")
        if len(data) < HEADER:
            raise ObjectError(self.name, "", f"cut off within the ELF header ({len(data)} of {HEADER} bytes)")
        if data[4] != 2:
            raise ObjectError(self.name, "", "this is no 64-bit ELF file")
        if data[5] not in (1, 2):
            raise ObjectError(self.name, "", f"ELF byte order {data[5]} is not known")
        return "<" if data[5] == 1 else ">"

    def require_bpf(self) -> None:
        """Raise ObjectError unless this is a relocatable file for BPF."""
        if self.type != ET_REL:
            raise ObjectError(self.name, "", f"ELF type {self.type} is not relocatable; compile with -c")
        # EM_NONE: early compilers had no number for BPF yet.
        if self.machine not in (EM_BPF, EM_NONE):
            raise ObjectError(
                self.name,
                "",
                f"compiled for ELF machine {self.machine}, not for BPF ({EM_BPF}); use clang -target bpf",
            )

    def _header(self) -> tuple[int, int, int, int, int]:
        """Type, machine, offset of the section headers, their number, the index of the names' section."""
        kind, machine, _, _, _, at, _, _, _, _, entry_size, count, names = struct.unpack_from(
            self.byte_order + "HHIQQQIHHHHHH", self._data, 16
        )
        if not at:
            raise ObjectError(self.name, "", "no section headers")
        if entry_size != SECTION_HEADER:
            raise ObjectError(self.name, "", f"section headers of {entry_size} bytes, not {SECTION_HEADER}")
        if at + SECTION_HEADER > len(self._data):
            raise ObjectError(self.name, "", f"section headers at {at} lie outside the file; is it cut off?")
        # More sections than 16 bits can count: the numbers are in section 0.
        if count == 0 or names == SHN_XINDEX:
            _, _, _, _, _, size, link, _, _, _ = struct.unpack_from(
                self.byte_order + "IIQQQQIIQQ", self._data, at
            )
            count = count or size
            names = link if names == SHN_XINDEX else names
        if at + count * SECTION_HEADER > len(self._data):
            raise ObjectError(
                self.name, "", f"{count} section headers at {at} reach beyond the file; is it cut off?"
            )
        return kind, machine, at, count, names

    def _read_sections(self, at: int, count: int, names_index: int) -> list[Section]:
        headers = struct.Struct(self.byte_order + "IIQQQQIIQQ")
        rows = list(headers.iter_unpack(self._data[at : at + count * SECTION_HEADER]))
        if names_index >= count:
            raise ObjectError(self.name, "", f"section names are in section {names_index} of {count}")
        table = self._bytes(rows[names_index][4], rows[names_index][5], "section names")
        names = self._names(table, [row[0] for row in rows], "name of section")
        self._check_places(rows, names)
        sections = []
        for number, row in enumerate(rows):
            _, kind, flags, address, offset, size, link, info, _, entry_size = row
            # What Section() does, in a third of the time.
            fields = number, names[number], kind, flags, offset, size, link, info, entry_size, address
            sections.append(tuple.__new__(Section, fields))
        return sections

    def _check_places(self, rows: list[tuple[int, ...]], names: list[str]) -> None:
        """Every section must lie in the file, and all of them together."""
        # Were every section the whole file, reading them would take the square of its size.
        room = end = len(self._data)
        for number, row in enumerate(rows):
            offset, size = row[4], row[5]
            if row[1] == SHT_NOBITS or not number:
                continue
            if offset + size > end:
                problem = f"bytes {offset}+{size} reach beyond the file ({end} bytes)"
                raise ObjectError(self.name, names[number], problem)
            room -= size
            if room < 0:
                problem = "sections overlap: together they exceed the file"
                raise ObjectError(self.name, names[number], problem)

    def _names(self, table: bytes, offsets: list[int], what: str) -> list[str]:
        """The strings at the offsets in a string table; `what` they are names them in errors."""
        find, known, names = table.find, LongStrings(len(table)), []
        for number, at in enumerate(offsets):
            length = find(0, at) - at if at else 0
            if 0 <= length < LONG:
                names.append(table[at : at + length].decode("utf-8", "replace"))
            else:
                names.append(self._long_name(f"{what} {number}", at, table, known))
        return names

    def _long_name(self, what: str, at: int, table: bytes, known: LongStrings) -> str:
        """A name of a length that no compiler writes, or none at all; `what` it is names it in errors."""
        end = table.find(0, at)
        if end < 0:
            raise ObjectError(
                self.name, "", f"{what} at {at} lies outside its string table ({len(table)} bytes)"
            )
        text = known.decode(at, table[at:end])
        if text is None:
            raise ObjectError(self.name, "", f"{what}: long strings overlap, which no compiler makes")
        return text

    def section(self, name: str) -> Section | None:
        """The first section of that name."""
        return self._by_name.get(name)

    def contents(self, section: Section) -> bytes:
        """The bytes of a section; none for SHT_NOBITS, which has only a size."""
        if section.type == SHT_NOBITS:
            return b""
        return self._data[section.offset : section.offset + section.size]

    @property
    def symbols(self) -> list[Symbol]:
        """The symbol table; empty if there is none."""
        if self._symbols is None:
            self._symbols = self._read_symbols()
        return self._symbols

    def _read_symbols(self) -> list[Symbol]:
        section = next((section for section in self.sections if section.type == SHT_SYMTAB), None)
        if section is None:
            return []
        if section.size % SYMBOL:
            raise ObjectError(self.name, section.name, f"{section.size} bytes are no whole number of symbols")
        if section.link >= len(self.sections):
            raise ObjectError(
                self.name, section.name, f"symbol names are in section {section.link}, which is missing"
            )
        symbols, sections = [], self.sections
        rows = list(struct.iter_unpack(self.byte_order + "IBBHQQ", self.contents(section)))
        table = self.contents(sections[section.link])
        names = self._names(table, [row[0] for row in rows], "name of symbol")
        for number, (_, info, other, home, value, size) in enumerate(rows):
            name = names[number]
            if len(sections) <= home < SHN_LORESERVE:
                raise ObjectError(
                    self.name,
                    section.name,
                    f"symbol {number} ('{name}') is in section {home}, which is missing",
                )
            kind = info & 0xF
            if kind == STT_SECTION and not name and home < SHN_LORESERVE:
                name = sections[home].name
            fields = name, value, size, kind, info >> 4, other & 3, home
            symbols.append(tuple.__new__(Symbol, fields))
        return symbols

    def symbols_of(self, kind: int) -> list[Symbol]:
        """The symbols of one type (``STT_*``)."""
        if self._symbols_by_type is None:
            by_type: dict[int, list[Symbol]] = {}
            for symbol in self.symbols:
                by_type.setdefault(symbol.type, []).append(symbol)
            self._symbols_by_type = by_type
        return self._symbols_by_type.get(kind, [])

    def relocations(self, section: Section) -> Iterator[Relocation]:
        """The entries of an SHT_REL section."""
        if section.entry_size != RELOCATION or section.size % RELOCATION:
            raise ObjectError(
                self.name,
                section.name,
                f"{section.size} bytes of relocations are not {RELOCATION} bytes each ({section.entry_size})",
            )
        symbols = self.symbols
        rows = struct.iter_unpack(self.byte_order + "QQ", self.contents(section))
        for number, (offset, info) in enumerate(rows):
            index = info >> 32
            if index >= len(symbols):
                raise ObjectError(
                    self.name, section.name, f"relocation {number} names symbol {index} of {len(symbols)}"
                )
            yield Relocation(offset, symbols[index], info & 0xFFFFFFFF)

    def _bytes(self, offset: int, size: int, what: str) -> bytes:
        if offset + size > len(self._data):
            raise ObjectError(
                self.name, "", f"{what} at {offset}+{size} reach beyond the file ({len(self._data)} bytes)"
            )
        return self._data[offset : offset + size]
