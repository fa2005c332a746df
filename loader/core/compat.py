"""Whether a whole type of the object and one of the kernel are compatible (TYPE_EXISTS)."""

from __future__ import annotations

from ..btf import Btf, Kind
from ..errors import BtfError
from .access import MAX_DEPTH, kinds_compatible


def types_compatible(local: Btf, local_id: int, target: Btf, target_id: int) -> bool:
    """Whether two types of the same name stand for each other (TYPE_EXISTS, typed externs).

    Kinds must agree at every level; names below the root, sizes and members do not count.
    """
    return _TypesCompatible(local, target).check(local_id, target_id, MAX_DEPTH)


class _TypesCompatible:
    def __init__(self, local: Btf, target: Btf) -> None:
        self.local = local
        self.target = target
        self.known: dict[tuple[int, int], bool] = {}

    def check(self, local_id: int, target_id: int, level: int) -> bool:
        key = local_id, target_id
        if key not in self.known:
            self.known[key] = self._compare(local_id, target_id, level)
        return self.known[key]

    def _compare(self, local_id: int, target_id: int, level: int) -> bool:
        local, target = self.local, self.target
        if not kinds_compatible(local.type(local_id).kind, target.type(target_id).kind):
            return False
        for _ in range(MAX_DEPTH):
            ours, theirs = local.resolve(local_id), target.resolve(target_id)
            if not kinds_compatible(ours.kind, theirs.kind):
                return False
            match ours.kind:
                case Kind.VOID | Kind.STRUCT | Kind.UNION | Kind.ENUM | Kind.FWD | Kind.ENUM64:
                    return True
                case Kind.INT:
                    return local.integer(ours)[1] == target.integer(theirs)[1] == 0
                case Kind.PTR:
                    local_id, target_id = ours.size_or_type, theirs.size_or_type
                case Kind.ARRAY:
                    local_id, target_id = local.array(ours).type_id, target.array(theirs).type_id
                case Kind.FUNC_PROTO:
                    if not self._parameters(local.parameters(ours), target.parameters(theirs), level):
                        return False
                    local_id, target_id = ours.size_or_type, theirs.size_or_type
                case _:
                    return False
        raise BtfError(f"types are nested more than {MAX_DEPTH} levels deep")

    def _parameters(self, ours: list[tuple[str, int]], theirs: list[tuple[str, int]], level: int) -> bool:
        if len(ours) != len(theirs):
            return False
        if ours and level <= 0:
            raise BtfError(f"function types are nested more than {MAX_DEPTH} levels deep")
        return all(
            self.check(self.local.resolve(one).id, self.target.resolve(other).id, level - 1)
            for (_, one), (_, other) in zip(ours, theirs, strict=True)
        )
