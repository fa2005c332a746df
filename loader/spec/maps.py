"""Reading the maps that the user declares: in ``.maps`` by BTF, or in the older ``maps`` section."""

from __future__ import annotations

from ..btf import Btf, BtfType, Kind, Linkage, Member, SectionVariable
from ..elf import STT_NOTYPE, STT_OBJECT, Section
from ..enums import MapType
from ..errors import BtfError, ObjectError
from ..lean import bisect_right, struct
from . import MapSpec
from .file import ARENA, LEGACY_MAPS, MAPS, ObjectFile

MAPS_OF_MAPS = (MapType.ARRAY_OF_MAPS, MapType.HASH_OF_MAPS)
POINTER_SIZE = 8

INTEGER_FIELDS = {
    "max_entries": "max_entries",
    "map_flags": "flags",
    "numa_node": "numa_node",
    "map_extra": "map_extra",
}
"""Member of the declaration → field of MapSpec, where the one is simply the other."""


def read_maps(file: ObjectFile) -> None:
    """Add all declared maps to `file`, and what an arena begins with. Raises ObjectError."""
    if section := file.elf.section(MAPS):
        _read_declared(file, section)
    if section := file.elf.section(LEGACY_MAPS):
        _read_legacy(file, section)
    if section := file.elf.section(ARENA):
        _read_arena(file, section)


def _read_declared(file: ObjectFile, section: Section) -> None:
    btf = file.btf
    if btf is None:
        raise file.error(MAPS, "maps are declared here but the object has no BTF; compile with -g")
    for entry in _entries(btf):
        _read_variable(file, btf, section, entry)


def _entries(btf: Btf) -> list[SectionVariable]:
    datasec = btf.section(MAPS)
    return btf.section_variables(datasec) if datasec else []


def _read_variable(file: ObjectFile, btf: Btf, section: Section, entry: SectionVariable) -> None:
    variable = btf.type(entry.type_id)
    name = variable.name
    if variable.kind != Kind.VAR or not name:
        raise file.error(MAPS, f"BTF type {entry.type_id} is no named variable")
    if btf.linkage(variable) != Linkage.GLOBAL:
        raise file.error(MAPS, f"map '{name}' must be a global variable")
    if entry.offset + entry.size > section.size:
        raise file.error(MAPS, f"map '{name}' reaches beyond the section ({section.size} bytes)")
    try:
        declared = btf.resolve(variable.size_or_type)
        if declared.kind != Kind.STRUCT or declared.size_or_type > entry.size:
            raise file.error(MAPS, f"map '{name}' is declared by no struct of at most {entry.size} bytes")
        spec = _Declaration(file, btf, name).read(declared)
    except BtfError as error:
        raise file.error(MAPS, f"map '{name}': {error}") from error
    file.add_map(spec, MAPS)
    file.places[section.number, entry.offset] = name


class _Declaration:
    """Reads the members of one map's struct. Raises ObjectError that names the map."""

    def __init__(self, file: ObjectFile, btf: Btf, name: str, inner: bool = False) -> None:
        self.file = file
        self.btf = btf
        self.inner = inner
        self.spec = MapSpec(name, MapType.UNSPEC)

    def read(self, declared: BtfType) -> MapSpec:
        members = self.btf.members(declared)
        for position, member in enumerate(members):
            self._read_member(member, is_last=position == len(members) - 1)
        if self.spec.type == MapType.UNSPEC:
            raise self._error("has no type")
        return self.spec

    def _error(self, problem: str) -> ObjectError:
        return self.file.error(MAPS, f"map '{self.spec.name}' {problem}")

    def _read_member(self, member: Member, is_last: bool) -> None:
        spec = self.spec
        match member.name:
            case "type":
                spec.type = MapType(self._integer(member) & 0xFFFFFFFF)
            case "key":
                spec.key_type_id = self._pointee(member)
                spec.key_size = self._agreed("key", spec.key_size, self.btf.size_of(spec.key_type_id))
            case "value":
                spec.value_type_id = self._pointee(member)
                spec.value_size = self._agreed("value", spec.value_size, self.btf.size_of(spec.value_type_id))
            case "key_size":
                spec.key_size = self._agreed("key", spec.key_size, self._integer(member))
            case "value_size":
                spec.value_size = self._agreed("value", spec.value_size, self._integer(member))
            case "values":
                self._read_values(member, is_last)
            case "pinning":
                spec.pinning = self._integer(member)
                if self.inner or spec.pinning not in (0, 1):
                    raise self._error(
                        "cannot be pinned like that: pinning is 0 or LIBBPF_PIN_BY_NAME, "
                        "and not for inner maps"
                    )
            case name if name in INTEGER_FIELDS:
                setattr(spec, INTEGER_FIELDS[name], self._integer(member))
            case name:
                raise self._error(f"has an unknown field '{name}'")

    def _agreed(self, what: str, before: int, now: int) -> int:
        """A size that may be given twice (as type and as number), but only the same."""
        if before and before != now:
            raise self._error(f"has two {what} sizes: {before} and {now}")
        return now

    def _integer(self, member: Member) -> int:
        """A number: the length of the array that the member points to, or an enumerator (for 64 bits)."""
        found = self.btf.resolve(member.type_id)
        if found.kind == Kind.PTR:
            pointee = self.btf.type(found.size_or_type)
            if pointee.kind == Kind.ARRAY:
                return self.btf.array(pointee).length
        elif found.kind in (Kind.ENUM, Kind.ENUM64):
            values = self.btf.enumerators(found)
            if len(values) == 1:
                return values[0][1] & 0xFFFFFFFFFFFFFFFF
        raise self._error(f"has a field '{member.name}' that is no number; use __uint() or __ulong()")

    def _pointee(self, member: Member) -> int:
        found = self.btf.type(member.type_id)
        if found.kind != Kind.PTR:
            raise self._error(f"has a field '{member.name}' that is no pointer to a type; use __type()")
        return found.size_or_type

    def _read_values(self, member: Member, is_last: bool) -> None:
        """The template of what the slots hold: an inner map's struct, or a program's function type."""
        spec, btf = self.spec, self.btf
        if self.inner:
            raise self._error("nests maps more than one level deep")
        if not is_last:
            raise self._error("must have 'values' as its last field")
        if spec.type not in (*MAPS_OF_MAPS, MapType.PROG_ARRAY):
            raise self._error("has 'values' but is neither a map of maps nor a prog array")
        spec.value_size = self._agreed("value", spec.value_size, 4)
        array = btf.type(member.type_id)
        if array.kind != Kind.ARRAY or btf.array(array).length:
            raise self._error("must declare 'values' as an array without length; use __array()")
        element = btf.resolve(btf.array(array).type_id)
        target = btf.resolve(element.size_or_type) if element.kind == Kind.PTR else element
        wanted = Kind.FUNC_PROTO if spec.type == MapType.PROG_ARRAY else Kind.STRUCT
        if element.kind != Kind.PTR or target.kind != wanted:
            raise self._error(f"must have pointers to a {wanted.name.lower()} as 'values'")
        if wanted == Kind.STRUCT:
            spec.inner = _Declaration(self.file, btf, f"{spec.name}.inner", inner=True).read(target)


