"""Whether a type of the object has the same shape as one of the kernel (TYPE_MATCHES)."""

from __future__ import annotations

from ..btf import Btf, BtfType, IntEncoding, Kind, essential_name
from ..btf.records import ENUMS
from ..errors import BtfError
from .access import MAX_DEPTH


def types_match(local: Btf, local_id: int, target: Btf, target_id: int) -> bool:
    """Whether everything that the local type has is in the target type, by name and kind.

    Sizes and signs of integers count; members behind a pointer are compared by name
    and kind only. Raises BtfError for types nested too deep.
    """
    return _Matcher(local, target).match(local_id, target_id, False, MAX_DEPTH)


class _Matcher:
    def __init__(self, local: Btf, target: Btf) -> None:
        self.local = local
        self.target = target
        self.known: dict[tuple[int, int, bool], bool] = {}

    def match(self, local_id: int, target_id: int, behind_pointer: bool, level: int) -> bool:
        if level <= 0:
            raise BtfError(f"types are nested more than {MAX_DEPTH} levels deep")
        key = local_id, target_id, behind_pointer
        if key not in self.known:
            self.known[key] = self._compare(local_id, target_id, behind_pointer, level)
        return self.known[key]

    def _compare(self, local_id: int, target_id: int, behind_pointer: bool, level: int) -> bool:
        local, target = self.local, self.target
        for _ in range(MAX_DEPTH):
            ours, theirs = local.resolve(local_id), target.resolve(target_id)
            if essential_name(ours.name) != essential_name(theirs.name):
                return False
            match ours.kind:
                case Kind.VOID:
                    return theirs.kind == Kind.VOID
                case Kind.FWD:
                    return self._forward(ours, theirs, behind_pointer)
                case Kind.ENUM | Kind.ENUM64:
                    return theirs.kind in ENUMS and self._enumerators(ours, theirs)
                case Kind.STRUCT | Kind.UNION if behind_pointer:
                    return ours.kind == theirs.kind or (
                        theirs.kind == Kind.FWD and theirs.kflag == (ours.kind == Kind.UNION)
                    )
                case Kind.STRUCT | Kind.UNION:
                    return ours.kind == theirs.kind and self._members(ours, theirs, level)
                case Kind.INT:
                    return (
                        theirs.kind == Kind.INT
                        and ours.size_or_type == theirs.size_or_type
                        and _is_signed(local, ours) == _is_signed(target, theirs)
                    )
                case Kind.PTR if theirs.kind == Kind.PTR:
                    behind_pointer = True
                    local_id, target_id = ours.size_or_type, theirs.size_or_type
                case Kind.ARRAY if theirs.kind == Kind.ARRAY:
                    one, other = local.array(ours), target.array(theirs)
                    if one.length != other.length:
                        return False
                    local_id, target_id = one.type_id, other.type_id
                case Kind.FUNC_PROTO if theirs.kind == Kind.FUNC_PROTO:
                    if not self._parameters(ours, theirs, behind_pointer, level):
                        return False
                    local_id, target_id = ours.size_or_type, theirs.size_or_type
                case _:
                    return False
        raise BtfError(f"types are nested more than {MAX_DEPTH} levels deep")

    def _forward(self, ours: BtfType, theirs: BtfType, behind_pointer: bool) -> bool:
        """A forward declaration; its flag says union rather than struct."""
        if theirs.kind == Kind.FWD:
            return ours.kflag == theirs.kflag
        return behind_pointer and theirs.kind == (Kind.UNION if ours.kflag else Kind.STRUCT)

    def _enumerators(self, ours: BtfType, theirs: BtfType) -> bool:
        """Sizes equal, and every local enumerator known to the target by name."""
        if ours.size_or_type != theirs.size_or_type or ours.vlen > theirs.vlen:
            return False
        known = {essential_name(name) for name, _ in self.target.enumerators(theirs)}
        return all(essential_name(name) in known for name, _ in self.local.enumerators(ours))

    def _members(self, ours: BtfType, theirs: BtfType, level: int) -> bool:
        """Every local member has a match of that name in the target."""
        if ours.vlen > theirs.vlen:
            return False
        by_name: dict[str, list[int]] = {}
        for member in self.target.members(theirs):
            by_name.setdefault(essential_name(member.name), []).append(member.type_id)
        return all(
            any(
                self.match(member.type_id, type_id, False, level - 1)
                for type_id in by_name.get(essential_name(member.name), ())
            )
            for member in self.local.members(ours)
        )

    def _parameters(self, ours: BtfType, theirs: BtfType, behind_pointer: bool, level: int) -> bool:
        one, other = self.local.parameters(ours), self.target.parameters(theirs)
        return len(one) == len(other) and all(
            self.match(local_id, target_id, behind_pointer, level - 1)
            for (_, local_id), (_, target_id) in zip(one, other, strict=True)
        )


def _is_signed(btf: Btf, of: BtfType) -> bool:
    return bool(btf.integer(of)[0] & IntEncoding.SIGNED)
