"""What fuzzing starts from: the corpus, one object with what the corpus is short of, and BTF made by hand."""

from __future__ import annotations

import struct
import subprocess
import tempfile
from array import array
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path

from bpflab.corpus.build import objects
from bpflab.harness.subjects.libbpf.build import library
from bpflab.harness.tools import find_clang
from bpflab.kernels.cache import cache_dir
from bpflab.loader import insn as bpf
from bpflab.loader.btf import Btf, Kind, Linkage
from bpflab.loader.btf.edit import BtfEdit
from bpflab.loader.btf.ext import CoreRelocation
from bpflab.loader.btf.records import COMPOSITES, ENUMS, make_info
from bpflab.loader.core import RelocationKind
from bpflab.loader.core.access import parse_access
from bpflab.loader.core.values import value_of
from bpflab.loader.elf import ElfFile
from bpflab.loader.errors import BpflabError

from . import binaries, system
from .parts import pack
from .targets import RECORD, TARGETS

SOURCE = Path(__file__).with_name("features.bpf.c")
_OF_SYSTEM: Mapping[str, Callable[[], list[bytes]]] = {
    "index": lambda: [system.index_seed()],
    "notes": lambda: [_note(1, b"abi\0") + _note(3, bytes(range(20))), _note(3, b"")],
    "kconfig": lambda: [system.OPTIONS],
    "kallsyms": lambda: [system.SYMBOLS],
    "log": lambda: [system.LOG],
    "binary": binaries.binary_seeds,
    "arguments": lambda: [*binaries.ARGUMENTS],
}
LARGEST_OF_PAIR = 4000
"""Bytes of BTF that stands for object and kernel at once: shorter inputs run more often."""
RECORDS = 24
MOV_IMM, LOAD_WORD = 0xB7, 0x61


def seeds(target: str) -> list[bytes]:
    """Good inputs for a target, the same each time. Compiles what is not in the cache yet."""
    if target in _OF_SYSTEM:
        return _OF_SYSTEM[target]()
    files = _objects()
    match target:
        case "elf":
            return [data for data in files if len(data) <= TARGETS["elf"].largest]
        case "btf":
            return [*_sections(files, ".BTF"), every_kind().encode()]
        case "layout":
            return [unknown_kinds()]
        case "split":
            return [distilled_module()]
        case "ext":
            return [pack((raw, ext)) for raw, ext in _with_ext(files)]
    pairs = [(local, local) for local in _sections(files, ".BTF") if len(local) <= LARGEST_OF_PAIR]
    ours, theirs = kernel_pair()
    pairs += [(ours.encode(), theirs.encode()), (every_kind().encode(),) * 2]
    return [pack((local, target, _records(local))) for local, target in pairs]


def _note(kind: int, content: bytes) -> bytes:
    return struct.pack("<III4s", 4, len(content), kind, b"GNU") + content


def _objects() -> list[bytes]:
    clang = find_clang()
    if clang is None:
        raise FileNotFoundError("no clang with the BPF target: run harness/tools.py")
    with tempfile.TemporaryDirectory() as folder:
        made = Path(folder) / "features.bpf.o"
        command = [clang, "-target", "bpf", "-g", "-O2", "-mcpu=v3", "-c", str(SOURCE), "-o", str(made)]
        subprocess.run(command, check=True)
        ours = made.read_bytes()
    built = objects(clang, library().path, cache_dir())
    return [ours, *(path.read_bytes() for path in built.values())]


def _sections(files: Iterable[bytes], name: str) -> list[bytes]:
    """The section of that name of each file that can be read; every content once."""
    found: dict[bytes, None] = {}
    for data in files:
        try:
            elf = ElfFile(data, "seed")
            section = elf.section(name)
            if section and section.size and elf.byte_order == "<":
                contents = elf.contents(section)
                Btf.from_bytes(contents)
                found[contents] = None
        except BpflabError:
            continue
    return list(found)


def _with_ext(files: Iterable[bytes]) -> Iterator[tuple[bytes, bytes]]:
    for data in files:
        for raw in _sections([data], ".BTF"):
            elf = ElfFile(data, "seed")
            if section := elf.section(".BTF.ext"):
                yield raw, elf.contents(section)


