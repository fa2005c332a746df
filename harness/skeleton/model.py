"""What a skeleton says of an object: its classes, by the names that Python takes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from ...loader.enums import MapType
from ...loader.errors import BpflabError
from ...loader.maps.elements import key_codec, value_codec
from ...loader.spec import MapSpec, ObjectSpec
from ...loader.values.typed import codec_of
from .annotations import Annotations, RecordClass, camel, snake

_IMPORTED = {"Any", "Iterator", "Link", "Map", "NamedTuple", "Object", "ObjectSpec", "Path", "Program"}
_IMPORTED |= {"Protocol", "Self", "Variable", "OBJECT", "TYPE_CHECKING"}
"""Names that the module has for other things."""

_EVENTS = (MapType.RINGBUF, MapType.USER_RINGBUF, MapType.PERF_EVENT_ARRAY)


class SkeletonError(BpflabError, ValueError):
    """There is no such type in the object."""


@dataclass(frozen=True)
class Named:
    """Something of the object: how it is called there, and in Python."""

    name: str
    attribute: str
    about: str


@dataclass(frozen=True)
class MapClass(Named):
    """A map. `typed` is the class that knows its keys and values; '' where `Map` says all there is."""

    typed: str
    key: str = ""
    value: str = ""


@dataclass(frozen=True)
class VariableProperty(Named):
    """A global variable. Constants can be set before loading only."""

    annotation: str
    is_constant: bool


@dataclass(frozen=True)
class Skeleton:
    """All that the template needs."""

    object: str
    cls: str
    records: list[RecordClass]
    programs: list[Named]
    maps: list[MapClass]
    variables: list[VariableProperty]


def skeleton(spec: ObjectSpec, types: Iterable[str] = ()) -> Skeleton:
    """Describe an object; `types` are structs to have a class besides those of maps and variables.

    Raises SkeletonError for one that the object does not name, BtfError for types that make no sense.
    """
    cls = camel(spec.name.removesuffix(".o").removesuffix(".bpf"))
    if cls in _IMPORTED:
        cls += "Object"
    annotations = Annotations(_IMPORTED | {cls, f"{cls}Programs", f"{cls}Maps", f"{cls}Variables"})
    wanted = [one for one in spec.maps.values() if one.kind in ("user", "struct_ops")]
    maps = [_map(spec, one, annotations) for one in wanted]
    variables = [
        VariableProperty(
            one.name,
            snake(one.name),
            f"{one.size} bytes in {one.map}",
            annotations.of(one.codec, one.name),
            one.map_spec.kind == "rodata",
        )
        for one in spec.variables.values()
        if not one.is_static
    ]
    for name in types:
        annotations.of(codec_of(spec.btf, _struct(spec, name)), name) if spec.btf else _struct(spec, name)
    programs = [Named(one.name, snake(one.name), f'SEC("{one.section}")') for one in spec.programs.values()]
    found = Skeleton(spec.name, cls, annotations.records, programs, maps, variables)
    _require_distinct(spec.name, programs, maps, variables)
    return found


def _map(spec: ObjectSpec, one: MapSpec, annotations: Annotations) -> MapClass:
    about = one.type.name.lower().replace("_", " ")
    if one.max_entries:
        about += f", {one.max_entries} elements" if one.type not in _EVENTS else f", {one.max_entries} bytes"
    if one.kind == "struct_ops" or one.type in _EVENTS or not one.key_size or not one.value_size:
        return MapClass(one.name, snake(one.name), about, "")
    key = annotations.of(key_codec(one.type, one.key_size, spec.btf, one.key_type_id), f"{one.name}_key")
    value = annotations.of(
        value_codec(one.type, one.value_size, one.flags, spec.btf, one.value_type_id), f"{one.name}_value"
    )
    typed = camel(one.name) + "Map"
    while typed in annotations.taken:
        typed += "_"
    annotations.taken.add(typed)
    return MapClass(one.name, snake(one.name), about, typed, key, value)


def _struct(spec: ObjectSpec, name: str) -> int:
    ids = spec.btf.named(name) if spec.btf is not None else []
    if not ids:
        raise SkeletonError(
            f"object '{spec.name}' names no type '{name}': a global variable of that type, "
            f"or a pointer to it, makes the compiler name it"
        )
    return ids[0]


def _require_distinct(name: str, *groups: Sequence[Named]) -> None:
    for group in groups:
        seen: dict[str, str] = {}
        for one in group:
            if one.attribute in seen:
                raise SkeletonError(
                    f"object '{name}': '{seen[one.attribute]}' and '{one.name}' would both be "
                    f"'{one.attribute}' in Python"
                )
            seen[one.attribute] = one.name
