"""DATASECs put right by the native pass and by Python: the same, or left to Python, which says why."""

from __future__ import annotations

from array import array
from collections.abc import Callable, Sequence
from pathlib import Path
from random import Random
from struct import pack
from types import ModuleType

import pytest
from bpflab.loader.btf import Btf, Kind, Linkage
from bpflab.loader.btf.edit import BtfEdit
from bpflab.loader.btf.records import make_info
from bpflab.loader.btf.table import u32_room
from bpflab.loader.elf import STB_GLOBAL, STB_LOCAL, STB_WEAK, STT_FUNC, STT_OBJECT, STV_HIDDEN, Symbol
from bpflab.loader.errors import BpflabError, BtfError
from bpflab.loader.native import compiled, pure
from bpflab.loader.spec import ObjectSpec
from bpflab.loader.spec.datasecs import fix_datasecs

from ..fuzz.mutate import in_section, scramble
from ..fuzz.targets import read_elf

SIZE = 64


def variable(name: str, place: int, bind: int = STB_GLOBAL, visibility: int = 0, section: int = 1) -> Symbol:
    return Symbol(name, place, 4, STT_OBJECT, bind, visibility, section)


def table(symbols: Sequence[Symbol]) -> tuple[bytes, bytes]:
    """The symbols as they are in a file, and their names."""
    rows, names = b"", b"\0"
    for name, value, size, kind, bind, visibility, section in symbols:
        rows += pack("=IBBHQQ", len(names), bind << 4 | kind, visibility, section, value, size)
        names += name.encode() + b"\0"
    return rows, names


def sections(held: Sequence[tuple[str, Sequence[tuple[str, int, int]]]]) -> Btf:
    """BTF with DATASECs of variables: name, linkage and offset of each."""
    edit = BtfEdit(Btf(array("I"), b"\0"))
    number = edit.append("int", make_info(Kind.INT), 4, 32)
    ids: dict[str, int] = {}
    for name, variables in held:
        entries = []
        for one, linkage, offset in variables:
            if one not in ids:
                ids[one] = edit.append(one, make_info(Kind.VAR), number, linkage)
            entries += [ids[one], offset, 4]
        edit.append(name, make_info(Kind.DATASEC, len(variables)), SIZE, *entries)
    return edit.finish()


def native_finds(btf: Btf, symbols: Sequence[Symbol], twin: ModuleType = compiled) -> list[int] | None:
    room = u32_room(len(btf.words))
    count = twin.btf_datasecs(btf.words, btf.offsets, btf.strings, *table(symbols), room)
    return None if count < 0 else room[:count].tolist()


def python_finds(btf: Btf, symbols: Sequence[Symbol]) -> list[int]:
    """The same in the same form."""
    numbers = []
    variables = [symbol for symbol in symbols if symbol.type == STT_OBJECT]
    for type_id, is_shared, types in fix_datasecs(btf, lambda _: SIZE, variables).values():
        numbers += [type_id, is_shared, btf.type(type_id).vlen]
        numbers += [number for offset in sorted(types) for number in (offset, types[offset])]
    return numbers


GLOBAL, STATIC, EXTERN = Linkage.GLOBAL, Linkage.STATIC, Linkage.EXTERN


@pytest.mark.parametrize(
    ("held", "symbols"),
    [
        ([], []),
        ([(".bss", [])], []),
        ([(".bss", [("one", GLOBAL, 0)])], [variable("one", 8)]),
        (
            [(".bss", [("c", GLOBAL, 0), ("a", GLOBAL, 0), ("b", STATIC, 12)])],
            [variable("c", 20), variable("a", 4), variable("b", 12, STB_LOCAL)],
        ),
        ([(".data", [("one", STATIC, 8), ("two", STATIC, 4)])], []),
        ([(".data", [("one", GLOBAL, 8)])], [variable("one", 4, STB_WEAK, STV_HIDDEN)]),
        ([(".data", [("one", EXTERN, 8), ("two", EXTERN, 4)])], []),
        ([(".kconfig", [("CONFIG", EXTERN, 8)]), (".ksyms", [("symbol", EXTERN, 8)])], []),
        (
            [
                (".data", [("one", GLOBAL, 0)]),
                (".bss", [("two", GLOBAL, 0)]),
                ("license", [("l", GLOBAL, 0)]),
            ],
            [variable("two", 0), variable("l", 0), variable("one", 0), variable("other", 4)],
        ),
        # Of two symbols the last, and none that is no global variable of a section.
        (
            [(".data", [("one", GLOBAL, 0)])],
            [
                variable("one", 4),
                variable("one", 8),
                variable("one", 12, STB_LOCAL),
                variable("one", 16, section=0xFFF1),
                Symbol("one", 20, 4, STT_FUNC, STB_GLOBAL, 0, 1),
            ],
        ),
        # A name that begins another one, and one that ends it.
        ([(".data", [("counter", GLOBAL, 0)])], [variable("count", 4), variable("counter", 8)]),
    ],
)
def test_the_native_pass_does_the_same(
    held: list[tuple[str, list[tuple[str, int, int]]]], symbols: list[Symbol]
) -> None:
    ours, theirs = sections(held), sections(held)
    found = native_finds(ours, symbols)
    assert found is not None
    assert found == python_finds(theirs, symbols)
    assert ours == theirs
    assert native_finds(sections(held), symbols, pure) is None


