"""BTF type information, held compactly.

A kernel has well over 100,000 types; making an object for each takes a quarter of
a second. So the type section stays an array of 32-bit words (every BTF record is
made of them) beside the place of each record, and a type is decoded when it is
asked for.
"""

from __future__ import annotations

from ..errors import BtfError
from ..lean import NATIVE, TYPE_CHECKING, read_words, struct, swapped
from ..native import native
from ..string_table import StringSection
from .records import (
    HEADER_WORDS,
    MODIFIERS,
    Array,
    BtfType,
    IntEncoding,
    Kind,
    Linkage,
    Member,
    SectionVariable,
    essential_name,
    info_kind,
    is_known,
)
from .table import ScannedTable, TypeTable, named_entries, u32_room

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator

    from ..insn import ByteOrder
    from ..native.interface import Words
    from ..string_table import Data


__all__ = [
    "Array",
    "Btf",
    "BtfType",
    "IntEncoding",
    "Kind",
    "Linkage",
    "Member",
    "SectionVariable",
    "essential_name",
]

MAGIC = 0xEB9F
VERSION = 1
_BYTE_ORDERS: dict[bytes, ByteOrder] = {b"\x9f\xeb\1": "<", b"\xeb\x9f\1": ">"}
"""Magic number and version."""
HEADER = "HBBIIIII"
HEADER_SIZE = 24
_HEADERS = {order: struct.Struct(order + "IIIII") for order in "<>"}
"""What follows the first four bytes."""
MAX_CHAIN = 64
"""Longest chain of modifiers, typedefs and arrays that is followed; longer ones are cycles."""


