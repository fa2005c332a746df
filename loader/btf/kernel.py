"""The kernel's own BTF: of the running kernel, or from a file, without any kernel."""

from __future__ import annotations

import mmap
import warnings
from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import NamedTuple

from ..elf import ElfFile
from ..errors import BtfError, NotSupportedError, ObjectError
from .btf import Btf

SYSFS = Path("/sys/kernel/btf")
VMLINUX = "vmlinux"


class Candidate(NamedTuple):
    """A type in the kernel or one of its modules."""

    module: str
    """``vmlinux``, or the module's name."""
    btf: Btf
    type_id: int


class KernelBtf:
    """The types of one kernel and, if they are to be had, of its modules."""

    def __init__(self, vmlinux: Btf, modules: Callable[[Btf], Mapping[str, Btf]] | None = None) -> None:
        """`modules` is asked once, when vmlinux lacks a type; it gets vmlinux as the base of split BTF."""
        self.vmlinux = vmlinux
        self._find_modules = modules
        self._modules: Mapping[str, Btf] | None = None
        self._candidates: dict[tuple[str, frozenset[int]], list[Candidate]] = {}

    @classmethod
    def running(cls) -> KernelBtf:
        """Of the running kernel. Raises NotSupportedError if it has none, BtfError if it is malformed."""
        try:
            data = (SYSFS / VMLINUX).read_bytes()
        except FileNotFoundError:
            raise NotSupportedError(
                f"kernel BTF ({SYSFS / VMLINUX})", "5.4 and CONFIG_DEBUG_INFO_BTF; or give a BTF file"
            ) from None
        return cls(Btf.from_bytes(data), _running_modules)

    @classmethod
    def from_file(cls, path: str | Path) -> KernelBtf:
        """From a file of raw BTF, or an ELF file (vmlinux) with a .BTF section. No modules.

        Raises BtfError if the file holds no BTF, OSError if it cannot be read.
        """
        return cls(read_btf(path))

    @property
    def modules(self) -> Mapping[str, Btf]:
        """The modules' BTF by module name."""
        if self._modules is None:
            self._modules = self._find_modules(self.vmlinux) if self._find_modules else {}
        return self._modules

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
            for module, btf in self.modules.items():
                found += _in_btf(module, btf, name, kinds)
        return found

    def find(self, name: str, kind: int) -> Candidate:
        """The first type of exactly this name and kind, in vmlinux, then the modules. Raises BtfError."""
        for type_id in self.vmlinux.named(name):
            if self.vmlinux.type(type_id).kind == kind:
                return Candidate(VMLINUX, self.vmlinux, type_id)
        for module, btf in self.modules.items():
            for type_id in btf.named(name):
                if btf.type(type_id).kind == kind:
                    return Candidate(module, btf, type_id)
        raise BtfError(f"'{name}' is not in the kernel's BTF")


def read_btf(path: str | Path, base: Btf | None = None) -> Btf:
    """BTF from a raw file or the .BTF section of an ELF file. Raises BtfError, OSError."""
    with Path(path).open("rb") as file:
        start = file.read(4)
        if start != b"\x7fELF":
            return Btf.from_bytes(start + file.read(), base)
        # A vmlinux with debug information can have hundreds of megabytes.
        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as image:
            try:
                elf = ElfFile(image, str(path))
                section = elf.section(".BTF")
                data = elf.contents(section) if section else b""
            except ObjectError as error:
                raise BtfError(str(error)) from error
    if not data:
        raise BtfError(f"{path}: this ELF file has no .BTF section")
    return Btf.from_bytes(data, base)


def _in_btf(module: str, btf: Btf, name: str, kinds: Collection[int]) -> list[Candidate]:
    ids = btf.essentially_named(name)
    return [Candidate(module, btf, type_id) for type_id in ids if btf.type(type_id).kind in kinds]


def _running_modules(vmlinux: Btf) -> dict[str, Btf]:
    """BTF of the loaded modules. A malformed one (they exist) is left out with a warning."""
    found: dict[str, Btf] = {}
    for path in sorted(SYSFS.iterdir()):
        if path.name != VMLINUX:
            try:
                found[path.name] = Btf.from_bytes(path.read_bytes(), vmlinux)
            except (BtfError, OSError) as error:
                warnings.warn(f"BTF of module {path.name} is left out: {error}", stacklevel=2)
    return found