def read_slots(file: ObjectFile, programs: dict[tuple[int, int], str]) -> None:
    """Fill the maps' initial slots from the relocations of ``.maps``.

    `programs` are the entry programs by (section number, offset). Raises ObjectError.
    """
    section = file.elf.section(MAPS)
    relocations = file.elf.section(".rel.maps")
    if section is None or relocations is None or file.btf is None:
        return
    places = _values_places(file, file.btf)
    for relocation in file.elf.relocations(relocations):
        before = bisect_right(places, relocation.offset, key=lambda place: place[0]) - 1
        first, end, name = places[before] if before >= 0 else (0, 0, "")
        if relocation.offset >= end or (relocation.offset - first) % POINTER_SIZE:
            raise file.error(MAPS, f"the initial value at {relocation.offset} is in no map's 'values'")
        symbol, spec = relocation.symbol, file.maps[name]
        place = symbol.section, symbol.value
        target = (programs if spec.type == MapType.PROG_ARRAY else file.places).get(place)
        if target is None:
            what = "entry program" if spec.type == MapType.PROG_ARRAY else "map"
            raise file.error(MAPS, f"map '{name}' has '{symbol.name}' as initial value, which is no {what}")
        if spec.type == MapType.HASH_OF_MAPS and spec.key_size != 4:
            raise file.error(MAPS, f"map '{name}' has initial values and so needs keys of 4 bytes")
        spec.initial_slots.append(((relocation.offset - first) // POINTER_SIZE, target))


def _values_places(file: ObjectFile, btf: Btf) -> list[tuple[int, int, str]]:
    """For each map with ``values``: where in the section they start and end, and its name; in order."""
    found = []
    for entry in _entries(btf):
        variable = btf.type(entry.type_id)
        members = btf.members(btf.resolve(variable.size_or_type))
        if members and members[-1].name == "values":
            start = entry.offset + members[-1].bit_offset // 8
            found.append((start, entry.offset + entry.size, variable.name))
    return sorted(found)


def _read_legacy(file: ObjectFile, section: Section) -> None:
    """Maps as ``struct bpf_map_def``, one symbol each. libbpf refuses them since 1.0."""
    symbols = sorted(
        (
            symbol
            for symbol in file.elf.symbols
            if symbol.section == section.number
            and symbol.is_global
            and symbol.type in (STT_OBJECT, STT_NOTYPE)
        ),
        key=lambda symbol: symbol.value,
    )
    if not symbols or section.size % len(symbols):
        raise file.error(LEGACY_MAPS, f"{section.size} bytes are no whole number of {len(symbols)} maps")
    data = file.elf.contents(section)
    size = section.size // len(symbols)
    known = struct.calcsize("<5I")
    for symbol in symbols:
        raw = data[symbol.value : symbol.value + size]
        if size < known or len(raw) < size or any(raw[known:]):
            raise file.error(
                LEGACY_MAPS, f"map '{symbol.name}' is no struct bpf_map_def of 5 numbers; declare it in .maps"
            )
        kind, key_size, value_size, max_entries, flags = struct.unpack_from(file.elf.byte_order + "5I", raw)
        file.add_map(
            MapSpec(symbol.name, MapType(kind), key_size, value_size, max_entries, flags), LEGACY_MAPS
        )
        file.places[section.number, symbol.value] = symbol.name


def _read_arena(file: ObjectFile, section: Section) -> None:
    """Give the arena map the contents of ``.addr_space.1``. Raises ObjectError if there is no such map."""
    if not section.size:
        return
    arenas = [spec for spec in file.maps.values() if spec.type == MapType.ARENA]
    if len(arenas) != 1:
        raise file.error(ARENA, f"arena variables need exactly one arena map; there are {len(arenas)}")
    arenas[0].contents = file.elf.contents(section)
    file.data_maps[section.number] = arenas[0].name
