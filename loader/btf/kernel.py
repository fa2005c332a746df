"""The kernel's own BTF: of the running kernel, or from a file, without any kernel.

Types are found by name in what this process asked before, else in an index on disk, else
by passes over the types, in C or in Python.
"""

from __future__ import annotations

import os

from ..errors import BtfError, NotSupportedError
from ..lean import TYPE_CHECKING, NamedTuple, cache, read_file, struct
from ..native import native
from . import Btf
from .index import IndexFile
from .records import essential_name

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping
    from pathlib import Path
    from typing import Literal

SYSFS = "/sys/kernel/btf"
VMLINUX = "vmlinux"
NOTES = "/sys/kernel/notes"
MODULE_NOTES = "/sys/module/{}/notes/.note.gnu.build-id"
_GNU_BUILD_ID = 3


class Candidate(NamedTuple):
    """A type in the kernel or one of its modules."""

    module: str
    """``vmlinux``, or the module's name."""
    btf: Btf
    type_id: int


class Indexed(NamedTuple):
    """BTF, and the file of its index."""

    btf: Btf
    file: IndexFile


class KernelBtf:
    """The types of one kernel and, if they are to be had, of its modules."""

    def __init__(
        self,
        vmlinux: Btf,
        modules: Callable[[Btf], Mapping[str, Btf]] | None = None,
        having: Callable[[str], Collection[str]] | None = None,
    ) -> None:
        """`modules` is asked once, when vmlinux lacks a type; it gets vmlinux as the base of split BTF.

        `having` then says in which of them types of an essential name may be; without it, in all.
        """
        self.vmlinux = vmlinux
        self._find_modules = modules
        self._find_having = having
        self._modules: Mapping[str, Btf] | None = None
        self._candidates: dict[tuple[str, frozenset[int]], list[Candidate]] = {}
        self._expected: set[str] = set()
        self._indexes: list[IndexFile] = []

    @classmethod
    def running(cls) -> KernelBtf:
        """Of the running kernel. Raises NotSupportedError if it has none, BtfError if it is malformed.

        It is read once per process, and stays; modules are looked for anew each time.
        """
        vmlinux = _running_vmlinux()
        kernel = cls(vmlinux.btf, lambda base: kernel._note(_running_modules(base)))
        kernel._indexes.append(vmlinux.file)
        return kernel

    @staticmethod
    def forget_running() -> None:
        """Read the running kernel's BTF anew the next time, and give its memory back when nobody uses it."""
        _running_vmlinux.cache_clear()
        _running_module.cache_clear()

    @classmethod
    def from_file(
        cls,
        path: str | Path,
        modules: Callable[[Btf], Mapping[str, Btf]] | None = None,
        having: Callable[[str], Collection[str]] | None = None,
    ) -> KernelBtf:
        """From a file of raw BTF, or an ELF file (vmlinux) with a .BTF section; modules as in `KernelBtf`.

        Raises BtfError if the file holds no BTF, OSError if it cannot be read.
        """
        from .file import read_sections

        sections = read_sections(path)
        index = IndexFile(f"build-id-{sections.build_id}" if sections.build_id else "")
        kernel = cls(Btf.from_buffer(sections.btf, None, index.table), modules, having)
        kernel._indexes.append(index)
        return kernel

    def _note(self, modules: Mapping[str, Indexed]) -> Mapping[str, Btf]:
        self._indexes += [module.file for module in modules.values()]
        return {name: module.btf for name, module in modules.items()}

    def save_index(self) -> bool:
        """Write indexes of what was read without one, for the next process; whether one was written.

        For after the load, which need not wait for it. A cache that cannot be written is no error.
        """
        written = [index.save() for index in self._indexes]
        return any(written)

    @property
    def modules(self) -> Mapping[str, Btf]:
        """The modules' BTF by module name."""
        if self._modules is None:
            self._modules = self._find_modules(self.vmlinux) if self._find_modules else {}
        return self._modules

    def expect(self, names: Collection[str]) -> None:
        """Say which essential names will be asked for. Not needed, but then one pass finds them all."""
        self._expected.update(names)
        self.vmlinux.expect(names)

    def candidates(self, name: str, kinds: Collection[int]) -> list[Candidate]:
        """All types of one of the kinds whose essential name is `name`.

        Like libbpf: modules are looked into only if vmlinux has none.
        """
        key = name, frozenset(kinds)
        if key not in self._candidates:
            self._candidates[key] = self._search(name, kinds)
        return list(self._candidates[key])

    def _search(self, name: str, kinds: Collection[int]) -> list[Candidate]:
        found = _in_btf(VMLINUX, self.vmlinux, name, kinds)
        if not found:
            for module, btf in self._having(name):
                btf.expect(self._expected)
                found += _in_btf(module, btf, name, kinds)
        return found

    def _having(self, name: str) -> Iterator[tuple[str, Btf]]:
        modules = self.modules
        for module in self._find_having(name) if self._find_having else modules:
            yield module, modules[module]

    def find(self, name: str, kind: int) -> Candidate:
        """The first type of exactly this name and kind, in vmlinux, then the modules. Raises BtfError."""
        for type_id in self.vmlinux.named(name):
            if self.vmlinux.type(type_id).kind == kind:
                return Candidate(VMLINUX, self.vmlinux, type_id)
        for module, btf in self._having(essential_name(name)):
            for type_id in btf.named(name):
                if btf.type(type_id).kind == kind:
                    return Candidate(module, btf, type_id)
        raise BtfError(f"'{name}' is not in the kernel's BTF")