def every_kind() -> Btf:
    """Small BTF with each kind of record, referring to each other."""
    edit = BtfEdit(Btf(array("I"), b"\0"))
    name = edit.add_string
    integer = edit.append("int", make_info(Kind.INT), 4, 1 << 24 | 32)
    long = edit.append("unsigned long", make_info(Kind.INT), 8, 64)
    pointer = edit.append("", make_info(Kind.PTR), long)
    items = edit.append("", make_info(Kind.ARRAY), 0, integer, long, 4)
    union = edit.append("", make_info(Kind.UNION, 2), 8, name("low"), integer, 0, name("all"), long, 0)
    struct = edit.append(
        "thing",
        make_info(Kind.STRUCT, 3),
        32,
        name("next"),
        pointer,
        0,
        name("items"),
        items,
        64,
        0,
        union,
        192,
    )
    edit.append(
        "bits",
        make_info(Kind.STRUCT, 2, True),
        4,
        name("a"),
        integer,
        3 << 24,
        name("b"),
        integer,
        5 << 24 | 3,
    )
    edit.append("colour", make_info(Kind.ENUM, 2), 4, name("RED"), 0, name("BLUE"), 0xFFFFFFFF)
    edit.append("wide", make_info(Kind.ENUM64, 1), 8, name("HUGE"), 1, 0x80000000)
    edit.append("later", make_info(Kind.FWD, kflag=True), 0)
    chain = struct
    for kind in (Kind.TYPEDEF, Kind.VOLATILE, Kind.CONST, Kind.RESTRICT, Kind.TYPE_TAG):
        chain = edit.append(
            "thing_t" if kind in (Kind.TYPEDEF, Kind.TYPE_TAG) else "", make_info(kind), chain
        )
    proto = edit.append("", make_info(Kind.FUNC_PROTO, 2), integer, name("one"), chain, 0, 0)
    function = edit.append("call", make_info(Kind.FUNC, Linkage.GLOBAL), proto)
    variable = edit.append("state", make_info(Kind.VAR), chain, Linkage.GLOBAL)
    edit.append(".data", make_info(Kind.DATASEC, 1), 32, variable, 0, 32)
    edit.append("double", make_info(Kind.FLOAT), 8)
    edit.append("tag", make_info(Kind.DECL_TAG), function, 1)
    return edit.finish()


def unknown_kinds() -> bytes:
    """BTF with records of two kinds that are not known, and the layout that tells how long they are."""
    layout = struct.pack("<BBH", 0, 0, 0) * 20 + struct.pack("<BBHBBH", 4, 8, 0, 0, 0, 0)
    edit = BtfEdit(Btf(array("I"), b"\0", layout=layout))
    number = edit.append("int", make_info(Kind.INT), 4, 32)
    edit.append("new", make_info(20, 2), 0, *range(5))
    edit.append("newer", make_info(21), 0)
    edit.append("s", make_info(Kind.STRUCT, 1), 4, edit.add_string("m"), number, 0)
    return edit.finish().encode()


def distilled_module() -> bytes:
    """A module's base, its own types and a kernel's."""
    base, kernel = BtfEdit(Btf(array("I"), b"\0")), every_kind()
    ids = {"int": base.append("int", make_info(Kind.INT), 4, 1 << 24 | 32)}
    ids["unsigned long"] = base.append("unsigned long", make_info(Kind.INT), 8, 64)
    sized = {"double": (Kind.FLOAT, 8), "thing": (Kind.STRUCT, 24), "colour": (Kind.ENUM, 4)}
    for name, (kind, size) in {**sized, "wide": (Kind.ENUM, 8)}.items():
        ids[name] = base.append(name, make_info(kind), size)
    ids["later"] = base.append("later", make_info(Kind.FWD, kflag=True), 0)
    distilled = base.finish()
    own = BtfEdit(Btf(array("I"), b"", base=distilled))
    pointer = own.append("", make_info(Kind.PTR), ids["thing"])
    for name, type_id in ids.items():
        own.append(f"{name}_t", make_info(Kind.TYPEDEF), type_id)
    members = (own.add_string("p"), pointer, 0, own.add_string("i"), ids["int"], 64)
    own.append("mine", make_info(Kind.STRUCT, 2), 16, *members)
    own.append("", make_info(Kind.ARRAY), 0, pointer, ids["int"], 4)
    own.append("", make_info(Kind.FUNC_PROTO, 1), ids["int"], own.add_string("argument"), pointer)
    return pack((distilled.encode(), own.finish().encode(), kernel.encode()))


