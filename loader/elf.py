"""Reading 64-bit ELF files: BPF objects, and a kernel image for its BTF.

Small and fast on purpose: pyelftools needs about 40 times as long for a 3 KB object.
Every offset and size is checked before use.
"""

from __future__ import annotations

from .errors import ObjectError
from .lean import TYPE_CHECKING, NamedTuple, struct
from .string_table import ElfStrings

if TYPE_CHECKING:
    from collections.abc import Container, Iterator
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
INFO, OTHER = 4, 5
"""Where type and binding, and the visibility, are in a symbol."""
RELOCATION = struct.calcsize("<QQ")


# Made with tuple.__new__ below, in a third of the time that Section() takes.


class Section(NamedTuple):
    """One section header; `offset` and `size` lie in the file unless the type is SHT_NOBITS."""

    number: int
    name: str
    name_offset: int
    type: int
    flags: int
    address: int
    """Where it lies in the memory of a running program; 0 for what is not there."""
    offset: int
    size: int
    link: int
    info: int
    alignment: int
    entry_size: int


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

    @property
    def is_extern(self) -> bool:
        """Whether it is used here and defined elsewhere: the kernel has to provide it."""
        undefined = self.section == SHN_UNDEF and self.type == STT_NOTYPE
        return undefined and self.bind != STB_LOCAL and self.name != ""


class Relocation(NamedTuple):
    """One SHT_REL entry: where in the section, which symbol, relocation type."""

    offset: int
    symbol: Symbol
    type: int


class _SymbolTable(NamedTuple):
    """The symbols as they are in the file."""

    section: str
    total: int
    rows: bytes
    infos: bytes
    """st_info of each: binding << 4 | type."""
    names: ElfStrings


