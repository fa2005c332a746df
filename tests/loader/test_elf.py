"""The ELF reader against pyelftools, and against files that are no good."""

from __future__ import annotations

import io
import shutil
import struct
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from bpflab.corpus import build
from bpflab.corpus.hostile import MUTATIONS
from bpflab.harness.subjects.libbpf.build import library
from bpflab.kernels.cache import cache_dir
from bpflab.loader.btf import Btf
from bpflab.loader.elf import ElfFile
from bpflab.loader.errors import ObjectError
from bpflab.loader.spec import ObjectSpec
from elftools.elf.elffile import ELFFile
from elftools.elf.relocation import RelocationSection
from elftools.elf.sections import SymbolTableSection

SOURCE = """
struct { __uint(type, 1); __type(key, u32); __type(value, u64); __uint(max_entries, 8); } counts SEC(".maps");
volatile u32 seen; static volatile u32 hidden_from_view = 3;
__attribute__((noinline, weak)) int helper(int x) { return x + (int)seen; }
SEC("socket") int count(struct __sk_buff *skb) {
    u32 key = hidden_from_view;
    u64 *value = bpf_map_lookup_elem(&counts, &key);
    if (value) *value += 1;
    return helper(skb->len);
}
"""


@pytest.fixture
def objects(compile_bpf: Callable[[str], Path], tmp_path: Path) -> list[Path]:
    """The same program in both byte orders, and all of the corpus but what was broken on purpose."""
    little = compile_bpf(SOURCE)
    big = tmp_path / "big.bpf.o"
    names = ["clang", *(f"clang-{version}" for version in range(22, 13, -1))]
    clang = next(filter(None, map(shutil.which, names)))
    assert clang is not None
    command = [clang, "-g", "-O2", "-target", "bpfeb", "-c", str(little.with_suffix(".c")), "-o", str(big)]
    subprocess.run(command, check=True)
    corpus = build.objects(clang, library().path, cache_dir())
    return [little, big, *(path for name, path in corpus.items() if name not in MUTATIONS)]


def test_sections_are_those_of_pyelftools(objects: list[Path]) -> None:
    for path in objects:
        data = path.read_bytes()
        ours, theirs = ElfFile(data, path.name), ELFFile(io.BytesIO(data))
        assert ours.byte_order == ("<" if theirs.little_endian else ">")
        assert [
            (section.name, section.offset, section.size, section.link, section.info, section.entry_size)
            for section in ours.sections
        ] == [
            (
                section.name,
                section["sh_offset"],
                section["sh_size"],
                section["sh_link"],
                section["sh_info"],
                section["sh_entsize"],
            )
            for section in theirs.iter_sections()
        ]
        for mine, other in zip(ours.sections, theirs.iter_sections(), strict=True):
            if other["sh_type"] != "SHT_NOBITS":
                assert ours.contents(mine) == other.data()


def test_types_survive_a_round_trip(objects: list[Path]) -> None:
    trips = 0
    for path in objects:
        elf = ElfFile(path.read_bytes(), path.name)
        if section := elf.section(".BTF"):
            raw = elf.contents(section)
            btf = Btf.from_bytes(raw)
            assert Btf.from_bytes(btf.encode()) == btf
            assert btf.encode() == raw, path
            trips += 1
    assert trips > 60


def test_symbols_are_those_of_pyelftools(objects: list[Path]) -> None:
    for path in objects:
        data = path.read_bytes()
        theirs = ELFFile(io.BytesIO(data))
        table = theirs.get_section_by_name(".symtab")
        assert isinstance(table, SymbolTableSection)
        expected = []
        for symbol in table.iter_symbols():
            index = symbol["st_shndx"]
            name = symbol.name
            if symbol["st_info"]["type"] == "STT_SECTION" and not name:
                name = theirs.get_section(index).name
            expected.append(
                (name, symbol["st_value"], symbol["st_size"], symbol["st_info"]["bind"] != "STB_LOCAL")
            )
        symbols = ElfFile(data, path.name).symbols
        assert [(symbol.name, symbol.value, symbol.size, symbol.is_global) for symbol in symbols] == expected
        assert symbols


def test_relocations_are_those_of_pyelftools(objects: list[Path]) -> None:
    for path in objects:
        data = path.read_bytes()
        ours, theirs = ElfFile(data, path.name), ELFFile(io.BytesIO(data))
        names = [section.name for section in theirs.iter_sections() if isinstance(section, RelocationSection)]
        assert names
        for name in names:
            section, other = ours.section(name), theirs.get_section_by_name(name)
            assert section is not None and isinstance(other, RelocationSection)
            assert [
                (relocation.offset, ours.symbols.index(relocation.symbol), relocation.type)
                for relocation in ours.relocations(section)
            ] == [
                (entry["r_offset"], entry["r_info_sym"], entry["r_info_type"])
                for entry in other.iter_relocations()
            ]


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "empty"),
        (b"int main(void) { return 0; }\n" * 10, "no ELF file"),
        (b"\x7fELF\x02\x01", "cut off within the ELF header"),
        (b"\x7fELF\x01\x01" + bytes(100), "no 64-bit ELF file"),
        (b"\x7fELF\x02\x07" + bytes(100), "byte order 7"),
        (b"\x7fELF\x02\x01" + bytes(100), "no section headers"),
    ],
)
def test_what_is_no_object_is_named(data: bytes, said: str) -> None:
    with pytest.raises(ObjectError, match=said) as caught:
        ElfFile(data, "some.bpf.o")
    assert str(caught.value).startswith("some.bpf.o: ")