def kernel_pair() -> tuple[Btf, Btf]:
    """An object's types and a kernel's: members moved, widened, inside something without a name, flavors."""
    ours = BtfEdit(Btf(array("I"), b"\0"))
    number = ours.append("unsigned int", make_info(Kind.INT), 4, 32)
    name = ours.add_string
    deep = ours.append("deep", make_info(Kind.STRUCT, 1), 4, name("d"), number, 0)
    many = ours.append("", make_info(Kind.ARRAY), 0, number, number, 3)
    row = (name("id"), number, 0, name("deep"), deep, 32, name("many"), many, 64)
    ours.append("task___ours", make_info(Kind.STRUCT, 3), 20, *row)
    ours.append("state", make_info(Kind.ENUM, 2), 4, name("IDLE___ours"), 0, name("BUSY"), 1)

    theirs = BtfEdit(Btf(array("I"), b"\0"))
    name = theirs.add_string
    number = theirs.append("unsigned int", make_info(Kind.INT), 4, 32)
    long = theirs.append("unsigned long", make_info(Kind.INT), 8, 64)
    deep = theirs.append("deep", make_info(Kind.STRUCT, 2), 8, name("x"), number, 0, name("d"), number, 32)
    many = theirs.append("", make_info(Kind.ARRAY), 0, number, number, 8)
    inside = theirs.append("", make_info(Kind.STRUCT, 2), 16, name("id"), long, 0, name("deep"), deep, 64)
    theirs.append("task", make_info(Kind.STRUCT, 2), 48, 0, inside, 0, name("many"), many, 128)
    theirs.append("task___old", make_info(Kind.STRUCT, 1), 8, name("pid"), long, 0)
    theirs.append("state", make_info(Kind.ENUM64, 2), 8, name("BUSY"), 7, 0, name("IDLE"), 0, 1)
    return ours.finish(), theirs.finish()


def _records(raw: bytes) -> bytes:
    """Relocations of each kind for the named types, at instructions that hold the right number."""
    btf = Btf.from_bytes(raw)
    packed = []
    for found in btf.types():
        if found.name and found.kind in COMPOSITES | ENUMS:
            accesses = ["0", *(f"0:{number}" for number in range(found.vlen))][:4]
            for kind in RelocationKind:
                for access in accesses if kind.is_field else ["0"]:
                    packed.append(_record(btf, CoreRelocation(kind, found.id, access)))
    made = [record for record in packed if record]
    return b"".join(made[:: len(made) // RECORDS + 1])


def _record(btf: Btf, relocation: CoreRelocation) -> bytes:
    """One record as the target takes it apart; nothing for a relocation that makes no sense."""
    kind = RelocationKind(relocation.kind)
    try:
        value = value_of(parse_access(btf, relocation), kind)
    except BpflabError:
        return b""
    number = value.number if value else 0
    low, high = bpf.as_signed(number), bpf.as_signed(number >> 32)
    move = bpf.Insn(MOV_IMM, 1, 0, 0, low).pack("<") + bytes(bpf.SIZE)
    if kind == RelocationKind.FIELD_BYTE_OFFSET and value and value.size == 4:
        move = bpf.Insn(LOAD_WORD, 1, 1, number, 0).pack("<") + bytes(bpf.SIZE)
    elif kind == RelocationKind.ENUMVAL_VALUE:
        move = bpf.Insn(bpf.LD_IMM64, 1, 0, 0, low).pack("<") + bpf.Insn(0, 0, 0, 0, high).pack("<")
    access = relocation.access.encode()
    return RECORD.pack(kind, relocation.type_id, len(access)) + access + move