class Btf:
    """The types and strings of one piece of BTF; ids start after those of `base` (split BTF)."""

    def __init__(
        self,
        words: Words,
        strings: bytes | StringSection,
        byte_order: ByteOrder = NATIVE,
        base: Btf | None = None,
        open_table: Callable[[Words, StringSection], TypeTable] = ScannedTable,
        layout: bytes = b"",
    ) -> None:
        """Types as words in native order, and the way to find one among them.

        `layout` is the section that tells how long records are, where some are of unknown kinds.
        Raises BtfError if the records do not fill the words exactly.
        """
        if isinstance(strings, bytes):
            strings = StringSection(strings, base=base._strings if base else None)
        self.words = words
        self.byte_order = byte_order
        self.base = base
        self.first_id: int = base.end_id if base else 1
        self._strings: StringSection = strings
        self.string: Callable[[int], str] = strings.text
        """The string at an offset; raises BtfError outside the string section."""
        self.layout = layout
        self._raw: Data | None = None
        """What it was read from, if there is nothing else in there, and it is as `encode` makes it."""
        self._table = (
            ScannedTable(words, strings, layout, byte_order) if layout else open_table(words, strings)
        )
        self._decoded: dict[int, BtfType] = {}
        self._resolved: dict[int, BtfType] = {}
        self._members: dict[int, tuple[Member, ...]] = {}
        self._called: dict[tuple[int, str], list[int]] = {}
        self._section_ids: list[int] | None = None
        self._entries: dict[int, list[SectionVariable]] = {}
        self._named: dict[str, list[int]] = {}

    @classmethod
    def from_bytes(cls, data: bytes, base: Btf | None = None) -> Btf:
        """Parse raw BTF of either byte order. Raises BtfError."""
        return cls.from_buffer(data, base)

    @classmethod
    def from_buffer(
        cls,
        data: Data,
        base: Btf | None = None,
        open_table: Callable[[Words, StringSection], TypeTable] = ScannedTable,
    ) -> Btf:
        """Parse raw BTF that stays where it is; `data` must not change. Raises BtfError."""
        byte_order = _byte_order(data)
        header_size, type_off, type_len, str_off, str_len = _HEADERS[byte_order].unpack_from(data, 4)
        room = len(data) - header_size
        if header_size < HEADER_SIZE or room < 0:
            raise BtfError(f"BTF header has {header_size} bytes of {len(data)}")
        if type_off + type_len > room:
            raise _outside("type", type_off, type_len, data)
        if str_off + str_len > room:
            raise _outside("string", str_off, str_len, data)
        if type_len % 4:
            raise BtfError(f"BTF type section has an odd length ({type_len} bytes)")
        words = read_words(data, header_size + type_off, type_len, byte_order)
        start = header_size + str_off
        end = start + str_len
        # Split BTF may come without strings of its own, or start in the middle of things.
        if (str_len and data[end - 1]) or (base is None and (not str_len or data[start])):
            raise BtfError("BTF string section does not start and end with a zero byte")
        strings = StringSection(data, start, end, base._strings if base else None)
        try:
            made = cls(words, strings, byte_order, base, open_table)
        except BtfError:
            from .layout import layout_of  # here, as all kinds are known, mostly

            layout = layout_of(data, byte_order, header_size)
            if not layout:
                raise
            return cls(words, strings, byte_order, base, layout=layout)
        plain = header_size == HEADER_SIZE and not (type_off or data[3]) and byte_order == NATIVE
        if plain and str_off == type_len and end == len(data):
            made._raw = data
        return made

    def encode(self) -> bytes:
        """As raw BTF in its own byte order."""
        if self._raw is not None:
            return bytes(self._raw)
        types, strings = self.words.tobytes(), self.strings
        if self.byte_order != NATIVE:
            types = bytes(swapped(types))
        layout = self.layout
        size = HEADER_SIZE + 8 if layout else HEADER_SIZE
        after = len(types) + len(layout)
        header = struct.pack(
            self.byte_order + HEADER, MAGIC, VERSION, 0, size, 0, len(types), after, len(strings)
        )
        if layout:
            header += struct.pack(self.byte_order + "II", len(types), len(layout))
        return header + types + layout + strings

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Btf):
            return NotImplemented
        return (self.words, self.strings, self.byte_order, self.base) == (
            other.words,
            other.strings,
            other.byte_order,
            other.base,
        )

    __hash__ = object.__hash__

    def __reduce__(self) -> tuple[object, ...]:
        """Copies and pickles as raw BTF: views of memory cannot."""
        return Btf.from_bytes, (self.encode(), self.base)

    @property
    def strings(self) -> bytes:
        """Its own string section (that of the base left out)."""
        return self._strings.own

    def mentions(self, part: str) -> bool:
        """Whether any of its own strings has this part."""
        return part in self._strings

    @property
    def first_string(self) -> int:
        """Offset of the first of its own strings."""
        return self._strings.first

    @property
    def end_id(self) -> int:
        """One past the last type id."""
        return self.first_id + len(self._table.offsets)

    def has(self, type_id: int) -> bool:
        """Whether there is such a type (void included), here or in the base."""
        return 0 <= type_id < self.end_id

    def ids(self) -> range:
        """The ids of its own types (those of the base left out)."""
        return range(self.first_id, self.end_id)

    def types(self) -> Iterator[BtfType]:
        """Its own types, decoded one by one and not kept."""
        return map(self._decode, self.ids())

    def ids_of(self, kind: int) -> list[int]:
        """The ids of its own types of one kind; none is decoded."""
        words, first = self.words, self.first_id
        return [n for n, at in enumerate(self._table.offsets, first) if words[at + 1] >> 24 & 0x7F == kind]

    def of_kind(self, kind: int) -> list[BtfType]:
        """Its own types of one kind; no other is decoded."""
        return [self.type(type_id) for type_id in self.ids_of(kind)]

    @property
    def section_ids(self) -> list[int]:
        """The ids of its own DATASECs."""
        if self._section_ids is None:
            self._section_ids = self.ids_of(int(Kind.DATASEC))
        return self._section_ids

    @property
    def sections(self) -> list[BtfType]:
        """Its own DATASECs."""
        return [self.type(type_id) for type_id in self.section_ids]

    def section_id(self, name: str) -> int:
        """The id of its DATASEC of that name; 0 if there is none."""
        for type_id in self.section_ids:
            if self._strings.text(self.words[self.word_offset(type_id)]) == name:
                return type_id
        return 0

    def section(self, name: str) -> BtfType | None:
        """Its DATASEC of that name."""
        type_id = self.section_id(name)
        return self.type(type_id) if type_id else None

    @property
    def offsets(self) -> memoryview:
        """Where the records of its own types start in `words`, by id less `first_id`."""
        return self._table.offsets

    def word_offset(self, type_id: int) -> int:
        """Where the record of one of its own types starts in `words`."""
        return self._table.offsets[type_id - self.first_id]

    def type(self, type_id: int) -> BtfType:
        """Decode one type; 0 is void. Raises BtfError for an id that does not exist."""
        found = self._decoded.get(type_id)
        if found is None:
            found = self._decoded[type_id] = self._decode(type_id)
        return found

    def _decode(self, type_id: int) -> BtfType:
        if type_id == 0:
            return BtfType(0, Kind.VOID, "", 0, 0, False, 0)
        if self.base and type_id < self.first_id:
            return self.base.type(type_id)
        if not self.first_id <= type_id < self.end_id:
            raise BtfError(f"BTF has no type {type_id} (types 1…{self.end_id - 1})")
        at = self._table.offsets[type_id - self.first_id]
        words = self.words
        try:
            name, info, size_or_type = words[at], words[at + 1], words[at + 2]
        except IndexError:
            raise _damaged(type_id) from None
        text = self._strings.text(name)
        kind, vlen, kflag = info >> 24 & 0x7F, info & 0xFFFFFF, info > 0x7FFFFFFF
        # What BtfType() does, in half the time.
        return tuple.__new__(BtfType, (type_id, kind, text, size_or_type, vlen, kflag, at + HEADER_WORDS))

    def _behind(self, of: BtfType, count: int) -> Words:
        """That many words behind a record's header, its own or the base's."""
        if self.base and of.id < self.first_id:
            return self.base._behind(of, count)
        words = self.words[of.at : of.at + count]
        if len(words) != count:
            raise _damaged(of.id)
        return words

    def _first_behind(self, of: BtfType) -> int:
        """The word behind a record's header."""
        if self.base and of.id < self.first_id:
            return self.base._first_behind(of)
        try:
            return self.words[of.at]
        except IndexError:
            raise _damaged(of.id) from None

    def _triples(self, of: BtfType) -> Iterator[tuple[int, int, int]]:
        words = iter(self._behind(of, 3 * of.vlen).tolist())
        return zip(words, words, words, strict=True)

    def _pairs(self, of: BtfType) -> Iterator[tuple[int, int]]:
        words = iter(self._behind(of, 2 * of.vlen).tolist())
        return zip(words, words, strict=True)

    def members(self, of: BtfType) -> tuple[Member, ...]:
        """The fields of a STRUCT or UNION, in order."""
        found = self._members.get(of.id)
        if found is None:
            found = self._members[of.id] = tuple([self._member(of, *triple) for triple in self._triples(of)])
        return found

    def member(self, of: BtfType, number: int) -> Member:
        """One field of a STRUCT or UNION, by its number from 0."""
        if self.base and of.id < self.first_id:
            return self.base.member(of, number)
        words, at = self.words, of.at + 3 * number
        try:
            return self._member(of, words[at], words[at + 1], words[at + 2])
        except IndexError:
            raise _damaged(of.id) from None

    def _member(self, of: BtfType, name: int, type_id: int, offset: int) -> Member:
        bits, size = (offset & 0xFFFFFF, offset >> 24) if of.kflag else (offset, 0)
        return tuple.__new__(Member, (self._strings.text(name), type_id, bits, size))

    def members_called(self, of: BtfType, name: str) -> list[int]:
        """The number of a STRUCT's or UNION's first field of that name, behind those of fields without one.

        Which come before it; all of these if no field has the name.

        A kernel's structs have hundreds of fields, of which a CO-RE relocation is about one.
        """
        numbers = self._called.get((of.id, name))
        if numbers is None:
            strings, members, room = self._strings, self._behind(of, 3 * of.vlen), u32_room(of.vlen)
            count = native.btf_members(members, strings.below(), strings.view(), name.encode(), room)
            numbers = self._called[of.id, name] = room[:count].tolist()
        return numbers

    def enumerators(self, of: BtfType) -> list[tuple[str, int]]:
        """Names and values of an ENUM or ENUM64; signed where the type is."""
        signed = of.kflag
        if of.kind == Kind.ENUM64:
            return [
                (self.string(name), _signed(low | high << 32, 64, signed))
                for name, low, high in self._triples(of)
            ]
        return [(self.string(name), _signed(value, 32, signed)) for name, value in self._pairs(of)]

    def array(self, of: BtfType) -> Array:
        """What an ARRAY is made of."""
        return Array(*self._behind(of, 3))

    def parameters(self, of: BtfType) -> list[tuple[str, int]]:
        """Names and type ids of a FUNC_PROTO's parameters."""
        return [(self.string(name), type_id) for name, type_id in self._pairs(of)]

    def section_variables(self, of: BtfType) -> list[SectionVariable]:
        """The entries of a DATASEC."""
        found = self._entries.get(of.id)
        if found is None:
            found = [tuple.__new__(SectionVariable, triple) for triple in self._triples(of)]
            self._entries[of.id] = found
        return found

    def integer(self, of: BtfType) -> tuple[int, int, int]:
        """Encoding (bits of `IntEncoding`), bit offset and width of an INT."""
        word = self._first_behind(of)
        return word >> 24 & 0xF, word >> 16 & 0xFF, word & 0xFF

    def linkage(self, of: BtfType) -> int:
        """The linkage of a VAR or FUNC (a `Linkage`)."""
        return of.vlen if of.kind == Kind.FUNC else self._first_behind(of)

    def component(self, of: BtfType) -> int:
        """Which member or argument a DECL_TAG is on; -1 for the type itself."""
        return _signed(self._first_behind(of), 32, True)

    def resolve(self, type_id: int) -> BtfType:
        """The type behind modifiers, type tags and typedefs. Raises BtfError on a cycle."""
        found = self._resolved.get(type_id)
        if found is None:
            found = self._resolved[type_id] = self._resolve(type_id)
        return found

    def _resolve(self, type_id: int) -> BtfType:
        for _ in range(MAX_CHAIN):
            found = self.type(type_id)
            if found.kind not in MODIFIERS and found.kind != Kind.TYPEDEF:
                return found
            type_id = found.size_or_type
        raise BtfError(f"BTF type {type_id} goes round in a circle")

    def size_of(self, type_id: int, pointer_size: int = 8) -> int:
        """Size of a type in bytes. Raises BtfError for one that has none (void, FUNC, FWD …)."""
        count = 1
        for _ in range(MAX_CHAIN):
            found = self.resolve(type_id)
            match found.kind:
                case (
                    Kind.INT | Kind.STRUCT | Kind.UNION | Kind.ENUM | Kind.ENUM64 | Kind.DATASEC | Kind.FLOAT
                ):
                    return count * found.size_or_type
                case Kind.PTR:
                    return count * pointer_size
                case Kind.ARRAY:
                    array = self.array(found)
                    count *= array.length
                    type_id = array.type_id
                case Kind.VAR | Kind.DECL_TAG:
                    type_id = found.size_or_type
                case _:
                    raise BtfError(f"BTF type {type_id} ({self.describe(type_id)}) has no size")
        raise BtfError(f"BTF type {type_id} goes round in a circle")

    def signedness(self, type_id: int) -> bool | None:
        """Whether a type that one integer holds (INT, enum, pointer) is signed; None for all others."""
        found = self.resolve(type_id)
        match found.kind:
            case Kind.INT:
                return bool(self.integer(found)[0] & IntEncoding.SIGNED)
            case Kind.ENUM | Kind.ENUM64:
                return found.kflag
            case Kind.PTR:
                return False
        return None

    def describe(self, type_id: int) -> str:
        """A short name for people: ``struct task_struct``, ``int``, ``pointer`` …"""
        found = self.type(type_id)
        if not is_known(found.kind) and found.kind:
            return f"BTF type {type_id} of the unknown kind {found.kind}"
        prefix = {Kind.STRUCT: "struct ", Kind.UNION: "union ", Kind.ENUM: "enum ", Kind.ENUM64: "enum "}
        if found.kind == Kind.FWD:
            return f"{'union' if found.kflag else 'struct'} {found.name}"
        if found.name or found.kind in prefix:
            return prefix.get(Kind(found.kind), "") + (found.name or "(anonymous)")
        return {Kind.PTR: "pointer", Kind.FUNC_PROTO: "function type"}.get(
            Kind(found.kind), Kind(found.kind).name.lower()
        )

    def expect(self, names: Collection[str]) -> None:
        """Say which essential names will be asked for: all are found at once. Not needed, but faster."""
        unknown = {name for name in names if name not in self._named}
        if unknown:
            self._named.update((name, []) for name in unknown)
            for number in self._table.find(unknown):
                type_id = self.first_id + number
                name = essential_name(self.type(type_id).name)
                if name in unknown:
                    self._named[name].append(type_id)

    def essentially_named(self, name: str) -> list[int]:
        """Ids of its own types whose essential name (no ``___flavor``) is `name`, in order."""
        self.expect((name,))
        return list(self._named[name])

    def checksums(self) -> Iterator[tuple[int, int]]:
        """crc32 of the essential name, and kind, of each of its own types with a name."""
        words, offsets = self.words, self._table.offsets
        for entry in named_entries(words, offsets, self._strings):
            yield entry >> 32, info_kind(words[offsets[entry & 0xFFFFFFFF] + 1])

    def named(self, name: str) -> list[int]:
        """Ids of its own types with exactly this name."""
        found = self.essentially_named(essential_name(name))
        return [type_id for type_id in found if self.type(type_id).name == name]


def _byte_order(data: Data) -> ByteOrder:
    """By how it begins, and if it is long enough for a header."""
    order = _BYTE_ORDERS.get(bytes(data[:3]))
    if order is None or len(data) < HEADER_SIZE:
        raise _no_btf(data)
    return order


def _no_btf(data: Data) -> BtfError:
    """What is wrong with the beginning."""
    if len(data) < HEADER_SIZE:
        return BtfError(f"BTF is too short for its header ({len(data)} bytes)")
    if bytes(data[:2]) not in {beginning[:2] for beginning in _BYTE_ORDERS}:
        return BtfError(f"this is no BTF: magic number {data[:2].hex()}")
    return BtfError(f"BTF version {data[2]} is not known")


def _outside(what: str, start: int, size: int, data: Data) -> BtfError:
    return BtfError(f"BTF {what} section ({start}+{size}) exceeds the data ({len(data)} bytes)")


def _damaged(type_id: int) -> BtfError:
    """Records were whole when they were scanned: only an index on disk leads beyond their end."""
    return BtfError(f"BTF type {type_id} is cut off; is the index in bpflab's cache damaged? Remove it")


def _signed(value: int, bits: int, signed: bool) -> int:
    return value - (1 << bits) if signed and value >> (bits - 1) else value