LONG = "n" * 256


@pytest.mark.parametrize(
    ("held", "symbols", "said"),
    [
        ([("one", GLOBAL, 0)], [], "'one' of '.data' has no ELF symbol"),
        ([("one", GLOBAL, 0)], [variable("other", 4)], "no ELF symbol"),
        ([("one", GLOBAL, 0)], [variable("one", 4, STB_LOCAL)], "no ELF symbol"),
        ([("one", GLOBAL, 0)], [variable("one", 4, section=0)], "no ELF symbol"),
        ([("one", GLOBAL, 0)], [variable("one", 1 << 32)], "beyond 32 bits"),
        ([(LONG, GLOBAL, 0)], [variable(LONG, 4)], ""),
        ([(f"v{number}", STATIC, 4 * number) for number in range(300)], [], ""),
        (
            [(f"v{number}", GLOBAL, 0) for number in range(200)],
            [variable(f"v{n}", n) for n in range(400)],
            "",
        ),
    ],
)
def test_what_is_unusual_is_left_to_python(
    held: list[tuple[str, int, int]], symbols: list[Symbol], said: str
) -> None:
    btf = sections([(".data", held)])
    assert native_finds(btf, symbols) is None
    if said:
        with pytest.raises(BtfError, match=said):
            fix_datasecs(btf, lambda _: SIZE, symbols)
    else:
        assert len(fix_datasecs(btf, lambda _: SIZE, symbols)[".data"].types) == len(held)


@pytest.mark.parametrize("held", [0, 1, 4, 1 << 31])
def test_what_is_no_variable_is_left_to_python(held: int) -> None:
    btf = sections([(".data", [("one", STATIC, 0)])])
    btf.words[btf.word_offset(3) + 3] = held
    assert native_finds(btf, []) is None
    with pytest.raises(BtfError):
        fix_datasecs(btf, lambda _: SIZE, [])


SOURCE = """
struct { __uint(type, 1); __type(key, u32); __type(value, u64); __uint(max_entries, 8); } counts SEC(".maps");
u64 first, second = 7; static volatile u32 kept; const volatile u32 limit = 3;
u32 of_its_own SEC(".data.own") = 1; __attribute__((visibility("hidden"))) u32 hidden;
extern int CONFIG_HZ __attribute__((section(".kconfig"), weak));
SEC("xdp") int sort(void *ctx)
{
    u32 key = limit; first++; kept++; hidden += of_its_own; second += CONFIG_HZ;
    return bpf_map_lookup_elem(&counts, &key) ? 1 : 2;
}
SEC("?tc") int other(void *ctx) { return kept; }
"""


def test_nothing_that_a_compiler_makes_is_left_to_python(
    compile_bpf: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    path = compile_bpf(SOURCE)
    by_python = []
    with pytest.MonkeyPatch.context() as patch:
        for name in ("spec.data", "btf.ext"):
            patch.setattr(f"bpflab.loader.{name}.native", pure)
        by_python.append(ObjectSpec.from_file(path))
    for name in ("spec.datasecs.fix_datasecs", "btf.ext_blocks.read_blocks"):
        monkeypatch.setattr(f"bpflab.loader.{name}", None)
    assert [ObjectSpec.from_file(path)] == by_python


def test_changed_objects_are_read_alike(compile_bpf: Callable[[str], Path]) -> None:
    """By both, or refused in the same words."""
    data, chance = compile_bpf(SOURCE).read_bytes(), Random(20261124)
    refused = 0
    for _ in range(300):
        changed = in_section(data, chance, lambda part: scramble(part, chance))
        try:
            read_elf(changed)
        except BpflabError:
            refused += 1
    assert 20 < refused < 280
