"""One opened object file: its ELF, BTF and BTF.ext, and where its maps are.

The readers of programs, maps, variables and externs all start from this.
"""

from __future__ import annotations

from ..btf import Btf
from ..btf.ext import BtfExt, parse_ext
from ..elf import SHT_NOBITS, SHT_PROGBITS, ElfFile, Section
from ..errors import BtfError, ObjectError
from ..lean import TYPE_CHECKING, NamedTuple, PlainData, field
from . import MapSpec

if TYPE_CHECKING:
    from . import MapKind

MAPS = ".maps"
LEGACY_MAPS = "maps"
ARENA = ".addr_space.1"
JUMP_TABLES = ".jumptables"
STRUCT_OPS = (".struct_ops", ".struct_ops.link", "?.struct_ops", "?.struct_ops.link")
DATA_SECTIONS = (".data", ".rodata", ".bss")
MAX_NUMBER = 0xFFFFFFFF
"""Of a map's attributes in bpf(2), map_extra excepted."""


class Datasec(NamedTuple):
    """What the BTF says of one data section."""

    type_id: int
    is_shared: bool
    """Like libbpf: user space may map the section's value if at least one variable is not static."""
    types: dict[int, int]
    """Offset → type id of the variable there."""


class ObjectFile(PlainData):
    """What the file holds, before it is put together to a spec."""

    elf: ElfFile
    btf: Btf | None
    ext: BtfExt
    maps: dict[str, MapSpec] = field(default_factory=dict)
    places: dict[tuple[int, int], str] = field(default_factory=dict)
    """(section number, offset) → name of the user's map that is declared there."""
    data_maps: dict[int, str] = field(default_factory=dict)
    """Section number → name of the map that holds the section's data."""
    datasecs: dict[str, Datasec] = field(default_factory=dict)
    """What the BTF says of data sections, by their names."""

    def error(self, section: str, problem: str) -> ObjectError:
        """An error about a section of this file."""
        return ObjectError(self.elf.name, section, problem)

    def add_map(self, spec: MapSpec, section: str) -> None:
        """Add a map; two of one name are refused, and numbers that the kernel has no room for."""
        if spec.name in self.maps:
            raise self.error(section, f"map '{spec.name}' is declared twice")
        for part in (spec, spec.inner) if spec.inner else (spec,):
            if max(part.key_size, part.value_size, part.max_entries, part.flags, part.numa_node) > MAX_NUMBER:
                raise self._too_large(section, part)
        self.maps[spec.name] = spec

    def _too_large(self, section: str, spec: MapSpec) -> ObjectError:
        for number in ("key_size", "value_size", "max_entries", "flags", "numa_node"):
            if getattr(spec, number) > MAX_NUMBER:
                break
        problem = f"map '{spec.name}' has the {number} {getattr(spec, number)}, beyond 32 bits"
        return self.error(section, problem)


def open_object(data: bytes, name: str) -> ObjectFile:
    """Take the file apart. Raises ObjectError."""
    elf = ElfFile(data, name)
    elf.require_bpf()
    btf, ext = None, BtfExt()
    try:
        if raw := elf.contents_of(".BTF"):
            # A copy that can be changed: compilers leave some of it open (`spec.data.fix_datasecs`).
            btf = Btf.from_buffer(bytearray(raw))
    except BtfError as error:
        raise ObjectError(name, ".BTF", str(error)) from error
    try:
        if btf and (raw := elf.contents_of(".BTF.ext")):
            ext = parse_ext(raw, btf)
    except BtfError as error:
        raise ObjectError(name, ".BTF.ext", str(error)) from error
    return ObjectFile(elf, btf, ext)


def data_kind(section: Section) -> MapKind | None:
    """Which kind of data map a section becomes: data, rodata or bss; None if it is no data section."""
    name = section.name
    if section.type == SHT_NOBITS:
        return "bss" if name == ".bss" or name.startswith(".bss.") else None
    if section.type == SHT_PROGBITS:
        if name == ".rodata" or name.startswith(".rodata."):
            return "rodata"
        if name == ".data" or name.startswith(".data."):
            return "data"
    return None
