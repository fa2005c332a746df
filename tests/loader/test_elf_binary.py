"""Programs and libraries: their functions read as pyelftools reads them, chosen as the linker chooses."""

from __future__ import annotations

import shutil
import struct
import subprocess
from pathlib import Path

import pytest
from bpflab.corpus.build import libraries
from bpflab.harness.tools import find_clang
from bpflab.loader.elf_binary import ET_DYN, ET_EXEC, Binary
from bpflab.loader.errors import ObjectError
from elftools.elf.elffile import ELFFile

SOURCE = """
__attribute__((noinline)) static int hidden_one(int a) { return a * 3; }
__attribute__((noinline)) static int hidden_two(int a) { return a * 5; }
static int chosen(int a) { return a; }
static void *choose(void) { return chosen; }
int indirect(int a) __attribute__((ifunc("choose")));
__attribute__((weak)) int weak_one(int a) { return a; }
int main(int argc, char **argv)
{
    return hidden_one(argc) + hidden_two(argc) + indirect(argc) + weak_one(argc);
}
"""


@pytest.fixture(scope="module")
def probed(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    clang = find_clang()
    assert clang
    return libraries(clang, tmp_path_factory.mktemp("cache"))["probed"].read_bytes()


@pytest.fixture(scope="module", params=["-pie", "-no-pie"])
def program(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    cc = shutil.which("cc")
    assert cc, "no C compiler: run harness/tools.py"
    folder = tmp_path_factory.mktemp("program")
    (folder / "main.c").write_text(SOURCE)
    flags = ["-O1", request.param, *(["-fPIE"] if request.param == "-pie" else ["-fno-pie"])]
    subprocess.run([cc, *flags, "-o", "main", "main.c"], cwd=folder, check=True)
    return folder / "main"


def offsets_by_pyelftools(path: Path, table: str) -> dict[str, set[int]]:
    """Name → where in the file functions of that name begin."""
    found: dict[str, set[int]] = {}
    with path.open("rb") as file:
        elf = ELFFile(file)
        section = elf.get_section_by_name(table)
        assert section is not None
        for symbol in section.iter_symbols():  # type: ignore[attr-defined]  # pyelftools says Section
            if symbol["st_info"]["type"] == "STT_FUNC" and symbol["st_shndx"] != "SHN_UNDEF":
                (offset,) = elf.address_offsets(symbol["st_value"])
                found.setdefault(symbol.name, set()).add(offset)
    return found


def test_functions_of_libc_are_where_pyelftools_finds_them() -> None:
    maps = Path("/proc/self/maps").read_text().splitlines()
    path = next(Path(line.split()[-1]) for line in maps if "/libc.so" in line)
    theirs = offsets_by_pyelftools(path, ".dynsym")
    binary = Binary(path.read_bytes(), "libc")
    ours = binary.matching("*")
    assert {function.offset for function in ours} == set().union(*theirs.values())
    assert len(ours) > 1000
    for name in ("getenv", "malloc", "open", "setpriority"):
        assert {binary.function(name).offset} == theirs[name]


def test_static_functions_come_from_the_other_table(program: Path) -> None:
    theirs = offsets_by_pyelftools(program, ".symtab")
    binary = Binary(program.read_bytes(), "main")
    assert {binary.function("hidden_one").offset} == theirs["hidden_one"]
    assert [function.name for function in binary.matching("hidden_?*")] == sorted(
        ["hidden_one", "hidden_two"], key=lambda name: theirs[name].copy().pop()
    )
    assert binary.type in (ET_EXEC, ET_DYN)


def test_functions_that_choose_another_are_not_probed(program: Path) -> None:
    binary = Binary(program.read_bytes(), "main")
    with pytest.raises(LookupError, match="'indirect' of 'main' is an IFUNC"):
        binary.function("indirect")
    assert binary.matching("indirect") == []


def test_stripped_programs_keep_what_is_dynamic(program: Path, tmp_path: Path) -> None:
    stripped = tmp_path / "stripped"
    subprocess.run(["strip", "-o", stripped, program], check=True)
    with pytest.raises(LookupError, match="has no function 'hidden_one'"):
        Binary(stripped.read_bytes(), "stripped").function("hidden_one")


@pytest.mark.parametrize(
    ("name", "version"),
    [
        ("probed_version", "BPFLAB_2"),
        ("probed_version@BPFLAB_2", "BPFLAB_2"),
        ("probed_version@@BPFLAB_2", "BPFLAB_2"),
        ("probed_version@BPFLAB_1", "BPFLAB_1"),
        ("probed_sum", "BPFLAB_1"),
    ],
)
def test_versions(probed: bytes, name: str, version: str) -> None:
    binary = Binary(probed, "probed.so")
    found = binary.function(name)
    assert found.version == version
    if name.startswith("probed_version"):
        assert found.offset == binary.function(f"probed_version_{version[-1]}").offset


@pytest.mark.parametrize(
    "name", ["probed_version@BPFLAB_3", "probed_su", "robed_sum", "", "*", "probed_counter"]
)
def test_names_that_there_are_not(probed: bytes, name: str) -> None:
    with pytest.raises(LookupError, match="has no function"):
        Binary(probed, "probed.so").function(name)


@pytest.mark.parametrize(
    ("pattern", "names"),
    [
        ("probed_many_*", ["probed_many_one", "probed_many_two", "probed_many_three"]),
        ("probed_many_t??", ["probed_many_two"]),
        ("*_sum", ["probed_sum"]),
        ("probed.sum", []),
        ("probed_counter", []),
    ],
)
def test_patterns(probed: bytes, pattern: str, names: list[str]) -> None:
    found = Binary(probed, "probed.so").matching(pattern)
    assert [function.name for function in found] == names
    assert [function.offset for function in found] == sorted(function.offset for function in found)


def test_several_places_of_one_name_are_ambiguous(probed: bytes) -> None:
    """Both versions made the default ones: without the bit that hides the older."""
    binary = Binary(probed, "probed.so")
    section = binary.section(".gnu.version")
    assert section
    numbers = bytearray(probed)
    for at in range(section.offset, section.offset + section.size, 2):
        (number,) = struct.unpack_from("<H", numbers, at)
        struct.pack_into("<H", numbers, at, number & 0x7FFF)
    with pytest.raises(LookupError, match=r"several functions 'probed_version' \(.*BPFLAB_[12] at 0x"):
        Binary(bytes(numbers), "probed.so").function("probed_version")


def test_addresses_outside_the_file_have_no_offset(probed: bytes) -> None:
    binary = Binary(probed, "probed.so")
    assert binary.file_offset(1 << 40) is None
    last = binary.segments[-1]
    assert binary.file_offset(last.address + last.size) is None
    assert binary.file_offset(last.address + last.size - 1) == last.offset + last.size - 1


def test_other_files_are_refused(probed: bytes) -> None:
    relocatable = bytearray(probed)
    relocatable[16] = 1
    with pytest.raises(ObjectError, match="ELF type 1 is neither a program nor a shared library"):
        Binary(bytes(relocatable), "object.o")
    outside = bytearray(probed)
    struct.pack_into("<Q", outside, 32, len(probed))
    with pytest.raises(ObjectError, match=r"program headers at .* reach beyond the file"):
        assert Binary(bytes(outside), "outside.so").segments
    with pytest.raises(ObjectError, match="no ELF file"):
        Binary(b"#!/bin/sh\n", "script")
