"""All externs of an object, resolved against the running kernel, and put into its programs."""

from __future__ import annotations

from functools import cached_property
from struct import pack

from .. import insn as bpf
from ..errors import BtfError, NotSupportedError, UnresolvedError
from ..fit import Target
from ..lean import replace
from ..linker import LinkedProgram
from ..spec import ExternReference, ExternSpec, MapReference, MapSpec, ObjectSpec
from .kallsyms import read_kallsyms
from .ksyms import KernelSymbol, describe, find_typed, find_untyped

UNRESOLVED_CALL = 2002000000
"""The call that stands for that of a missing weak function, plus the extern's number: libbpf's choice."""

_TOO_OLD = {
    "BPF_CALL uses reserved fields": "calls of kernel functions need 5.13",
    "in ldimm64 isn't KIND_VAR": "addresses of kernel functions need 6.4",
}
"""What the verifier says to what it does not know yet, and since when it does."""


class Externs:
    """What the kernel has for each extern of an object.

    Everything is looked up in the order of the externs, so that the same object gets
    the same instructions. A missing symbol is an error only for a program that uses it.
    """

    def __init__(self, spec: ObjectSpec, target: Target, kconfig: str = "") -> None:
        """Look everything up. Raises UnresolvedError for ``.kconfig``, KernelError."""
        self._spec = spec
        self._target = target
        self._numbers = {name: number for number, name in enumerate(spec.externs)}
        self._found: dict[str, KernelSymbol | None] = {}
        self._problems: dict[str, UnresolvedError] = {}
        self._descriptors = [0]
        """BTF that calls refer to by number; 0 is vmlinux."""
        self._slots: dict[str, int] = {}
        for extern in spec.externs.values():
            if extern.kind != "kconfig":
                self._look_up(extern)
        self._kconfig: bytes | None = None
        if any(extern.kind == "kconfig" for extern in spec.externs.values()):
            from .kconfig import kconfig_contents  # here, as few objects need it

            self._kconfig = kconfig_contents(spec, kconfig)

    def _look_up(self, extern: ExternSpec) -> None:
        try:
            self._found[extern.name] = found = self._find(extern)
        except UnresolvedError as error:
            self._problems[extern.name] = error
            return
        if found is not None and extern.kind == "kfunc":
            self._slot(found.module)

    def _find(self, extern: ExternSpec) -> KernelSymbol | None:
        if not extern.type_id:
            return find_untyped(extern, self._symbols)
        assert self._spec.btf is not None  # the reader refuses externs without BTF
        try:
            return find_typed(extern, self._spec.btf, self._target.running)
        except (NotSupportedError, BtfError) as error:
            raise UnresolvedError(describe(extern), str(error)) from error

    @cached_property
    def _symbols(self) -> bytes:
        return read_kallsyms()

    def _slot(self, module: str) -> int:
        """The number by which a call refers to the BTF that its function is in."""
        fd = self._target.modules.fd(module)
        if fd and module not in self._slots:
            self._slots[module] = len(self._descriptors)
            self._descriptors.append(fd)
        return self._slots.get(module, 0)

    @property
    def fd_array(self) -> bytes:
        """For `syscall.prog_load`: empty if no function of a module is called."""
        count = len(self._descriptors)
        return pack(f"={count}i", *self._descriptors) if count > 1 else b""

    def fill(self, spec: MapSpec) -> MapSpec:
        """The spec of a map of the object; of ``.kconfig``, one with the values in it."""
        return replace(spec, contents=self._kconfig) if spec.kind == "kconfig" else spec

    def apply(self, linked: LinkedProgram) -> None:
        """Put the externs into a linked program's instructions. Raises UnresolvedError."""
        for reference in linked.externs:
            extern = self._spec.externs[reference.name]
            if extern.kind == "kconfig":
                _point_into_kconfig(linked, reference, extern)
                continue
            if reference.name in self._problems:
                raise self._problems[reference.name]
            at, order = reference.insn, linked.byte_order
            insn = bpf.read(linked.insns, at, order)
            if insn.code == bpf.CALL:
                bpf.write(linked.insns, at, self._call(insn, extern), order)
            else:
                first, second = self._load(insn, bpf.read(linked.insns, at + 1, order), extern)
                bpf.write(linked.insns, at, first, order)
                bpf.write(linked.insns, at + 1, second, order)

    def _call(self, insn: bpf.Insn, extern: ExternSpec) -> bpf.Insn:
        found = self._found[extern.name]
        if found is None:
            missing = UNRESOLVED_CALL + self._numbers[extern.name]
            return insn._replace(dst=0, src=0, offset=0, imm=missing)
        return insn._replace(src=bpf.PSEUDO_KFUNC_CALL, offset=self._slot(found.module), imm=found.type_id)

    def _load(self, first: bpf.Insn, second: bpf.Insn, extern: ExternSpec) -> tuple[bpf.Insn, bpf.Insn]:
        """A 64-bit load of the address of a variable or function; 0 where a weak one is missing."""
        found = self._found[extern.name] or KernelSymbol()
        if found.type_id:
            fd = self._target.modules.fd(found.module)
            return first._replace(src=bpf.PSEUDO_BTF_ID, imm=found.type_id), second._replace(imm=fd)
        low, high = bpf.as_signed(found.address), bpf.as_signed(found.address >> 32)
        return first._replace(imm=low), second._replace(imm=high)

    def explain(self, log: str) -> str:
        """A verifier log, with a line at its end about an extern that the program was refused for."""
        lines = [
            f"{describe(extern)} is called, but the kernel does not have it"
            for extern in self._spec.externs.values()
            if f"unknown#{UNRESOLVED_CALL + self._numbers[extern.name]}" in log
        ]
        if any(extern.kind == "kfunc" for extern in self._spec.externs.values()):
            lines += [needed for said, needed in _TOO_OLD.items() if said in log]
        return "\n".join([log.rstrip("\n"), *lines]) + "\n" if lines else log


def _point_into_kconfig(linked: LinkedProgram, reference: ExternReference, extern: ExternSpec) -> None:
    """Make a 64-bit load one of the address in the ``.kconfig`` map's value."""
    at, order = reference.insn, linked.byte_order
    first, second = bpf.read(linked.insns, at, order), bpf.read(linked.insns, at + 1, order)
    bpf.write(linked.insns, at, first._replace(src=bpf.PSEUDO_MAP_VALUE, imm=0), order)
    bpf.write(linked.insns, at + 1, second._replace(imm=extern.offset), order)
    linked.map_refs.append(MapReference(at, ".kconfig", extern.offset))
