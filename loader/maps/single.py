"""Maps that no object declares."""

from __future__ import annotations

import os

from ..enums import MapFlags, MapType
from ..errors import BtfError, ElementError
from ..lean import TYPE_CHECKING
from ..map_create import create_map
from ..spec import MapSpec
from .map import Map

if TYPE_CHECKING:
    from ..btf import Btf


def spec_of(
    type: MapType | str,
    key: int | str,
    value: int | str,
    max_entries: int,
    flags: int,
    name: str,
    btf: Btf | None,
) -> MapSpec:
    """The spec of a map with keys and values of a size, or of a type of `btf`. Raises ValueError."""
    if isinstance(type, str):
        types = {each.name.lower(): each for each in MapType}
        if type not in types:
            raise ValueError(f"'{type}' is no map type; {', '.join(types)} are")
        type = types[type]
    key_size, key_type_id = _shape(key, btf)
    value_size, value_type_id = _shape(value, btf)
    return MapSpec(
        name,
        type,
        key_size,
        value_size,
        max_entries,
        flags,
        key_type_id=key_type_id,
        value_type_id=value_type_id,
    )


def create_single(spec: MapSpec, inner: Map | MapSpec | None, btf: Btf | None) -> Map:
    """The map of a spec; `inner` is the template of a map of maps. Raises KernelError."""
    if isinstance(inner, Map):
        sizes = inner.key_size, inner.value_size, inner.max_entries
        inner = MapSpec(inner.name, inner.type, *sizes, inner.flags)
    spec.inner = inner
    if spec.numa_node:
        spec.flags |= MapFlags.NUMA_NODE
    if spec.type == MapType.ARENA:
        from .arena import create_arena

        return create_arena(spec, 0)
    if btf is None:
        return create_map(spec, "", None, None)
    from ..btf_load import load_btf

    live = load_btf(btf)
    if live is None:
        return create_map(spec, "", btf, None)
    btf_fd, _ = live
    try:
        return create_map(spec, "", btf, btf_fd)
    finally:
        os.close(btf_fd)


def _shape(what: int | str, btf: Btf | None) -> tuple[int, int]:
    """Size and type of a key or value: a size has no type."""
    if isinstance(what, int):
        return what, 0
    if btf is not None:
        for type_id in btf.named(what):
            try:
                return btf.size_of(type_id), type_id
            except BtfError:
                continue  # a function of that name
    raise ElementError(f"there is no type '{what}' with a size in the BTF")
