"""Reading 64-bit ELF files: BPF objects, and a kernel image for its BTF.

Small and fast on purpose: pyelftools needs about 40 times as long for a 3 KB object.
Every offset and size is checked before use.
"""

from __future__ import annotations

from .errors import ObjectError
from .lean import TYPE_CHECKING, NamedTuple, struct
from .string_table import LONG, ElfStrings

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator
    from mmap import mmap

    from .insn import ByteOrder


MAGIC = b"\x7fELF"
_BYTE_ORDERS: dict[bytes, ByteOrder] = {MAGIC + b"\2\1": "<", MAGIC + b"\2\2": ">"}
"""Of 64-bit files, by how they begin."""

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
HIDDEN = (STV_HIDDEN, STV_INTERNAL)

HEADER = struct.calcsize("<16sHHIQQQIHHHHHH")
_HEADERS = {order: struct.Struct(order + "HHIQQQIHHHHHH") for order in "<>"}
"""What follows the first 16 bytes."""
SECTION_HEADER = struct.calcsize("<IIQQQQIIQQ")
_SECTION_HEADERS = {order: struct.Struct(order + "IIQQQQIIQQ") for order in "<>"}
_COLUMNS = {order: struct.Struct(order + "II16xQQII16x") for order in "<>"}
"""What is looked at of every section: name, type, offset, size, link, info."""
SYMBOL = struct.calcsize("<IBBHQQ")
_SYMBOLS = {order: struct.Struct(order + "IBBHQQ") for order in "<>"}
INFO, OTHER = 4, 5
"""Where type and binding, and the visibility, are in a symbol."""
FEW = 16
"""Sections that are sought one by one, each among all others."""
_TYPE_OF_INFO = bytes(range(16)) * 16
RELOCATION = struct.calcsize("<QQ")
_RELOCATIONS = {order: struct.Struct(order + "QQ") for order in "<>"}


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


def place_of(symbol: Symbol) -> tuple[int, int]:
    """Section and offset there, by which symbols are sorted."""
    return symbol.section, symbol.value


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
    types: bytes
    """The type alone."""
    names: ElfStrings
    text: str
    """The names, if they are as simple as they mostly are; else nothing."""
    layout: struct.Struct


