"""What is fuzzed: each target does with an input whatever the loader can do with it, without a kernel."""

from __future__ import annotations

import struct
from array import array
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import TypeVar
from unittest.mock import patch

from bpflab.loader import insn as bpf
from bpflab.loader.btf import Btf, BtfType, Kind, essential_name
from bpflab.loader.btf.distilled import onto_base
from bpflab.loader.btf.dump import declaration
from bpflab.loader.btf.edit import BtfEdit
from bpflab.loader.btf.ext import CoreRelocation, parse_ext
from bpflab.loader.btf.kernel import KernelBtf
from bpflab.loader.btf.minimal import minimal
from bpflab.loader.btf.records import make_info
from bpflab.loader.btf.sanitize import BtfFeature, features_used, without
from bpflab.loader.btf.table import u32_room
from bpflab.loader.core import relocate
from bpflab.loader.core.access import parse_access
from bpflab.loader.core.explain import explain
from bpflab.loader.core.minimal import minimal_btf
from bpflab.loader.errors import BpflabError
from bpflab.loader.lean import replace
from bpflab.loader.linker import LinkedProgram, link
from bpflab.loader.native import compiled, pure
from bpflab.loader.programs.source_line import line_of_use
from bpflab.loader.spec import Function, ObjectSpec
from bpflab.loader.spec.reader import read_object

from .binaries import read_arguments, read_binary
from .mutate import Structure, anywhere, in_btf, in_part, in_section
from .parts import unpack
from .system import read_index, read_kallsyms, read_kconfig, read_log, read_notes

One = TypeVar("One")

LOOKED_INTO = 16
"""Types of one input that are looked up, and instructions whose line is: each may take a pass over all."""
DECLARED = 4
"""Types of one input that are declared and cut out, of the last ones: they may be made of all the others."""


@dataclass(frozen=True)
class Target:
    """One function that any bytes may be given to; it lets BpflabError through and nothing else."""

    run: Callable[[bytes], None]
    structure: Structure
    largest: int
    """Bytes of the longest input that the fuzzer makes."""


def by_both_twins(read: Callable[[], One]) -> One:
    """What reading an object gives: the same with the native passes and without, and the same errors."""
    results: list[One | BpflabError] = []
    for twin in (compiled, pure):
        with patch("bpflab.loader.spec.data.native", twin), patch("bpflab.loader.btf.ext.native", twin):
            try:
                results.append(read())
            except BpflabError as error:
                results.append(error)
    first, second = results
    if isinstance(first, BpflabError):
        assert (type(first), str(first)) == (type(second), str(second))
        raise first
    assert first == second
    return first


