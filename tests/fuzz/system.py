"""What is fuzzed of what the machine says: an index of BTF, notes, configuration, symbols, verifier logs."""

from __future__ import annotations

import tempfile
from array import array
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path
from unittest.mock import patch

from bpflab.loader import insn as bpf
from bpflab.loader.btf import Btf, Kind
from bpflab.loader.btf.edit import BtfEdit
from bpflab.loader.btf.ext import CoreRelocation
from bpflab.loader.btf.index import MIN_WORDS, IndexFile
from bpflab.loader.btf.kernel import KernelBtf, find_build_id
from bpflab.loader.btf.records import IntEncoding, make_info
from bpflab.loader.core import RelocationKind, relocate
from bpflab.loader.errors import BpflabError, VerifierError
from bpflab.loader.externs.kallsyms import find_addresses
from bpflab.loader.externs.kconfig import kconfig_contents
from bpflab.loader.linker import LinkedProgram
from bpflab.loader.programs.poison import explain_poison
from bpflab.loader.spec import ExternSpec, ObjectSpec

IDENTITY = "fuzzed"
INDEXED = 40
"""Types of the BTF whose index is fuzzed, each of which is asked for."""


def index_seed() -> bytes:
    """The index that belongs to the BTF of `read_index`."""
    with _cache() as place:
        index = IndexFile(IDENTITY)
        Btf.from_buffer(_indexed(), None, index.table)
        index.save()
        return place.read_bytes()


def read_index(data: bytes) -> None:
    """An index on disk: whatever it says, types are found, or not, or an error says what is wrong."""
    with _cache() as place:
        place.parent.mkdir(mode=0o700, parents=True)
        place.write_bytes(data)
        place.chmod(0o600)
        btf = Btf.from_buffer(_indexed(), None, IndexFile(IDENTITY).table)
    for number in range(INDEXED):
        with suppress(BpflabError):
            for type_id in btf.named(f"t{number}"):
                for member in btf.members(btf.type(type_id)):
                    btf.size_of(member.type_id)


@contextmanager
def _cache() -> Iterator[Path]:
    """A cache of its own: the path that the index has in it."""
    with tempfile.TemporaryDirectory() as folder, patch.dict("os.environ", XDG_CACHE_HOME=folder):
        yield Path(folder) / "bpflab" / "btf" / f"{IDENTITY}.index"


