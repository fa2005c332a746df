"""What fuzzing, and thinking like a fuzzer, has found: each input made here, byte by byte."""

from __future__ import annotations

import struct
import time
import tracemalloc
from array import array
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from types import ModuleType

import pytest
from bpflab.loader import insn as bpf
from bpflab.loader.btf import Btf, Kind, Linkage
from bpflab.loader.btf.dump import declaration
from bpflab.loader.btf.edit import BtfEdit
from bpflab.loader.btf.ext import CoreRelocation
from bpflab.loader.btf.records import make_info
from bpflab.loader.core import RelocationKind
from bpflab.loader.core.access import parse_access
from bpflab.loader.elf import SHF_EXECINSTR, SHT_NOBITS, SHT_PROGBITS, SHT_REL, SHT_SYMTAB, ElfFile
from bpflab.loader.errors import BtfError, ObjectError
from bpflab.loader.externs.kallsyms import find_addresses
from bpflab.loader.linker import link
from bpflab.loader.spec import ObjectSpec

LONGEST = 1.0
"""Seconds of processor time that any input may take."""

MOST = 64 << 20
"""Bytes of memory that any input may take beyond its own size."""

SHT_STRTAB = 3
GLOBAL_FUNCTION, GLOBAL_OBJECT = 0x12, 0x11


@contextmanager
def limits() -> Iterator[None]:
    """Neither long nor large."""
    tracemalloc.start()
    started = time.process_time()
    try:
        yield
    finally:
        seconds, (_, peak) = time.process_time() - started, tracemalloc.get_traced_memory()
        tracemalloc.stop()
    assert peak < MOST
    # tracemalloc makes everything several times slower.
    assert seconds < 4 * LONGEST


@dataclass
class Part:
    """A section of an ELF file that is put together here; without an offset it gets a place of its own."""

    name: bytes
    data: bytes = b""
    type: int = SHT_PROGBITS
    flags: int = 0
    link: int = 0
    info: int = 0
    entry_size: int = 0
    place: tuple[int, int] | None = None


def elf(parts: Sequence[Part], symbols: bytes = b"", names: bytes = b"\0") -> bytes:
    """A BPF object of these sections, which are numbered from 1; then come symbols and names."""
    table = Part(b".symtab", symbols, SHT_SYMTAB, link=len(parts) + 2, entry_size=24)
    every = [Part(b"", type=0), *parts, table, Part(b".strtab", names, SHT_STRTAB)]
    header_names = b"".join(part.name + b"\0" for part in every) + b".shstrtab\0"
    every.append(Part(b".shstrtab", header_names, SHT_STRTAB))
    body, headers, name_at = b"", b"", 0
    for part in every:
        offset, size = part.place or (64 + len(body), len(part.data))
        body += part.data
        row = (name_at, part.type, part.flags, 0, offset, size, part.link, part.info, 1, part.entry_size)
        headers += struct.pack("<IIQQQQIIQQ", *row)
        name_at += len(part.name) + 1
    count, at = len(every), 64 + len(body)
    ident = b"\x7fELF\2\1\1".ljust(16, b"\0")
    first = struct.pack("<16sHHIQQQIHHHHHH", ident, 1, 247, 1, 0, 0, at, 0, 64, 0, 0, 64, count, count - 1)
    return first + body + headers


def symbol(name: int, info: int, section: int, value: int, size: int) -> bytes:
    return struct.pack("<IBBHQQ", name, info, 0, section, value, size)


def empty_btf() -> BtfEdit:
    return BtfEdit(Btf(array("I"), b"\0"))


def code(count: int) -> bytes:
    """Functions of two instructions, each of which calls the next."""
    call = bpf.Insn(bpf.CALL, 0, bpf.PSEUDO_CALL, 0, 1).pack("<")
    leave = bpf.Insn(0x95, 0, 0, 0, 0).pack("<")
    return (call + leave) * (count - 1) + leave + leave


def test_a_chain_of_calls_of_any_length_is_linked() -> None:
    count = 3000
    symbols = b"".join(symbol(1, GLOBAL_FUNCTION, 1, 16 * n, 16) for n in range(1, count))
    symbols = symbol(7, GLOBAL_FUNCTION, 2, 0, 16) + symbols
    call = bpf.Insn(bpf.CALL, 0, bpf.PSEUDO_CALL, 0, -1).pack("<")
    entry = Part(b"socket", call + bytes(8), flags=SHF_EXECINSTR)
    chain = Part(b".text", code(count), flags=SHF_EXECINSTR)
    relocation = Part(b".relsocket", struct.pack("<QQ", 0, 2 << 32 | 10), SHT_REL, 0, 4, 2, 16)
    symbols = symbol(0, 0, 0, 0, 0) + symbols
    data = elf([chain, entry, relocation], symbols, b"\0chain\0entry\0")
    with limits():
        spec = ObjectSpec.from_bytes(data, "chain.bpf.o")
        linked = link(spec, spec.programs["entry"])
    assert [name for _, name in linked.functions] == ["entry"] + ["chain"] * (count - 1)
    # Each function's call leads to the next one, which is just behind it.
    calls = [bpf.read(linked.insns, index, "<").imm for index in range(0, 2 * count - 2, 2)]
    assert calls == [1] * (count - 1)


