"""Building the corpus: everything compiles, once, and the same each time; broken objects are broken."""

from __future__ import annotations

import io
import shutil
from pathlib import Path

import pytest
from bpflab.corpus import build
from bpflab.corpus.build import CompileError, libraries, linked, names, objects, sources
from bpflab.harness.subjects.libbpf.build import library
from bpflab.harness.tools import find_clang
from elftools.elf.elffile import ELFFile
from elftools.elf.sections import SymbolTableSection

REPLACED = {"hostile/empty", "hostile/text", "hostile/truncated"}
"""Broken as a whole; the others are broken in one place."""


@pytest.fixture(scope="module")
def clang() -> str:
    found = find_clang()
    assert found, "no clang with the BPF target: run harness/tools.py"
    return found


@pytest.fixture(scope="module")
def built(clang: str, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    return objects(clang, library().path, tmp_path_factory.mktemp("cache"))


def test_every_source_becomes_an_object(built: dict[str, Path]) -> None:
    assert list(built) == names()
    assert len(sources()) >= 60
    for name, path in built.items():
        assert path.name == f"{name.split('/')[1]}.bpf.o"


def test_compiled_objects_are_bpf_with_types_and_a_licence(built: dict[str, Path]) -> None:
    for name in sources():
        elf = ELFFile(io.BytesIO(built[name].read_bytes()))
        assert elf["e_machine"] == "EM_BPF", name
        assert bool(elf.get_section_by_name(".BTF")) is (name != "elf/no_btf"), name
        licence = elf.get_section_by_name("license")
        assert licence is not None and licence.data().endswith(b"\0"), name
        assert elf.little_endian is (name != "hostile/big_endian")


@pytest.mark.parametrize("name", sorted(sources()))
def test_adding_means_the_same_to_every_clang(name: str) -> None:
    """clang 20 and newer make a fetching add of __sync_fetch_and_add, which kernels before 5.12 refuse."""
    assert "__sync_" not in sources()[name].read_text(), "use add_one.h"


def test_nothing_is_compiled_twice(clang: str, built: dict[str, Path], tmp_path: Path) -> None:
    before = {path: path.stat().st_mtime_ns for path in built.values()}
    cache = built["maps/hash"].parents[3]
    assert objects(clang, library().path, cache) == built
    assert {path: path.stat().st_mtime_ns for path in built.values()} == before


def test_the_same_source_gives_the_same_code(clang: str, built: dict[str, Path], tmp_path: Path) -> None:
    again = objects(clang, library().path, tmp_path)
    for name in sources():
        assert sections(again[name]) == sections(built[name]), name


def sections(path: Path) -> dict[str, bytes]:
    """All but the types: clang 22 orders forward declarations by where they lie in its memory."""
    found = ELFFile(io.BytesIO(path.read_bytes())).iter_sections()
    return {each.name: each.data() for each in found if ".BTF" not in each.name}


@pytest.mark.parametrize("name", linked())
def test_linked_objects_hold_what_each_source_has(built: dict[str, Path], name: str) -> None:
    elf = ELFFile(io.BytesIO(built[name].read_bytes()))
    table = elf.get_section_by_name(".symtab")
    assert isinstance(table, SymbolTableSection)
    files = [symbol.name for symbol in table.iter_symbols() if symbol["st_info"]["type"] == "STT_FILE"]
    assert files == [path.name for path in linked()[name]] and len(files) > 1


@pytest.mark.parametrize("name", sorted(set(names()) - set(sources()) - set(linked())))
def test_broken_objects_differ_from_the_good_one(built: dict[str, Path], name: str) -> None:
    good, broken = built["maps/hash"].read_bytes(), built[name].read_bytes()
    assert broken != good
    if name not in REPLACED:
        changed = [at for at, (a, b) in enumerate(zip(good, broken, strict=True)) if a != b]
        assert max(changed) - min(changed) < 8, "broken in more than one place"


def test_only_what_is_made_of_a_file_is_compiled_anew(
    clang: str, built: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    copy = tmp_path / "corpus"
    shutil.copytree(build.HERE, copy)
    monkeypatch.setattr(build, "HERE", copy)
    monkeypatch.setattr(build, "LINKER", copy / "link.c")
    cache = shutil.copytree(built["maps/hash"].parents[3], tmp_path / "cache")
    before = objects(clang, library().path, cache)
    for changed in (copy / "maps/array.bpf.c", copy / "include/order.h"):
        changed.write_text(changed.read_text() + "\n")
    again = objects(clang, library().path, cache)
    uses = {name for name, path in sources().items() if '"order.h"' in path.read_text()}
    assert {name for name in built if again[name] != before[name]} == {"maps/array"} | uses


def test_no_half_made_file_stays(built: dict[str, Path]) -> None:
    folder = built["maps/hash"].parents[2]
    assert {path for path in folder.rglob("*") if path.is_file()} == set(built.values())


def test_a_compiler_that_refuses_is_quoted(clang: str, tmp_path: Path) -> None:
    (tmp_path / "include").mkdir()
    with pytest.raises(CompileError, match=r"(?s)\.bpf\.c: .*'linux/bpf\.h' file not found"):
        objects(clang, tmp_path, tmp_path)
    assert not list(tmp_path.rglob("*.o"))


@pytest.mark.parametrize("clang", ["/nonexistent/clang", "false"])
def test_a_compiler_that_does_not_run_is_named(clang: str, tmp_path: Path) -> None:
    with pytest.raises(CompileError, match="is no working compiler"):
        objects(clang, tmp_path, tmp_path)


def test_libraries_are_for_this_machine_and_built_once(clang: str, tmp_path: Path) -> None:
    built = libraries(clang, tmp_path)
    assert set(built) == {"probed"}
    elf = ELFFile(io.BytesIO(built["probed"].read_bytes()))
    assert elf["e_type"] == "ET_DYN" and elf.get_machine_arch() != "Linux BPF"
    assert elf.get_section_by_name(".note.stapsdt") is not None
    before = built["probed"].stat().st_mtime_ns
    assert libraries(clang, tmp_path) == built
    assert built["probed"].stat().st_mtime_ns == before
    with pytest.raises(CompileError, match="is no working compiler"):
        libraries("/nonexistent/clang", tmp_path)