def read_elf(data: bytes) -> None:
    """The ELF reader and the spec; each program linked, relocated to its own types, found in its source."""
    spec = by_both_twins(lambda: read_object(data, "fuzzed.bpf.o"))
    kernel = KernelBtf(spec.btf) if spec.btf else None
    for program in spec.programs.values():
        with suppress(BpflabError):
            linked = link(spec, program)
            if kernel:
                linked, _ = relocate(linked, spec, kernel)
            for index in range(min(len(linked.insns) // bpf.SIZE, LOOKED_INTO)):
                line_of_use(linked, spec.btf, index)
    for variable in spec.variables.values():
        # One in .bss may truly have gigabytes, and so has its value.
        if variable.size <= len(data):
            with suppress(BpflabError):
                assert variable.value is not None


def read_btf(data: bytes) -> None:
    """Parsing, decoding of every type, look-ups, encoding, all that is made of it; split BTF as well."""
    btf = Btf.from_bytes(data)
    assert Btf.from_bytes(btf.encode()) == btf
    _decode_all(btf)
    _twins_agree(btf)
    for type_id in btf.ids()[-DECLARED:]:
        with suppress(BpflabError):
            declaration(btf, type_id, offsets=True)
        with suppress(BpflabError):
            small = minimal(btf, {type_id: None})
            assert small.btf.type(small.ids[type_id]).kind == btf.type(type_id).kind
    for feature in BtfFeature:
        with suppress(BpflabError):
            without(btf, {feature})
    with suppress(BpflabError):
        without(btf, features_used(btf))
    with suppress(BpflabError):
        _decode_all(Btf.from_bytes(data, _base()))


def _base() -> Btf:
    """Something that BTF can be split from: one INT and one STRUCT."""
    edit = BtfEdit(Btf(array("I"), b"\0"))
    number = edit.append("int", make_info(Kind.INT), 4, 32)
    edit.append("base", make_info(Kind.STRUCT, 1), 4, edit.add_string("first"), number, 0)
    return edit.finish()


def _decode_all(btf: Btf) -> None:
    for type_id in btf.ids():
        with suppress(BpflabError):
            btf.describe(type_id)
            found = btf.type(type_id)
            match found.kind:
                case Kind.STRUCT | Kind.UNION:
                    _find_members(btf, found)
                case Kind.ENUM | Kind.ENUM64:
                    btf.enumerators(found)
                case Kind.FUNC_PROTO:
                    btf.parameters(found)
                case Kind.DATASEC:
                    btf.section_variables(found)
                case Kind.ARRAY:
                    btf.array(found)
                case Kind.INT:
                    btf.integer(found)
                case Kind.VAR | Kind.FUNC:
                    btf.linkage(found)
                case Kind.DECL_TAG:
                    btf.component(found)
            is_clean = found.name.isprintable() and "\N{REPLACEMENT CHARACTER}" not in found.name
            if found.name and is_clean and type_id - btf.first_id < LOOKED_INTO:
                assert type_id in btf.named(found.name)
                assert type_id in btf.essentially_named(essential_name(found.name))
        with suppress(BpflabError):
            btf.signedness(type_id)
            btf.size_of(type_id)


def _find_members(btf: Btf, struct: BtfType) -> None:
    """A member is the same alone and among all, and found by its name."""
    for number, member in enumerate(btf.members(struct)[:LOOKED_INTO]):
        assert btf.member(struct, number) == member
        if member.name.isprintable() and "\N{REPLACEMENT CHARACTER}" not in member.name:
            *nameless, last = btf.members_called(struct, member.name)
            assert last <= number and all(not btf.member(struct, one).name for one in nameless)
            assert btf.member(struct, last).name == member.name


def _twins_agree(btf: Btf) -> None:
    """What C finds in the raw words, Python finds as well."""
    words = memoryview(btf.words)
    names = {btf.type(type_id).name.encode() for type_id in btf.ids()[:LOOKED_INTO]} - {b""}
    found = []
    for twin in (compiled, pure):
        offsets, matches = u32_room(len(words) // 3 + 1), u32_room(len(words))
        entries = memoryview(bytearray(8 * len(words) + 8)).cast("Q")
        number = twin.btf_offsets(words, offsets)
        own = offsets[:number]
        hits = twin.btf_find(words, own, b"", btf.strings, sorted(names), matches) if number else 0
        named = twin.btf_index(words, own, b"", btf.strings, entries) if number else 0
        found.append([own.tolist(), matches[:hits].tolist(), entries[:named].tolist()])
        for name in sorted(names)[:LOOKED_INTO] if len(words) >= 3 else ():
            called = twin.btf_members(words[: len(words) // 3 * 3], b"", btf.strings, name, matches)
            found[-1].append(matches[:called].tolist())
    assert found[0] == found[1]


def read_split(data: bytes) -> None:
    """A module's BTF with the base that it brings, moved onto a kernel's: nothing but numbers changes."""
    distilled, own, vmlinux = unpack(data, 3)
    base = Btf.from_bytes(vmlinux)
    split = Btf.from_bytes(own, Btf.from_bytes(distilled))
    _decode_all(split)
    moved = onto_base(split, base)
    assert Btf.from_bytes(moved.encode(), base) == moved
    for before, after in zip(split.types(), moved.types(), strict=True):
        assert (before.name, before.kind, before.vlen) == (after.name, after.kind, after.vlen)
    _decode_all(moved)


def read_ext(data: bytes) -> None:
    """BTF.ext, beside the BTF that it points into."""
    raw, ext = unpack(data, 2)
    btf = Btf.from_bytes(raw)
    for relocations in by_both_twins(lambda: parse_ext(ext, btf)).core.values():
        for _, relocation in relocations:
            with suppress(BpflabError):
                str(parse_access(btf, relocation))


RECORD = struct.Struct("<BIB")
"""Kind, type id and length of the access string, which follows; then two instructions."""


def records(data: bytes) -> Iterator[tuple[CoreRelocation, bytes]]:
    """CO-RE relocations, each with the two instructions that it is for."""
    at = 0
    while at + RECORD.size <= len(data):
        kind, type_id, length = RECORD.unpack_from(data, at)
        at += RECORD.size
        access = data[at : at + length].decode("utf-8", "replace")
        at += length
        insns = data[at : at + 2 * bpf.SIZE].ljust(2 * bpf.SIZE, b"\0")
        at += len(insns)
        yield CoreRelocation(kind, type_id, access), insns


def relocate_records(data: bytes) -> None:
    """The relocator: an object's BTF, a kernel's, and records; each by itself, then all after each other.

    And what it says of those that lead nowhere, and the part of the kernel's BTF that they need.
    """
    local, target, packed = unpack(data, 3)
    btf = Btf.from_bytes(local)
    spec = ObjectSpec("fuzzed", btf.byte_order, btf=btf)
    kernel = KernelBtf(Btf.from_bytes(target))
    every = [*records(packed)]
    for relocation, _ in every[:LOOKED_INTO]:
        with suppress(BpflabError):
            assert explain(btf, relocation, kernel)
    with suppress(BpflabError):
        core = [*enumerate(relocation for relocation, _ in every)]
        minimal_btf(replace(spec, functions=[Function("fuzzed", "", b"", True, core=core)]), kernel)
    good = [record for record in every if _can_be_relocated([record], spec, kernel)]
    # What was found before can only take candidates away, and so leave less to disagree about.
    assert _can_be_relocated(good, spec, kernel)


def _can_be_relocated(
    chosen: list[tuple[CoreRelocation, bytes]], spec: ObjectSpec, kernel: KernelBtf
) -> bool:
    assert spec.btf is not None
    insns = bytearray().join(insns for _, insns in chosen)
    core = [(2 * number, relocation) for number, (relocation, _) in enumerate(chosen)]
    linked = LinkedProgram("fuzzed", insns, spec.btf.byte_order, [(0, "fuzzed")], core=core)
    before = bytes(insns)
    try:
        done, results = relocate(linked, spec, kernel)
    except BpflabError:
        return False
    assert len(results) == len(core) and len(done.insns) == len(before)
    assert bytes(linked.insns) == before, "relocating changed what it was given"
    return True


TARGETS = {
    "elf": Target(read_elf, in_section, 1 << 15),
    "btf": Target(read_btf, in_btf, 1 << 14),
    "layout": Target(read_btf, anywhere, 1 << 12),
    "ext": Target(read_ext, in_part(in_btf, anywhere), 1 << 14),
    "split": Target(read_split, in_part(in_btf, in_btf, in_btf), 1 << 13),
    "core": Target(relocate_records, in_part(in_btf, in_btf, anywhere), 12_000),
    "index": Target(read_index, anywhere, 1 << 12),
    "notes": Target(read_notes, anywhere, 1 << 12),
    "kconfig": Target(read_kconfig, anywhere, 1 << 14),
    "kallsyms": Target(read_kallsyms, anywhere, 1 << 16),
    "log": Target(read_log, anywhere, 1 << 14),
    "binary": Target(read_binary, in_section, 1 << 15),
    "arguments": Target(read_arguments, anywhere, 1 << 10),
}