def test_functions_may_not_overlap() -> None:
    """Each with the rest of the section as its code: the square of the file's size."""
    count = 20_000
    symbols = b"".join(symbol(1, GLOBAL_FUNCTION, 1, 8 * n, 8 * (count - n)) for n in range(count))
    data = elf([Part(b"socket", bytes(8 * count), flags=SHF_EXECINSTR)], symbols, b"\0f\0")
    with limits(), pytest.raises(ObjectError, match="starts within another"):
        ObjectSpec.from_bytes(data, "overlap.bpf.o")


def test_sections_may_not_overlap() -> None:
    """Each of them the whole file: as maps they would take the square of the file's size."""
    count = 5000
    parts = [Part(b".data.%d" % n, place=(0, 64 * count)) for n in range(count)]
    with limits(), pytest.raises(ObjectError, match="sections overlap"):
        ObjectSpec.from_bytes(elf(parts), "overlap.bpf.o")


def test_long_names_of_symbols_may_not_overlap() -> None:
    count = 20_000
    symbols = b"".join(symbol(1 + n, GLOBAL_OBJECT, 1, 0, 0) for n in range(count))
    data = elf([Part(b".data", bytes(8))], symbols, b"\0" + b"n" * 400_000 + b"\0")
    with limits(), pytest.raises(ObjectError, match="long strings overlap"):
        _ = ElfFile(data, "names.bpf.o").symbols


def test_long_names_in_btf_may_not_overlap() -> None:
    edit = empty_btf()
    edit.strings += b"n" * 400_000 + b"\0"
    number = edit.append("", make_info(Kind.INT), 4, 32)
    rows = [word for n in range(20_000) for word in (1 + n, number, 0)]
    members = edit.append("", make_info(Kind.STRUCT, 20_000), 4, *rows)
    btf = edit.finish()
    with limits(), pytest.raises(BtfError, match="overlap"):
        btf.members(btf.type(members))


def test_a_long_name_may_be_used_by_many() -> None:
    edit = empty_btf()
    name = edit.add_string("n" * 400_000)
    rows = [word for _ in range(20_000) for word in (name, 0, 0)]
    members = edit.append("", make_info(Kind.STRUCT, 20_000), 4, *rows)
    btf = edit.finish()
    with limits():
        assert {len(member.name) for member in btf.members(btf.type(members))} == {400_000}


def test_long_names_that_overlap_are_indexed_by_neither_twin(twin: ModuleType) -> None:
    """Each type with the rest of one name as its own: the square of the file's size."""
    count = 100_000
    words = array("I", [word for n in range(count) for word in (1 + n, make_info(Kind.FWD), 0)])
    strings = b"\0" + b"n" * count + b"\0"
    offsets = memoryview(array("I", range(0, 3 * count, 3)))
    entries = memoryview(bytearray(8 * count)).cast("Q")
    found = memoryview(bytearray(4 * count)).cast("I")
    started = time.process_time()
    assert twin.btf_index(words, offsets, b"", strings, entries) == 512
    assert twin.btf_find(words, offsets, b"", strings, [b"n" * 500, b"n" * count], found) == 1
    assert time.process_time() - started < LONGEST


def test_a_line_of_symbols_may_have_any_length() -> None:
    with limits():
        assert find_addresses(b" name" * 100_000, ["name"]) == {}


def test_ends_of_names_may_be_shared() -> None:
    """As static linkers do it: ``.rel.text`` holds ``.text``."""
    names = b"\0" + b"long_" * 100 + b"name\0"
    symbols = symbol(1, GLOBAL_OBJECT, 1, 0, 8) + symbol(1 + 500, GLOBAL_OBJECT, 1, 0, 8)
    found = ElfFile(elf([Part(b".data", bytes(8))], symbols, names), "ends.bpf.o").symbols
    assert [len(symbol.name) for symbol in found] == [504, 4]


def test_many_data_sections_beside_many_types() -> None:
    count = 4000
    edit = empty_btf()
    for _ in range(20_000):
        edit.append("", make_info(Kind.PTR), 0)
    parts = [Part(b".data.%d" % n, bytes(8)) for n in range(count)]
    data = elf([*parts, Part(b".BTF", edit.finish().encode())])
    with limits():
        assert len(ObjectSpec.from_bytes(data, "many.bpf.o").maps) == count


