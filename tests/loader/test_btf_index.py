"""The kernel's BTF by name: the same answers with and without an index, and no index that others wrote."""

from __future__ import annotations

import os
import struct
from array import array
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from bpflab.loader.btf import Btf, Kind, kernel
from bpflab.loader.btf.file import read_btf, read_sections
from bpflab.loader.btf.index import MIN_WORDS
from bpflab.loader.btf.kernel import KernelBtf, find_build_id
from bpflab.loader.btf.records import make_info
from bpflab.loader.errors import BtfError, NotSupportedError
from bpflab.tests.elf_files import elf

BUILD_ID = bytes(range(20))
NOTES = struct.pack("=III4s4s", 4, 4, 1, b"GNU\0", b"abi\0")
NOTES += struct.pack("=III4s20s", 4, 20, 3, b"GNU\0", BUILD_ID)


def many_types(prefix: str, base: Btf | None = None) -> bytes:
    """Raw BTF of enough types for an index, each with a name; every tenth has a flavor, too."""
    words, strings = array("I"), bytearray(b"" if base else b"\0")
    first = base.first_string + len(base.strings) if base else 0
    for number in range(MIN_WORDS // 3 + 1):
        for flavor in ("", "___old") if number % 10 == 0 else ("",):
            words.extend((first + len(strings), make_info(Kind.FWD), 0))
            strings += f"{prefix}{number}{flavor}\0".encode()
    return Btf(words, bytes(strings), base=base).encode()


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where indexes are kept."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache/bpflab/btf"


@pytest.fixture
def raw(tmp_path: Path) -> Path:
    """A file of raw BTF that is worth an index."""
    path = tmp_path / "vmlinux.btf"
    path.write_bytes(many_types("type_"))
    return path


def answers(found: KernelBtf) -> list[list[str]]:
    names = ("type_0", "type_7", "type_10", "type_999", "type_10___old", "type", "missing")
    candidates = [found.candidates(name, (Kind.FWD,)) for name in names]
    return [[f"{one.type_id} {one.btf.type(one.type_id).name}" for one in some] for some in candidates]


EXPECTED = [["1 type_0", "2 type_0___old"], ["9 type_7"], ["12 type_10", "13 type_10___old"],
            ["1100 type_999"], [], [], []]  # fmt: skip


@pytest.fixture
def saved(folder: Path, raw: Path) -> Path:
    """The index of `raw`."""
    assert KernelBtf.from_file(raw).save_index()
    (path,) = folder.iterdir()
    return path


def is_trusted(raw: Path) -> bool:
    """Whether the index is used; either way the answers must be right."""
    found = KernelBtf.from_file(raw)
    assert answers(found) == EXPECTED
    return not found.save_index()


def test_an_index_gives_the_same_answers(folder: Path, raw: Path) -> None:
    first = KernelBtf.from_file(raw)
    assert answers(first) == EXPECTED
    assert not folder.exists(), "nothing is written before it is asked for"
    assert first.save_index() and not first.save_index()
    assert is_trusted(raw)
    assert [path.suffix for path in folder.iterdir()] == [".index"], "nothing unfinished is left"


def test_every_type_is_found_through_the_index(saved: Path, raw: Path) -> None:
    walked, indexed = read_btf(raw), KernelBtf.from_file(raw).vmlinux
    assert indexed == walked
    assert list(indexed.types()) == list(walked.types())
    names = [found.name for found in walked.types()]
    indexed.expect(names)
    assert [indexed.named(name) for name in names] == [[type_id] for type_id in walked.ids()]


def test_expected_names_are_found_in_one_go(folder: Path, raw: Path) -> None:
    found = KernelBtf.from_file(raw)
    found.expect(["type_0", "type_7", "missing"])
    found.expect(["type_7", "type_10"])
    assert answers(found) == EXPECTED


def test_a_small_file_needs_no_index(folder: Path, compile_bpf: Callable[[str], Path]) -> None:
    found = KernelBtf.from_file(compile_bpf("struct s { int a; } v;"))
    assert found.candidates("s", (Kind.STRUCT,)) and not found.save_index()
    assert not folder.exists()


def test_other_btf_has_another_index(saved: Path, raw: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.btf"
    other.write_bytes(raw.read_bytes().replace(b"type_77\0", b"type_xx\0"))
    assert KernelBtf.from_file(other).save_index()
    assert len(list(saved.parent.iterdir())) == 2


def test_only_its_owner_can_read_or_write_it(saved: Path) -> None:
    assert saved.parent.stat().st_mode & 0o777 == 0o700
    assert saved.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("mode", [0o620, 0o602])
def test_a_file_that_others_can_write_is_refused(saved: Path, raw: Path, mode: int) -> None:
    saved.chmod(mode)
    assert not is_trusted(raw)
    assert is_trusted(raw), "it was written anew"


@pytest.mark.parametrize("mode", [0o720, 0o702])
def test_a_directory_that_others_can_write_is_refused(saved: Path, raw: Path, mode: int) -> None:
    content = saved.read_bytes()
    saved.parent.chmod(mode)
    found = KernelBtf.from_file(raw)
    saved.write_bytes(b"evil")
    assert answers(found) == answers(KernelBtf.from_file(raw)) == EXPECTED
    assert not found.save_index(), "nor is it written to"
    saved.write_bytes(content)
    saved.parent.chmod(0o700)
    assert is_trusted(raw)


@pytest.mark.parametrize("what", ["file", "directory"])
def test_what_others_own_is_refused(saved: Path, raw: Path, what: str) -> None:
    try:
        os.chown(saved if what == "file" else saved.parent, 65534, 65534)
    except PermissionError as error:
        pytest.skip(f"this process may give no files away: {error}")
    found = KernelBtf.from_file(raw)
    assert answers(found) == EXPECTED
    assert found.save_index() == (what == "file")


def test_symbolic_links_are_not_followed(saved: Path, raw: Path, tmp_path: Path) -> None:
    moved = saved.rename(tmp_path / "elsewhere")
    saved.symlink_to(moved)
    assert not is_trusted(raw)
    assert not saved.is_symlink()
    folder = saved.parent.rename(tmp_path / "folder")
    saved.parent.symlink_to(folder)
    found = KernelBtf.from_file(raw)
    assert answers(found) == EXPECTED and not found.save_index()


@pytest.mark.parametrize("size", [0, 7, 31, 40, 5000, -4, 4])
def test_an_index_of_the_wrong_size_is_refused(saved: Path, raw: Path, size: int) -> None:
    content = saved.read_bytes()
    saved.write_bytes(content + bytes(size) if size == 4 else content[:size])
    assert not is_trusted(raw)


@pytest.mark.parametrize("byte", range(32))
def test_an_index_with_another_header_is_refused(saved: Path, raw: Path, byte: int) -> None:
    content = bytearray(saved.read_bytes())
    content[byte] ^= 0x40
    saved.write_bytes(content)
    assert not is_trusted(raw)


def test_a_damaged_index_leads_to_no_types_that_are_not_there(saved: Path, raw: Path) -> None:
    """Its owner alone can write it, so what it says is not checked; an error tells what to remove."""
    offsets = 4 * len(list(read_btf(raw).ids()))
    saved.write_bytes(saved.read_bytes()[:-offsets] + b"\xff\xff\0\0" * (offsets // 4))
    with pytest.raises(BtfError, match=r"type 1 is cut off; .* Remove it"):
        KernelBtf.from_file(raw).vmlinux.type(1)


def test_an_index_of_other_btf_under_this_name_is_refused(saved: Path, raw: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.btf"
    other.write_bytes(many_types("else_"))
    assert KernelBtf.from_file(other).save_index()
    (alien,) = set(saved.parent.iterdir()) - {saved}
    alien.rename(saved)
    assert not is_trusted(raw)


@pytest.mark.parametrize("obstacle", ["cache", "cache/bpflab"])
def test_where_nothing_can_be_written_it_works_without(raw: Path, folder: Path, obstacle: str) -> None:
    path = folder.parents[2] / obstacle
    path.parent.mkdir(exist_ok=True)
    path.write_text("a file in the way")
    assert not KernelBtf.from_file(raw).save_index()
    assert answers(KernelBtf.from_file(raw)) == EXPECTED


def test_without_a_home_it_works_without(raw: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", "relative/does/not/count")
    # What is left as it was: there is no home.
    monkeypatch.setattr(os.path, "expanduser", lambda path: path)
    assert not KernelBtf.from_file(raw).save_index()


def test_home_is_where_the_cache_is(raw: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert KernelBtf.from_file(raw).save_index()
    assert list(tmp_path.glob(".cache/bpflab/btf/*.index"))


# Build ids


def test_a_kernel_image_is_known_by_its_build_id(folder: Path, raw: Path, tmp_path: Path) -> None:
    image = tmp_path / "vmlinux"
    image.write_bytes(elf(_text=b"code", _notes=NOTES, _BTF=raw.read_bytes()))
    assert read_sections(image).build_id == BUILD_ID.hex()
    assert KernelBtf.from_file(image).save_index()
    assert is_trusted(image)
    assert [path.name for path in folder.iterdir()] == [f"build-id-{BUILD_ID.hex()}.index"]
    assert KernelBtf.from_file(raw).save_index(), "the same BTF by itself has no build id"


@pytest.mark.parametrize(
    ("notes", "found"),
    [
        (NOTES, BUILD_ID.hex()),
        (b"", ""),
        (NOTES[:20], ""),
        (NOTES[:30], ""),
        (struct.pack("=III8s4s", 6, 4, 3, b"Linux\0\0\0", b"1234") + NOTES, BUILD_ID.hex()),
        (struct.pack("=III", 4, 0xFFFFFFF0, 3) + b"GNU\0", ""),
        (struct.pack("=III", 0xFFFFFFFF, 20, 3) + b"GNU\0", ""),
    ],
)
def test_build_ids(notes: bytes, found: str) -> None:
    assert find_build_id(notes) == found


def test_build_ids_of_the_other_byte_order() -> None:
    assert find_build_id(struct.pack(">III4s4s", 4, 4, 3, b"GNU\0", b"\1\2\3\4"), ">") == "01020304"


# Modules


def test_a_module_with_its_own_base_continues_that_or_the_kernels(
    tmp_path: Path, compile_bpf: Callable[[str], Path]
) -> None:
    vmlinux = read_btf(compile_bpf("struct s { int a; } v; long unrelated;"))
    distilled = Btf(array("I", [1, make_info(Kind.STRUCT), 4]), b"\0s\0")
    name, module = len(distilled.strings), tmp_path / "module.ko"
    split = Btf(
        array("I", [name, make_info(Kind.TYPEDEF), distilled.named("s")[0]]), b"mine\0", base=distilled
    )
    module.write_bytes(elf(_BTF=split.encode(), _BTF_base=distilled.encode()))
    for found, base in ((read_btf(module), distilled), (read_btf(module, vmlinux), vmlinux)):
        assert found.base == base
        (mine,) = found.named("mine")
        assert found.resolve(mine).name == "s" and found.size_of(mine) == 4


class Sysfs:
    """A kernel of our own making: its BTF, modules and build ids."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.vmlinux = Btf.from_bytes(many_types("type_"))
        self.add("vmlinux", self.vmlinux.encode())

    def add(self, name: str, data: bytes) -> None:
        """A module that was loaded just now."""
        (self.path / f".{name}").write_bytes(data)
        (self.path / f".{name}").rename(self.path / name)

    def add_notes(self, name: str) -> None:
        (self.path.parent / f"{name}.notes").write_bytes(NOTES)


@pytest.fixture
def sysfs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Sysfs]:
    (tmp_path / "btf").mkdir()
    monkeypatch.setattr(kernel, "SYSFS", tmp_path / "btf")
    monkeypatch.setattr(kernel, "NOTES", tmp_path / "vmlinux.notes")
    monkeypatch.setattr(kernel, "MODULE_NOTES", str(tmp_path / "{}.notes"))
    kernel._running_vmlinux.cache_clear()
    yield Sysfs(tmp_path / "btf")
    kernel._running_vmlinux.cache_clear()


def test_the_running_kernel_is_read_once(sysfs: Sysfs, folder: Path) -> None:
    first, second = KernelBtf.running(), KernelBtf.running()
    assert first.vmlinux is second.vmlinux
    assert answers(first) == EXPECTED


def test_a_kernel_without_btf(sysfs: Sysfs) -> None:
    (sysfs.path / "vmlinux").unlink()
    with pytest.raises(NotSupportedError, match="CONFIG_DEBUG_INFO_BTF"):
        KernelBtf.running()


def test_malformed_btf_of_the_kernel(sysfs: Sysfs) -> None:
    (sysfs.path / "vmlinux").write_bytes(b"no BTF at all, but long enough")
    with pytest.raises(BtfError, match="no BTF"):
        KernelBtf.running()


def test_a_malformed_module_is_left_out(sysfs: Sysfs, folder: Path) -> None:
    words = array("I", [len(sysfs.vmlinux.strings), make_info(Kind.FWD), 0])
    sysfs.add("good", Btf(words, b"of_module\0", base=sysfs.vmlinux).encode())
    sysfs.add("bad", b"\x9f\xeb\1\0 and then nothing that makes sense")
    found = KernelBtf.running()
    with pytest.warns(UserWarning, match="BTF of module bad is left out"):
        (candidate,) = found.candidates("of_module", (Kind.FWD,))
    assert (candidate.module, candidate.type_id) == ("good", sysfs.vmlinux.end_id)


def test_a_module_that_was_loaded_again_is_read_again(sysfs: Sysfs, folder: Path) -> None:
    for name in (b"before\0", b"after\0"):
        words = array("I", [len(sysfs.vmlinux.strings), make_info(Kind.FWD), 0])
        sysfs.add("module", Btf(words, name, base=sysfs.vmlinux).encode())
        assert KernelBtf.running().candidates(name[:-1].decode(), (Kind.FWD,))
    assert not KernelBtf.running().candidates("before", (Kind.FWD,))


def test_large_modules_have_an_index_too(sysfs: Sysfs, folder: Path) -> None:
    for name in ("vmlinux", "large"):
        sysfs.add_notes(name)
    sysfs.add("large", many_types("module_", sysfs.vmlinux))
    expected = [sysfs.vmlinux.end_id + 12 - 1, sysfs.vmlinux.end_id + 13 - 1]

    def ids() -> list[int]:
        return [one.type_id for one in KernelBtf.running().candidates("module_10", (Kind.FWD,))]

    found = KernelBtf.running()
    assert [one.type_id for one in found.candidates("module_10", (Kind.FWD,))] == expected
    assert found.save_index()
    build_id = BUILD_ID.hex()
    names = {f"build-id-{build_id}.index", f"build-id-{build_id}-large-{build_id}.index"}
    assert {path.name for path in folder.iterdir()} == names
    kernel._running_vmlinux.cache_clear()
    kernel._running_module.cache_clear()
    again = KernelBtf.running()
    assert ids() == [one.type_id for one in again.candidates("module_10", (Kind.FWD,))] == expected
    assert not again.save_index()