def _in_btf(module: str, btf: Btf, name: str, kinds: Collection[int]) -> list[Candidate]:
    ids = btf.essentially_named(name)
    return [Candidate(module, btf, type_id) for type_id in ids if btf.type(type_id).kind in kinds]


@cache
def _running_vmlinux() -> Indexed:
    build_id = _build_id(NOTES)
    index = IndexFile(f"build-id-{build_id}" if build_id else "")
    try:
        data = _map_or_read(f"{SYSFS}/{VMLINUX}")
    except FileNotFoundError:
        raise NotSupportedError(
            f"kernel BTF ({SYSFS}/{VMLINUX})", "5.4 and CONFIG_DEBUG_INFO_BTF; or give a BTF file"
        ) from None
    return Indexed(Btf.from_buffer(data, None, index.table), index)


def _map_or_read(path: str) -> bytes | memoryview:
    """A private mapping, which kernels have since 6.16; else the bytes."""
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        return native.map_file(fd, os.fstat(fd).st_size)
    except (OSError, ValueError):
        return read_file(path)
    finally:
        os.close(fd)


def _running_modules(vmlinux: Btf) -> dict[str, Indexed]:
    """BTF of the loaded modules. A malformed one (they exist) is left out with a warning."""
    found: dict[str, Indexed] = {}
    for entry in sorted(os.scandir(SYSFS), key=lambda entry: entry.name):
        if entry.name != VMLINUX:
            try:
                found[entry.name] = _running_module(entry.name, entry.inode(), vmlinux)
            except (BtfError, OSError) as error:
                import warnings

                warnings.warn(f"BTF of module {entry.name} is left out: {error}", stacklevel=2)
    return found


@cache
def _running_module(name: str, inode: int, vmlinux: Btf) -> Indexed:
    """A module's BTF; one that is loaded again is another file (`inode`)."""
    build_ids = _build_id(NOTES), _build_id(MODULE_NOTES.format(name))
    # The kernel adapts a module's BTF to its own when it loads it, so both decide what it is.
    index = IndexFile(f"build-id-{build_ids[0]}-{name}-{build_ids[1]}" if all(build_ids) else "")
    return Indexed(Btf.from_buffer(read_file(f"{SYSFS}/{name}"), vmlinux, index.table), index)


def _build_id(notes: str | Path) -> str:
    try:
        return find_build_id(read_file(notes))
    except OSError:
        return ""


def find_build_id(notes: bytes, byte_order: Literal["<", ">", "="] = "=") -> str:
    """What the linker computed from all that it put into a kernel or module, in hexadecimal digits.

    From ELF notes; empty if they hold none.
    """
    at = 0
    while at + 12 <= len(notes):
        name_size, size, kind = struct.unpack_from(byte_order + "III", notes, at)
        name_at = at + 12
        at = name_at + _padded(name_size)
        if kind == _GNU_BUILD_ID and notes[name_at : name_at + name_size] == b"GNU\0":
            return notes[at : at + size].hex()
        at += _padded(size)
    return ""


def _padded(size: int) -> int:
    return (size + 3) & ~3