@cache
def _indexed() -> bytes:
    """Raw BTF of few types, but so long that an index is worth it."""
    edit = BtfEdit(Btf(array("I"), b"\0"))
    number = edit.append("int", make_info(Kind.INT), 4, 32)
    for count in range(INDEXED):
        edit.append(f"t{count}", make_info(Kind.STRUCT, 1), 4, edit.add_string("m"), number, 0)
    edit.append("long", make_info(Kind.ENUM, MIN_WORDS // 2), 4, *[0] * (MIN_WORDS // 2 * 2))
    return edit.finish().encode()


def read_notes(data: bytes) -> None:
    """ELF notes: the build id is of bytes that are there."""
    for order in ("<", ">"):
        found = bytes.fromhex(find_build_id(data, order))
        assert found in data


OPTIONS = (
    b"CONFIG_BOOL=y\nCONFIG_CHAR=m\nCONFIG_TRISTATE=n\n# CONFIG_SMALL is not set\nCONFIG_SMALL=-3\n"
    b'CONFIG_LARGE=0xffffffff81000000\nCONFIG_TEXT="gcc (Debian) 14"\n'
)
"""A value for each extern of `read_kconfig`."""


def read_kconfig(data: bytes) -> None:
    """A kernel's configuration, as values of each type that an extern can have."""
    btf, externs = _externs()
    for name, extern in externs.items():
        spec = ObjectSpec("fuzzed", "<", btf=btf, externs={name: extern})
        with suppress(BpflabError):
            # The first line of a name counts; where there is none the machine's own file would be read.
            contents = kconfig_contents(spec, data.decode("utf-8", "replace") + f"\n{name}=1\n")
            assert len(contents) == extern.size


@cache
def _externs() -> tuple[Btf, dict[str, ExternSpec]]:
    edit = BtfEdit(Btf(array("I"), b"\0"))
    small = edit.append("short", make_info(Kind.INT), 2, IntEncoding.SIGNED << 24 | 16)
    large = edit.append("unsigned long", make_info(Kind.INT), 8, 64)
    flag = edit.append("bool", make_info(Kind.INT), 1, IntEncoding.BOOL << 24 | 8)
    char = edit.append("char", make_info(Kind.INT), 1, IntEncoding.SIGNED << 24 | 8)
    text = edit.append("", make_info(Kind.ARRAY), 0, char, small, 8)
    tristate = edit.append("libbpf_tristate", make_info(Kind.ENUM), 4)
    rows = [("BOOL", flag, 1), ("CHAR", char, 1), ("TRISTATE", tristate, 4)]
    rows += [("SMALL", small, 2), ("LARGE", large, 8), ("TEXT", text, 8)]
    externs = {
        f"CONFIG_{name}": ExternSpec(f"CONFIG_{name}", "kconfig", False, type_id, size)
        for name, type_id, size in rows
    }
    return edit.finish(), externs


SYMBOLS = (
    b"ffffffff81000000 T _text\nffffffff81000030 d state.llvm.123\nffffffffc0000000 t in_module\t[veth]\n"
    b"0000000000000000 A fixed_percpu_data\nffffffff81000010 T twice\nffffffff81000010 T twice\n"
)


def read_kallsyms(data: bytes) -> None:
    """The kernel's symbols: an address fits in 64 bits."""
    for name, addresses in find_addresses(data, ("_text", "state", "in_module", "twice", "t")).items():
        assert name.encode() in data
        assert all(0 <= address < 1 << 64 for address in addresses)


LOG = (
    b"0: R1=ctx() R10=fp0\n; return thing->lost; @ test.c:7\n0: (85) call unknown#195896080\n"
    b"invalid func unknown#195896080\nprocessed 1 insns (limit 1000000) max_states_per_insn 0\n"
)


def read_log(data: bytes) -> None:
    """A verifier log: what the error shows is one line, and the poisoned instruction is named."""
    text = data.decode("utf-8", "replace")
    spec, linked, kernel = _poisoned()
    done, results = relocate(linked, spec, kernel)
    assert spec.btf is not None
    assert explain_poison(text, done, spec.btf, results, kernel).startswith(text.rstrip("\n"))
    assert len(str(VerifierError("fuzzed", 22, text)).splitlines()) == 1


@cache
def _poisoned() -> tuple[ObjectSpec, LinkedProgram, KernelBtf]:
    """A program with one relocation for a member that the kernel lacks."""
    ours, theirs = BtfEdit(Btf(array("I"), b"\0")), BtfEdit(Btf(array("I"), b"\0"))
    for edit, name in ((ours, "lost"), (theirs, "kept")):
        number = edit.append("int", make_info(Kind.INT), 4, 32)
        edit.append("thing", make_info(Kind.STRUCT, 1), 4, edit.add_string(name), number, 0)
    file, line = ours.add_string("test.c"), ours.add_string("return thing->lost;")
    spec = ObjectSpec("fuzzed", "<", btf=ours.finish())
    linked = LinkedProgram(
        "fuzzed",
        bytearray(bpf.Insn(0xB7, 1, 0, 0, 0).pack("<") * 2),
        functions=[(0, "fuzzed")],
        core=[(0, CoreRelocation(RelocationKind.FIELD_BYTE_OFFSET, 2, "0:0"))],
        line_info=[0, file, line, 7 << 10],
    )
    return spec, linked, KernelBtf(Btf.from_bytes(theirs.finish().encode()))