class ElfFile:
    """A 64-bit ELF file. Raises ObjectError for anything malformed."""

    def __init__(self, data: bytes | mmap, name: str) -> None:
        self.name = name
        self._data = data
        self.byte_order: ByteOrder = self._identify()
        self.type, self.machine, sections_at, count, names_index = self._header()
        self._headers = self._read_headers(sections_at, count, names_index)
        columns = zip(*self._headers, strict=True)
        names, self._types, _, _, self._offsets, self._sizes, _, self._infos, _, _ = columns
        self._section_names = self._read_names(names, self._headers[names_index])
        self._check_places()
        # Most sections are debug information, most symbols too: only what is asked for becomes an object.
        self._sections: dict[int, Section] = {}
        self._by_name = dict(zip(reversed(self._section_names), range(count - 1, -1, -1), strict=True))
        self._symbol_table: _SymbolTable | None = None
        self._symbol_fields = struct.Struct(self.byte_order + "IBBHQQ")
        self._symbols: dict[int, Symbol] = {}
        self._symbols_of: dict[int, list[Symbol]] = {}

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

    def _read_headers(self, at: int, count: int, names_index: int) -> list[tuple[int, ...]]:
        """The section headers as they are in the file."""
        if names_index >= count:
            raise ObjectError(self.name, "", f"section names are in section {names_index} of {count}")
        headers = self._data[at : at + count * SECTION_HEADER]
        return [*struct.iter_unpack(self.byte_order + "IIQQQQIIQQ", headers)]

    def _read_names(self, offsets: tuple[int, ...], header: tuple[int, ...]) -> list[str]:
        """The names of all sections, which are at these offsets of the section with this header."""
        _, _, _, _, offset, size, _, _, _, _ = header
        if offset + size > len(self._data):
            problem = f"section names at {offset}+{size} reach beyond the file ({len(self._data)} bytes)"
            raise ObjectError(self.name, "", problem)
        return ElfStrings(self._data[offset : offset + size], self.name).many(offsets, "name of section")

    def _check_places(self) -> None:
        """Every section must lie in the file, and all of them together."""
        end = len(self._data)
        # At once for most files; not for those whose .bss, which takes no room, is larger than they are.
        if sum(self._sizes) <= end and max(map(int.__add__, self._offsets, self._sizes)) <= end:
            return
        # Were every section the whole file, reading them would take the square of its size.
        room = end
        for _, kind, _, _, offset, size, _, _, _, _ in self._headers[1:]:
            if kind != SHT_NOBITS:
                room -= size
                if room < 0 or offset + size > end:
                    raise self._misplaced()

    def _misplaced(self) -> ObjectError:
        """What is wrong with the places of the sections."""
        end = len(self._data)
        for row, name in zip(self._headers[1:], self._section_names[1:], strict=True):
            if row[1] != SHT_NOBITS and row[4] + row[5] > end:
                problem = f"bytes {row[4]}+{row[5]} reach beyond the file ({end} bytes)"
                return ObjectError(self.name, name, problem)
        return ObjectError(self.name, "", "sections overlap: together they exceed the file")

    @property
    def sections(self) -> list[Section]:
        """All sections, by number."""
        return [self.section_at(number) for number in range(len(self._headers))]

    def section_at(self, number: int) -> Section:
        """The section of a number that there is."""
        found = self._sections.get(number)
        if found is None:
            fields = number, self._section_names[number], *self._headers[number]
            found = self._sections[number] = tuple.__new__(Section, fields)
        return found

    def section_of(self, symbol: Symbol) -> Section | None:
        """The section a symbol lies in; None for undefined, absolute and common ones."""
        return self.section_at(symbol.section) if 0 < symbol.section < len(self._headers) else None

    def section(self, name: str) -> Section | None:
        """The first section of that name."""
        number = self._by_name.get(name)
        return None if number is None else self.section_at(number)

    def has(self, *names: str) -> bool:
        """Whether there is a section of one of these names."""
        return not self._by_name.keys().isdisjoint(names)

    def sections_named(self, beginnings: tuple[str, ...]) -> list[Section]:
        """Those whose names begin so, by number."""
        names = enumerate(self._section_names)
        return [self.section_at(number) for number, name in names if name.startswith(beginnings)]

    def relocations_of(self, targets: Container[int]) -> list[Section]:
        """The SHT_REL sections that are for one of the sections with these numbers."""
        infos = self._infos
        numbers = [number for number, kind in enumerate(self._types) if kind == SHT_REL]
        return [self.section_at(number) for number in numbers if infos[number] in targets]

    def contents(self, section: Section) -> bytes:
        """The bytes of a section; none for SHT_NOBITS, which has only a size."""
        if section.type == SHT_NOBITS:
            return b""
        return self._data[section.offset : section.offset + section.size]

    @property
    def symbols(self) -> list[Symbol]:
        """The symbol table; empty if there is none."""
        return [self.symbol_at(number) for number in range(self._table.total)]

    def symbols_of(self, kind: int) -> list[Symbol]:
        """The symbols of one type (``STT_*``)."""
        found = self._symbols_of.get(kind)
        if found is None:
            infos = enumerate(self._table.infos)
            found = [self.symbol_at(number) for number, info in infos if info & 0xF == kind]
            self._symbols_of[kind] = found
        return found

    @property
    def externs(self) -> list[Symbol]:
        """The symbols that are to be found elsewhere."""
        infos = self._table.infos
        if infos.find(STB_GLOBAL << 4) < 0 and infos.find(STB_WEAK << 4) < 0:
            return []
        return [symbol for symbol in self.symbols_of(STT_NOTYPE) if symbol.is_extern]

    @property
    def has_visibilities(self) -> bool:
        """Whether any symbol is of another visibility than the default one."""
        return any(self._table.rows[OTHER::SYMBOL])

    @property
    def _table(self) -> _SymbolTable:
        if self._symbol_table is None:
            self._symbol_table = self._read_symbol_table()
        return self._symbol_table

    def _read_symbol_table(self) -> _SymbolTable:
        if SHT_SYMTAB not in self._types:
            return _SymbolTable("", 0, b"", b"", ElfStrings(b"", self.name))
        section = self.section_at(self._types.index(SHT_SYMTAB))
        if section.size % SYMBOL:
            raise ObjectError(self.name, section.name, f"{section.size} bytes are no whole number of symbols")
        if section.link >= len(self._headers):
            raise ObjectError(
                self.name, section.name, f"symbol names are in section {section.link}, which is missing"
            )
        rows = self.contents(section)
        names = self.contents(self.section_at(section.link))
        infos = rows[INFO::SYMBOL]
        return _SymbolTable(section.name, len(infos), rows, infos, ElfStrings(names, self.name))

    def symbol_at(self, number: int) -> Symbol:
        """The symbol of a number that there is."""
        found = self._symbols.get(number)
        if found is not None:
            return found
        table = self._table
        name_at, info, other, home, value, size = self._symbol_fields.unpack_from(table.rows, number * SYMBOL)
        name, kind = table.names.one(name_at, "name of symbol", number), info & 0xF
        if home < SHN_LORESERVE:
            if home >= len(self._headers):
                problem = f"symbol {number} ('{name}') is in section {home}, which is missing"
                raise ObjectError(self.name, table.section, problem)
            if kind == STT_SECTION and not name:
                name = self._section_names[home]
        found = tuple.__new__(Symbol, (name, value, size, kind, info >> 4, other & 3, home))
        self._symbols[number] = found
        return found

    def relocations(self, section: Section) -> Iterator[Relocation]:
        """The entries of an SHT_REL section."""
        if section.entry_size != RELOCATION or section.size % RELOCATION:
            raise ObjectError(
                self.name,
                section.name,
                f"{section.size} bytes of relocations are not {RELOCATION} bytes each ({section.entry_size})",
            )
        count = self._table.total
        rows = struct.iter_unpack(self.byte_order + "QQ", self.contents(section))
        for number, (offset, info) in enumerate(rows):
            index = info >> 32
            if index >= count:
                raise ObjectError(
                    self.name, section.name, f"relocation {number} names symbol {index} of {count}"
                )
            yield tuple.__new__(Relocation, (offset, self.symbol_at(index), info & 0xFFFFFFFF))