def test_many_maps_with_many_initial_values() -> None:
    count = 2000
    edit = empty_btf()
    rows = []
    for place, (name, value) in enumerate((("type", 3), ("key_size", 4), ("max_entries", 4))):
        length = edit.append("", make_info(Kind.ARRAY), 0, 0, 0, value)
        rows += [edit.add_string(name), edit.append("", make_info(Kind.PTR), length), 64 * place]
    pointer = edit.append("", make_info(Kind.PTR), edit.append("", make_info(Kind.FUNC_PROTO), 0))
    slots = edit.append("", make_info(Kind.ARRAY), 0, pointer, 0, 0)
    rows += [edit.add_string("values"), slots, 192]
    declared = edit.append("", make_info(Kind.STRUCT, 4), 24, *rows)
    symbols = symbol(0, 0, 0, 0, 0) + symbol(edit.add_string("program"), GLOBAL_FUNCTION, 1, 0, 16)
    entries, relocations = [], b""
    for n in range(count):
        # Three fields and four slots, of 8 bytes each.
        entries += [edit.append(f"map{n}", make_info(Kind.VAR), declared, Linkage.GLOBAL), 56 * n, 56]
        symbols += symbol(edit.add_string(f"map{n}"), GLOBAL_OBJECT, 2, 56 * n, 56)
        relocations += b"".join(struct.pack("<QQ", 56 * n + 8 * slot, 1 << 32) for slot in range(3, 7))
    edit.append(".maps", make_info(Kind.DATASEC, count), 56 * count, *entries)
    parts = [
        Part(b"socket", code(1), flags=SHF_EXECINSTR),
        Part(b".maps", bytes(56 * count)),
        Part(b".rel.maps", relocations, SHT_REL, 0, 5, 2, 16),
        Part(b".BTF", edit.finish().encode()),
    ]
    data = elf(parts, symbols, bytes(edit.strings))
    with limits():
        spec = ObjectSpec.from_bytes(data, "slots.bpf.o")
    slots_of_each = [(slot, "program") for slot in range(4)]
    assert [found.initial_slots for found in spec.maps.values()] == [slots_of_each] * count


def test_a_number_in_an_access_string_has_an_end() -> None:
    """Python refuses to make a number of more than 4300 digits."""
    edit = empty_btf()
    struct_id = edit.append("s", make_info(Kind.STRUCT), 4)
    relocation = CoreRelocation(RelocationKind.FIELD_BYTE_OFFSET, struct_id, "9" * 5000)
    with pytest.raises(BtfError, match="no list of numbers"):
        parse_access(edit.finish(), relocation)


def test_no_data_beyond_what_a_map_can_hold() -> None:
    """A value of 2**40 bytes would be made when a variable in it is asked for."""
    bss = Part(b".bss", type=SHT_NOBITS, place=(64, 1 << 40))
    data = elf([bss], symbol(1, GLOBAL_OBJECT, 1, 0, 1 << 39), b"\0huge\0")
    with limits(), pytest.raises(ObjectError, match="beyond 32 bits"):
        ObjectSpec.from_bytes(data, "huge.bpf.o")


def declared(edit: BtfEdit, type_id: int) -> str:
    with limits():
        return declaration(edit.finish(), type_id)


def test_a_type_within_itself_is_not_declared() -> None:
    edit = empty_btf()
    pointer = edit.append("", make_info(Kind.PTR), 1)
    struct_id = edit.append("", make_info(Kind.STRUCT, 1), 8, edit.add_string("again"), 2, 0)
    proto = edit.append("", make_info(Kind.FUNC_PROTO, 2), 0, 0, 3, 0, 3)
    section = edit.append(".data", make_info(Kind.DATASEC, 1), 8, 4, 0, 8)
    for type_id in (pointer, struct_id, proto, section):
        with pytest.raises(BtfError, match=r"nested|circle|no variable"):
            declared(edit, type_id)


def test_a_declaration_that_grows_with_each_level_ends() -> None:
    """Each struct twice in the next one: 2**30 members."""
    edit = empty_btf()
    inner = edit.append("int", make_info(Kind.INT), 4, 32)
    for _ in range(30):
        inner = edit.append("", make_info(Kind.STRUCT, 2), 8, 0, inner, 0, 0, inner, 0)
    with pytest.raises(BtfError, match="more than"):
        declared(edit, inner)


def test_a_long_name_is_not_declared_over_and_over() -> None:
    edit = empty_btf()
    name = edit.add_string("n" * 400_000)
    rows = [word for number in range(20_000) for word in (name, number)]
    with pytest.raises(BtfError, match="characters"):
        declared(edit, edit.append("", make_info(Kind.ENUM, 20_000), 4, *rows))