class ElfFile:
    """A 64-bit ELF file. Raises ObjectError for anything malformed."""

    def __init__(self, data: bytes | mmap, name: str) -> None:
        self.name = name
        self._data = data
        end = len(data)
        # What is wrong is only looked for in files that have something wrong.
        order = _BYTE_ORDERS.get(data[:6]) if end >= HEADER else None
        if order is None:
            raise self._no_elf()
        self.byte_order: ByteOrder = order
        header = _HEADERS[order].unpack_from(data, 16)
        self.type, self.machine, _, _, _, at, _, _, _, _, entry_size, count, names = header
        if not at or entry_size != SECTION_HEADER or at + SECTION_HEADER > end:
            raise self._no_headers(at, entry_size)
        if not count or names == SHN_XINDEX:
            count, names = self._many_sections(at, count, names)
        headers_end = at + count * SECTION_HEADER
        if headers_end > end or names >= count:
            raise self._missing_headers(at, count, names)
        self._headers = headers = data[at:headers_end]
        # Here and below without `strict`, which takes longer than these: they are of one length.
        columns = zip(*_COLUMNS[order].iter_unpack(headers))  # noqa: B905
        places, self._types, offsets, sizes, self._links, self._infos = columns
        self._offsets, self._sizes = offsets, sizes
        if offsets[names] + sizes[names] > end:
            problem = f"section names at {offsets[names]}+{sizes[names]} reach beyond the file ({end} bytes)"
            raise ObjectError(name, "", problem)
        self._names = names
        self._strings = ElfStrings(data[offsets[names] : offsets[names] + sizes[names]], name)
        self._section_names = self._strings.many(places, "name of section")
        # At once for most files; not for those whose .bss, which takes no room, is larger than they are.
        if sum(sizes) > end or max(map(sum, zip(offsets, sizes))) > end:  # noqa: B905
            self._check_places()
        # Most sections are debug information, most symbols too: only what is asked for becomes an object.
        self._sections: dict[int, Section] = {}
        self._by_name = dict(zip(reversed(self._section_names), range(count - 1, -1, -1)))  # noqa: B905
        self._symbol_table: _SymbolTable | None = None
        self._symbols: dict[int, Symbol] = {}
        self._symbols_of: dict[int, list[Symbol]] = {}

    def _no_elf(self) -> ObjectError:
        """Why this is no ELF file that can be read."""
        data = self._data
        if not data:
            problem = "the file is empty"
        elif data[:4] != MAGIC:
            problem = "this is no ELF file"
        elif len(data) < HEADER:
            problem = f"cut off within the ELF header ({len(data)} of {HEADER} bytes)"
        elif data[4] != 2:
            problem = "this is no 64-bit ELF file"
        else:
            problem = f"ELF byte order {data[5]} is not known"
        return ObjectError(self.name, "", problem)

    def _no_headers(self, at: int, entry_size: int) -> ObjectError:
        """Why there are no section headers."""
        if not at:
            problem = "no section headers"
        elif entry_size != SECTION_HEADER:
            problem = f"section headers of {entry_size} bytes, not {SECTION_HEADER}"
        else:
            problem = f"section headers at {at} lie outside the file; is it cut off?"
        return ObjectError(self.name, "", problem)

    def _many_sections(self, at: int, count: int, names: int) -> tuple[int, int]:
        """Their number, and which has their names, where 16 bits are not enough: they are in section 0."""
        _, _, _, _, _, size, link, _, _, _ = _SECTION_HEADERS[self.byte_order].unpack_from(self._data, at)
        return count or size, link if names == SHN_XINDEX else names

    def _missing_headers(self, at: int, count: int, names: int) -> ObjectError:
        """Which section header is not there."""
        if at + count * SECTION_HEADER > len(self._data):
            problem = f"{count} section headers at {at} reach beyond the file; is it cut off?"
        else:
            problem = f"section names are in section {names} of {count}"
        return ObjectError(self.name, "", problem)

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

    def _check_places(self) -> None:
        """Every section must lie in the file, and all of them together."""
        # Were every section the whole file, reading them would take the square of its size.
        room = end = len(self._data)
        for kind, offset, size in [*zip(self._types, self._offsets, self._sizes, strict=True)][1:]:
            if kind != SHT_NOBITS:
                room -= size
                if room < 0 or offset + size > end:
                    raise self._misplaced()

    def _misplaced(self) -> ObjectError:
        """What is wrong with the places of the sections."""
        end = len(self._data)
        rows = zip(self._section_names, self._types, self._offsets, self._sizes, strict=True)
        for name, kind, offset, size in [*rows][1:]:
            if kind != SHT_NOBITS and offset + size > end:
                problem = f"bytes {offset}+{size} reach beyond the file ({end} bytes)"
                return ObjectError(self.name, name, problem)
        return ObjectError(self.name, "", "sections overlap: together they exceed the file")

    @property
    def sections(self) -> list[Section]:
        """All sections, by number."""
        return [self.section_at(number) for number in range(len(self._types))]

    def section_at(self, number: int) -> Section:
        """The section of a number that there is."""
        found = self._sections.get(number)
        if found is None:
            layout = _SECTION_HEADERS[self.byte_order]
            fields = layout.unpack_from(self._headers, number * SECTION_HEADER)
            row = number, self._section_names[number], *fields
            found = self._sections[number] = tuple.__new__(Section, row)
        return found

    def section_of(self, symbol: Symbol) -> Section | None:
        """The section a symbol lies in; None for undefined, absolute and common ones."""
        return self.section_at(symbol.section) if 0 < symbol.section < len(self._types) else None

    def section(self, name: str) -> Section | None:
        """The first section of that name."""
        number = self._by_name.get(name)
        return None if number is None else self.section_at(number)

    def has(self, *names: str) -> bool:
        """Whether there is a section of one of these names."""
        return not self._by_name.keys().isdisjoint(names)

    def sections_named(self, beginnings: tuple[str, ...]) -> list[Section]:
        """Those whose names begin so, by number."""
        names, text = self._section_names, self._strings.text
        # In the text of all names, as few have such names; not where two sections may have one name.
        if not text or len(self._by_name) < len(names):
            return [
                self.section_at(number) for number, name in enumerate(names) if name.startswith(beginnings)
            ]
        numbers: set[int] = set()
        for beginning in beginnings:
            at = text.find(beginning)
            while at >= 0:
                number = self._by_name.get(self._strings.one(at, "name of section", 0))
                if number is not None:
                    numbers.add(number)
                at = text.find(beginning, at + 1)
        return [self.section_at(number) for number in sorted(numbers)]

    def relocations_of(self, targets: Collection[int]) -> list[Section]:
        """The SHT_REL sections that are for one of the sections with these numbers."""
        types, infos, found = self._types, self._infos, []
        if len(targets) > FEW:
            numbers = [number for number, info in enumerate(infos) if info in targets]
            return [self.section_at(number) for number in numbers if types[number] == SHT_REL]
        # Sought by the numbers themselves: objects with debug information have more for that than for code.
        for target in targets:
            number = -1
            for _ in range(infos.count(target)):
                number = infos.index(target, number + 1)
                if types[number] == SHT_REL:
                    found.append(self.section_at(number))
        return found

    def contents(self, section: Section) -> bytes:
        """The bytes of a section; none for SHT_NOBITS, which has only a size."""
        return self._contents_at(section.number)

    def contents_of(self, name: str) -> bytes:
        """The bytes of the first section of that name; none if there is none."""
        number = self._by_name.get(name)
        return b"" if number is None else self._contents_at(number)

    def size_of(self, name: str) -> int:
        """The size of the first section of that name; 0 if there is none."""
        number = self._by_name.get(name)
        return 0 if number is None else self._sizes[number]

    def _contents_at(self, number: int) -> bytes:
        if self._types[number] == SHT_NOBITS:
            return b""
        at = self._offsets[number]
        return self._data[at : at + self._sizes[number]]

    @property
    def symbols(self) -> list[Symbol]:
        """The symbol table; empty if there is none."""
        table = self._symbol_table or self._read_symbol_table()
        return [self.symbol_at(number) for number in range(table.total)]

    def symbols_of(self, kind: int) -> list[Symbol]:
        """The symbols of one type (``STT_*``)."""
        found = self._symbols_of.get(kind)
        if found is None:
            found = self._symbols_of[kind] = []
            types = (self._symbol_table or self._read_symbol_table()).types
            number = types.find(kind)
            while number >= 0:
                found.append(self.symbol_at(number))
                number = types.find(kind, number + 1)
        return found

    @property
    def raw_symbols(self) -> tuple[bytes, bytes]:
        """The symbol table and its names, as they are in the file."""
        table = self._symbol_table or self._read_symbol_table()
        return table.rows, table.names.table

    @property
    def externs(self) -> list[Symbol]:
        """The symbols that are to be found elsewhere."""
        infos = (self._symbol_table or self._read_symbol_table()).infos
        if infos.find(STB_GLOBAL << 4) < 0 and infos.find(STB_WEAK << 4) < 0:
            return []
        return [symbol for symbol in self.symbols_of(STT_NOTYPE) if symbol.is_extern]

    @property
    def has_visibilities(self) -> bool:
        """Whether any symbol is of another visibility than the default one."""
        return any((self._symbol_table or self._read_symbol_table()).rows[OTHER::SYMBOL])

    def _read_symbol_table(self) -> _SymbolTable:
        rows, section_name, strings = b"", "", self._strings
        if SHT_SYMTAB in self._types:
            number = self._types.index(SHT_SYMTAB)
            section_name, link = self._section_names[number], self._links[number]
            if self._sizes[number] % SYMBOL:
                problem = f"{self._sizes[number]} bytes are no whole number of symbols"
                raise ObjectError(self.name, section_name, problem)
            if link >= len(self._types):
                problem = f"symbol names are in section {link}, which is missing"
                raise ObjectError(self.name, section_name, problem)
            rows = self._contents_at(number)
            if link != self._names:  # clang has one table for all
                strings = ElfStrings(self._contents_at(link), self.name)
        infos = rows[INFO::SYMBOL]
        types, layout = infos.translate(_TYPE_OF_INFO), _SYMBOLS[self.byte_order]
        fields = section_name, len(infos), rows, infos, types, strings, strings.text, layout
        self._symbol_table = table = tuple.__new__(_SymbolTable, fields)
        return table

    def symbol_at(self, number: int) -> Symbol:
        """The symbol of a number that there is."""
        found = self._symbols.get(number)
        if found is not None:
            return found
        table = self._symbol_table or self._read_symbol_table()
        section, _, rows, _, _, names, text, layout = table
        name_at, info, other, home, value, size = layout.unpack_from(rows, number * SYMBOL)
        kind = info & 0xF
        end = text.find("\0", name_at)
        if 0 <= end - name_at < LONG:
            name = text[name_at:end]
        else:
            name = names.one(name_at, "name of symbol", number)
        if home < SHN_LORESERVE:
            if home >= len(self._types):
                problem = f"symbol {number} ('{name}') is in section {home}, which is missing"
                raise ObjectError(self.name, section, problem)
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
        count = (self._symbol_table or self._read_symbol_table()).total
        rows = _RELOCATIONS[self.byte_order].iter_unpack(self.contents(section))
        for number, (offset, info) in enumerate(rows):
            index = info >> 32
            if index >= count:
                raise ObjectError(
                    self.name, section.name, f"relocation {number} names symbol {index} of {count}"
                )
            yield tuple.__new__(Relocation, (offset, self.symbol_at(index), info & 0xFFFFFFFF))
