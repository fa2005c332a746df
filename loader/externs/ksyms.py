"""Resolving ``.ksyms`` externs: variables and functions by BTF, symbols without type by address."""

from __future__ import annotations

from ..btf import Btf, Kind, essential_name
from ..btf.kernel import VMLINUX, Candidate, KernelBtf
from ..btf.type_name import type_name
from ..core.compat import types_compatible
from ..errors import BtfError, UnresolvedError
from ..lean import NamedTuple
from ..spec import ExternSpec
from .kallsyms import find_addresses


class KernelSymbol(NamedTuple):
    """Where the kernel has an extern."""

    address: int = 0
    """Of a symbol without type."""
    type_id: int = 0
    """VAR or FUNC in the BTF of `module`."""
    module: str = VMLINUX


def find_typed(extern: ExternSpec, local: Btf, kernel: KernelBtf) -> KernelSymbol | None:
    """A variable or function of the kernel or a module; None if a weak one is missing or does not suit.

    As in libbpf, only of functions do the flavour (``___x``) not count and a wrong type count
    as missing. Raises UnresolvedError.
    """
    function = extern.kind == "kfunc"
    what = describe(extern)
    try:
        name = essential_name(extern.name) if function else extern.name
        found = kernel.find(name, Kind.FUNC if function else Kind.VAR)
    except BtfError as error:
        if extern.weak:
            return None
        raise UnresolvedError(what, f"{error}, nor in that of a loaded module") from error
    if _suits(extern, local, found):
        return KernelSymbol(type_id=found.type_id, module=found.module)
    if extern.weak and function:
        return None
    raise UnresolvedError(
        what, f"is declared with another type than {found.module} has it: {_declared(found, function)}"
    )


def _declared(found: Candidate, function: bool) -> str:
    """What the kernel has, in C."""
    if not function:
        return type_name(found.btf, found.type_id)
    from ..btf.dump import declaration  # here, as only errors need it

    return declaration(found.btf, found.type_id).removeprefix("static ")


def _suits(extern: ExternSpec, local: Btf, found: Candidate) -> bool:
    """Whether a function has the declared arguments, or a variable the declared type."""
    target_id = found.btf.type(found.type_id).size_or_type
    if extern.kind == "kfunc":
        return types_compatible(local, local.type(extern.type_id).size_or_type, found.btf, target_id)
    return types_compatible(local, extern.type_id, found.btf, found.btf.resolve(target_id).id)


def find_untyped(extern: ExternSpec, symbols: bytes) -> KernelSymbol | None:
    """A symbol by its address; None if a weak one is missing. Raises UnresolvedError."""
    addresses = find_addresses(symbols, [extern.name]).get(extern.name, [])
    if len(addresses) > 1:
        raise UnresolvedError(
            describe(extern), f"is ambiguous: the kernel has it at {addresses[0]:#x} and {addresses[1]:#x}"
        )
    if addresses:
        return KernelSymbol(address=addresses[0])
    if extern.weak:
        return None
    raise UnresolvedError(describe(extern), "the kernel has no such symbol (/proc/kallsyms)")


def describe(extern: ExternSpec) -> str:
    """In the user's words."""
    return f"extern function '{extern.name}'" if extern.kind == "kfunc" else f"extern '{extern.name}'"
