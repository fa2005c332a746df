"""Types of the modules of kernels that are not running: found by name, however the modules are packed."""

from __future__ import annotations

import gzip
import lzma
import warnings
from array import array
from collections.abc import Callable
from pathlib import Path

import pytest
import zstandard
from bpflab.kernels.module_types import ModuleTypes
from bpflab.loader.btf import Btf, Kind
from bpflab.loader.btf.edit import BtfEdit
from bpflab.loader.btf.kernel import KernelBtf
from bpflab.loader.btf.records import make_info
from bpflab.loader.errors import BtfError
from bpflab.tests.elf_files import elf


def btf(*names: tuple[str, Kind, int], base: Btf | None = None) -> Btf:
    """Types without anything in them: name, kind, size."""
    edit = BtfEdit(Btf(array("I"), b"" if base else b"\0", base=base))
    for name, kind, size in names:
        edit.append(name, make_info(kind), size)
    return edit.finish()


VMLINUX = btf(("shared", Kind.STRUCT, 4), ("declared", Kind.FWD, 0), ("number", Kind.ENUM, 4))


class Notes:
    """What the user was told."""

    def __init__(self) -> None:
        self.notes: list[str] = []

    def advance(self, what: str, done: int, total: int) -> None:
        raise AssertionError("nothing is fetched")

    def note(self, text: str) -> None:
        self.notes.append(text)


class Folder:
    """A ``lib/modules/RELEASE``."""

    def __init__(self, path: Path) -> None:
        self.path = path / "6.99-test"
        (self.path / "kernel" / "net").mkdir(parents=True)
        self.depend("")

    def depend(self, text: str) -> None:
        (self.path / "modules.dep").write_text(text)

    def add(self, file: str, *names: tuple[str, Kind, int], pack: Callable[[bytes], bytes] = bytes) -> None:
        image = elf(_BTF=btf(*names, base=VMLINUX).encode())
        (self.path / "kernel" / "net" / file).write_bytes(pack(image))

    def kernel(self) -> tuple[KernelBtf, Notes]:
        notes = Notes()
        types = ModuleTypes(self.path, notes)
        return KernelBtf(VMLINUX, types.continuing, types.having), notes


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Folder:
    monkeypatch.setenv("BPFLAB_CACHE", str(tmp_path / "cache"))
    return Folder(tmp_path)


def where(kernel: KernelBtf, name: str, kind: Kind = Kind.STRUCT) -> list[str]:
    return [f"{one.module} {one.btf.size_of(one.type_id)}" for one in kernel.candidates(name, (kind,))]


PACKED: dict[str, Callable[[bytes], bytes]] = {
    ".ko": bytes,
    ".ko.xz": lzma.compress,
    ".ko.gz": gzip.compress,
    ".ko.zst": zstandard.compress,
}


@pytest.mark.parametrize("suffix", PACKED)
def test_a_type_that_only_a_module_has(folder: Folder, suffix: str) -> None:
    folder.add(f"some-driver{suffix}", ("private", Kind.STRUCT, 8), pack=PACKED[suffix])
    folder.add("other.ko", ("others", Kind.STRUCT, 16))
    kernel, _ = folder.kernel()
    assert where(kernel, "private") == ["some_driver 8"]
    assert where(kernel, "private", Kind.UNION) == where(kernel, "nobodys") == []
    assert kernel.find("private", Kind.STRUCT).module == "some_driver"
    assert list(kernel.modules) == ["other", "some_driver"]


def test_every_module_that_has_it_is_a_candidate(folder: Folder) -> None:
    for name, size in (("b.ko", 16), ("a.ko", 8), ("c.ko", 8)):
        folder.add(name, ("private___new" if name == "c.ko" else "private", Kind.STRUCT, size))
    assert where(folder.kernel()[0], "private") == ["a 8", "b 16", "c 8"]


def test_only_what_vmlinux_lacks_is_looked_for_in_modules(folder: Folder) -> None:
    folder.add("m.ko", ("shared", Kind.STRUCT, 8), ("declared", Kind.STRUCT, 8), ("number", Kind.ENUM64, 8))
    kernel, notes = folder.kernel()
    assert where(kernel, "shared") == ["vmlinux 4"]
    assert not notes.notes, "nothing is read before it is needed"
    assert where(kernel, "declared") == ["m 8"]
    types = ModuleTypes(folder.path).continuing(VMLINUX)
    assert types.having("declared") == ["m"]
    assert types.having("shared") == types.having("number") == []


def test_modules_are_read_once_until_others_come(folder: Folder) -> None:
    folder.add("m.ko", ("private", Kind.STRUCT, 8))
    kernel, notes = folder.kernel()
    assert where(kernel, "private") == ["m 8"]
    assert notes.notes == ["reading the types of 1 modules of 6.99-test, once"]
    kernel, notes = folder.kernel()
    assert where(kernel, "private") == ["m 8"] and not notes.notes
    folder.add("n.ko", ("private", Kind.STRUCT, 8))
    folder.depend("kernel/net/n.ko:")
    kernel, notes = folder.kernel()
    assert where(kernel, "private") == ["m 8", "n 8"] and len(notes.notes) == 1


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (elf(_BTF=b"no BTF at all, but long enough"), "this is no BTF"),
        (lzma.compress(b"x" * 100)[:-20], "cannot be read"),
        (b"", "the file is empty"),
    ],
)
def test_a_malformed_module_is_left_out_with_a_warning(folder: Folder, content: bytes, said: str) -> None:
    folder.add("good.ko", ("private", Kind.STRUCT, 8))
    name = "bad.ko.xz" if content[:1] == b"\xfd" else "bad.ko"
    (folder.path / "kernel" / name).write_bytes(content)
    kernel, _ = folder.kernel()
    with pytest.warns(UserWarning, match=f"BTF of module bad is left out: .*{said}"):
        assert where(kernel, "private") == ["good 8"]
    with pytest.raises(BtfError, match=said):
        kernel.modules["bad"]


def test_a_module_without_btf_is_no_reason_to_warn(folder: Folder) -> None:
    """As all of 5.10 are."""
    (folder.path / "kernel" / "old.ko").write_bytes(elf(_text=b"code"))
    kernel, _ = folder.kernel()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert where(kernel, "private") == []
    with pytest.raises(BtfError, match="module old has no BTF"):
        kernel.modules["old"]


def test_a_module_with_a_base_of_its_own(folder: Folder) -> None:
    distilled = btf(("shared", Kind.STRUCT, 4))
    edit = BtfEdit(Btf(array("I"), b"", base=distilled))
    edit.append("private", make_info(Kind.STRUCT, 1), 4, edit.add_string("m"), 1, 0)
    image = elf(_BTF=edit.finish().encode(), _BTF_base=distilled.encode())
    (folder.path / "kernel" / "built-alone.ko").write_bytes(image)
    (found,) = folder.kernel()[0].candidates("private", (Kind.STRUCT,))
    assert found.module == "built_alone" and found.btf.base == VMLINUX
    (member,) = found.btf.members(found.btf.type(found.type_id))
    assert member.type_id == VMLINUX.named("shared")[0]