def test_file_for_another_machine_is_refused(compile_bpf: Callable[[str], Path]) -> None:
    data = bytearray(compile_bpf(SOURCE).read_bytes())
    struct.pack_into("<H", data, 18, 62)
    with pytest.raises(ObjectError, match="machine 62"):
        ElfFile(bytes(data), "x86.o").require_bpf()
    struct.pack_into("<HH", data, 16, 2, 247)
    with pytest.raises(ObjectError, match="not relocatable"):
        ElfFile(bytes(data), "linked.o").require_bpf()


def test_section_outside_the_file_is_named(compile_bpf: Callable[[str], Path]) -> None:
    data = bytearray(compile_bpf(SOURCE).read_bytes())
    elf = ElfFile(bytes(data), "x.o")
    number = next(section.number for section in elf.sections if section.name == ".maps")
    (headers,) = struct.unpack_from("<Q", data, 40)
    struct.pack_into("<Q", data, headers + 64 * number + 24, 1 << 40)
    with pytest.raises(ObjectError, match="reach beyond the file") as caught:
        ElfFile(bytes(data), "x.o")
    assert caught.value.section == ".maps"


def patched(data: bytes, at: int, layout: str, *values: int) -> bytes:
    changed = bytearray(data)
    struct.pack_into("<" + layout, changed, at, *values)
    return bytes(changed)


def test_more_sections_than_16_bits_can_count(compile_bpf: Callable[[str], Path]) -> None:
    """Their number and the names' section are in the first header then."""
    data = compile_bpf(SOURCE).read_bytes()
    (at,), (count, names) = struct.unpack_from("<Q", data, 40), struct.unpack_from("<HH", data, 60)
    moved = patched(patched(data, at + 32, "QI", count, names), 60, "HH", 0, 0xFFFF)
    assert ElfFile(moved, "many.o").sections[1:] == ElfFile(data, "few.o").sections[1:]


@pytest.mark.parametrize(
    ("at", "layout", "value", "said"),
    [
        (58, "H", 40, "section headers of 40 bytes, not 64"),
        (40, "Q", 1 << 40, "lie outside the file"),
        (60, "H", 0xFFFE, "65534 section headers .* reach beyond the file"),
        (62, "H", 0x7FFF, "section names are in section 32767 of"),
    ],
)
def test_headers_that_are_not_there(
    compile_bpf: Callable[[str], Path], at: int, layout: str, value: int, said: str
) -> None:
    with pytest.raises(ObjectError, match=said):
        ElfFile(patched(compile_bpf(SOURCE).read_bytes(), at, layout, value), "x.o")


@pytest.mark.parametrize(
    ("field", "layout", "value", "said"),
    [
        (32, "Q", 25, "25 bytes are no whole number of symbols"),
        (40, "I", 0x7FFF, "symbol names are in section 32767, which is missing"),
    ],
)
def test_symbol_tables_that_make_no_sense(
    compile_bpf: Callable[[str], Path], field: int, layout: str, value: int, said: str
) -> None:
    data = compile_bpf(SOURCE).read_bytes()
    (at,) = struct.unpack_from("<Q", data, 40)
    number = next(one.number for one in ElfFile(data, "x.o").sections if one.type == 2)
    elf = ElfFile(patched(data, at + 64 * number + field, layout, value), "x.o")
    with pytest.raises(ObjectError, match=said) as caught:
        _ = elf.symbols
    assert caught.value.section == ".symtab"


FUNCTIONS = 'SEC("xdp") int one(void *c) { return 1; } SEC("xdp") int two(void *c) { return 2; }'


@pytest.mark.parametrize(
    ("value", "size", "said"),
    [
        (16, 0, r"'two' \(16\+0\) is no whole number of instructions"),
        (16, 12, r"'two' \(16\+12\) is no whole"),
        (20, 16, r"'two' \(20\+16\) is no whole"),
        (16, 800, "'two' reaches beyond 32 bytes"),
        (8, 24, "'two' starts within another one"),
    ],
)
def test_functions_that_are_cut_or_overlap(
    compile_bpf: Callable[[str], Path], value: int, size: int, said: str
) -> None:
    data = compile_bpf(FUNCTIONS).read_bytes()
    elf = ElfFile(data, "x.o")
    table = next(one for one in elf.sections if one.type == 2)
    number = next(place for place, symbol in enumerate(elf.symbols) if symbol.name == "two")
    changed = patched(data, table.offset + 24 * number + 8, "QQ", value, size)
    with pytest.raises(ObjectError, match=said) as caught:
        ObjectSpec.from_bytes(changed, "x.o")
    assert caught.value.section == "xdp"


def test_a_function_of_two_names_is_read_once(compile_bpf: Callable[[str], Path]) -> None:
    source = FUNCTIONS + ' extern int other(void *c) __attribute__((alias("one")));'
    spec = ObjectSpec.from_file(compile_bpf(source))
    assert len(spec.functions) == 2
