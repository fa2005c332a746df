"""Reading what an object expects from the kernel: ``.kconfig`` values, ``.ksyms`` symbols, kfuncs."""

from __future__ import annotations

from ..btf import Btf, BtfType, IntEncoding, Kind, Linkage
from ..btf.edit import BtfEdit
from ..btf.extern_sections import fix_kconfig, fix_ksyms
from ..btf.records import KCONFIG, KSYMS
from ..elf import STB_WEAK, Symbol
from ..enums import MapFlags, MapType
from ..errors import BtfError
from . import ExternSpec, MapSpec
from .file import ObjectFile


def read_externs(file: ObjectFile, symbols: list[Symbol]) -> dict[str, ExternSpec]:
    """All externs, ``.kconfig`` ones first in the order of their place in the map. Raises ObjectError.

    `symbols` are those of them, at least one.
    """
    if file.btf is None:
        raise file.error("", f"extern '{symbols[0].name}' has no BTF that says what it is; compile with -g")
    declared = _declared(file.btf)
    kconfig: list[tuple[int, ExternSpec]] = []
    ksyms: list[ExternSpec] = []
    for symbol in symbols:
        if symbol.name not in declared:
            raise file.error("", f"extern '{symbol.name}' is in neither {KCONFIG} nor {KSYMS}")
        section, extern = declared[symbol.name]
        if section == KCONFIG:
            kconfig.append(_kconfig_extern(file, file.btf, symbol, extern))
        else:
            ksyms.append(_ksym_extern(file.btf, symbol, extern))
    # libbpf's order: largest alignment first, then smallest size, then name.
    kconfig.sort(key=lambda pair: (-pair[0], pair[1].size, pair[1].name))
    offset = 0
    for align, spec in kconfig:
        spec.offset = -(-offset // align) * align
        offset = spec.offset + spec.size
    ksyms.sort(key=lambda spec: spec.name)
    return {spec.name: spec for spec in [*(spec for _, spec in kconfig), *ksyms]}


def _declared(btf: Btf) -> dict[str, tuple[str, BtfType]]:
    """Name → (section, VAR or FUNC) of everything that the BTF declares as extern."""
    found = {}
    for section in (KCONFIG, KSYMS):
        datasec = btf.section(section)
        for entry in btf.section_variables(datasec) if datasec else ():
            extern = btf.type(entry.type_id)
            if extern.kind in (Kind.VAR, Kind.FUNC) and btf.linkage(extern) == Linkage.EXTERN:
                found[extern.name] = section, extern
    return found


def _kconfig_extern(file: ObjectFile, btf: Btf, symbol: Symbol, extern: BtfType) -> tuple[int, ExternSpec]:
    """Alignment and spec of a configuration value."""
    if extern.kind != Kind.VAR:
        raise file.error(KCONFIG, f"'{extern.name}' is a function; {KCONFIG} holds values only")
    align = _kconfig_align(btf, extern.size_or_type)
    if not align:
        what = btf.describe(btf.resolve(extern.size_or_type).id)
        raise file.error(
            KCONFIG,
            f"'{extern.name}' is of type {what}; it can be bool, char, an integer, "
            "enum libbpf_tristate or an array of char",
        )
    size = btf.size_of(extern.size_or_type)
    weak = symbol.bind == STB_WEAK
    return align, ExternSpec(extern.name, "kconfig", weak, extern.size_or_type, size)


def _kconfig_align(btf: Btf, type_id: int) -> int:
    """Alignment of a type that a configuration value may have; 0 for any other."""
    found = btf.resolve(type_id)
    match found.kind:
        case Kind.INT if found.size_or_type in (1, 2, 4, 8):
            is_bool = btf.integer(found)[0] & IntEncoding.BOOL
            return found.size_or_type if not is_bool or found.size_or_type == 1 else 0
        case Kind.ENUM | Kind.ENUM64 if found.name == "libbpf_tristate":
            return found.size_or_type
        case Kind.ARRAY if btf.array(found).length:
            element = btf.resolve(btf.array(found).type_id)
            plain = element.kind == Kind.INT and element.size_or_type == 1
            return 1 if plain and not btf.integer(element)[0] & IntEncoding.BOOL else 0
    return 0


def _ksym_extern(btf: Btf, symbol: Symbol, extern: BtfType) -> ExternSpec:
    weak = symbol.bind == STB_WEAK
    if extern.kind == Kind.FUNC:
        return ExternSpec(extern.name, "kfunc", weak, extern.id)
    return ExternSpec(extern.name, "ksym", weak, btf.resolve(extern.size_or_type).id)


def add_kconfig_map(file: ObjectFile, externs: dict[str, ExternSpec]) -> None:
    """Add the ``.kconfig`` map, if any configuration value is wanted."""
    size = kconfig_size(externs)
    if size:
        spec = MapSpec(
            KCONFIG,
            MapType.ARRAY,
            key_size=4,
            value_size=size,
            max_entries=1,
            flags=MapFlags.RDONLY_PROG | MapFlags.MMAPABLE,
            kind="kconfig",
            mmapable=True,
        )
        datasec = file.btf.section(KCONFIG) if file.btf else None
        spec.value_type_id = datasec.id if datasec else 0
        file.add_map(spec, KCONFIG)


def kconfig_size(externs: dict[str, ExternSpec]) -> int:
    """Bytes that the ``.kconfig`` map's value needs."""
    return max((spec.offset + spec.size for spec in externs.values() if spec.kind == "kconfig"), default=0)


def fix_extern_btf(file: ObjectFile, externs: dict[str, ExternSpec]) -> None:
    """Rewrite the BTF of the externs to what the kernel takes. Raises ObjectError."""
    if file.btf is None:
        return
    edit = BtfEdit(file.btf)
    try:
        offsets = {spec.name: spec.offset for spec in externs.values() if spec.kind == "kconfig"}
        if offsets:
            fix_kconfig(edit, offsets, kconfig_size(externs))
        if len(offsets) < len(externs):
            fix_ksyms(edit)
    except BtfError as error:
        raise file.error(".BTF", str(error)) from error
    file.btf = edit.finish()
