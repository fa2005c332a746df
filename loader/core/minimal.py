"""The part of a kernel's BTF that one object's relocations look at.

An object can be shipped with the small BTF of each kernel that has none of its own:
relocating against it gives the same as against the whole.
"""

from __future__ import annotations

from ..btf import Btf, essential_name
from ..btf.ext import CoreRelocation
from ..btf.kernel import VMLINUX, KernelBtf
from ..btf.minimal import minimal
from ..btf.records import COMPOSITES, Kind
from ..errors import BtfError
from ..spec import ObjectSpec
from .access import Access, RelocationKind, kinds_compatible, match_access, parse_access


def minimal_btf(spec: ObjectSpec, kernel: KernelBtf) -> Btf:
    """What of vmlinux's types an object's CO-RE relocations need; modules are left out.

    Only the type ids that a program asks for (``bpf_core_type_id_kernel``) are those of the
    small BTF, not the kernel's. Raises BtfError for malformed types or relocations.
    """
    wanted: dict[int, set[int] | None] = {}
    if spec.btf is not None:
        for relocation in {relocation for function in spec.functions for _, relocation in function.core}:
            _add(wanted, spec.btf, relocation, kernel)
    return minimal(kernel.vmlinux, wanted).btf


def _add(
    wanted: dict[int, set[int] | None], local: Btf, relocation: CoreRelocation, kernel: KernelBtf
) -> None:
    access = parse_access(local, relocation)
    root = local.type(relocation.type_id)
    if access.kind == RelocationKind.TYPE_ID_LOCAL or not root.name:
        return
    kinds = [kind for kind in Kind if kinds_compatible(root.kind, kind)]
    for candidate in kernel.candidates(essential_name(root.name), kinds):
        if candidate.module != VMLINUX:
            continue
        if access.kind == RelocationKind.TYPE_MATCHES:
            wanted[candidate.type_id] = None
            continue
        wanted.setdefault(candidate.type_id, set())
        found = match_access(access, candidate.btf, candidate.type_id)
        if found is not None and access.kind.is_field:
            _add_path(wanted, found)


def _add_path(wanted: dict[int, set[int] | None], access: Access) -> None:
    """The members on the way to a field."""
    btf, type_id = access.btf, access.root_id
    for number in access.raw[1:]:
        found = btf.resolve(type_id)
        if found.kind in COMPOSITES:
            members = wanted.setdefault(found.id, set())
            if members is not None:
                members.add(number)
            type_id = btf.member(found, number).type_id
        elif found.kind == Kind.ARRAY:
            type_id = btf.array(found).type_id
        else:
            raise BtfError(f"{btf.describe(type_id)} has nothing inside")
