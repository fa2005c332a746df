"""What an object file says, as plain data.

A spec is read from an ELF file and nothing else: the same file gives the same
spec on every machine, and loading never changes it. `ObjectSpec.load` makes the
live object; everything that depends on the running kernel happens there.
"""

from __future__ import annotations

import os

from .enums import AttachType, MapType, ProgFlags, ProgType
from .files import read_file
from .lean import TYPE_CHECKING, dataclass, field

if TYPE_CHECKING:
    from pathlib import Path
    from typing import Any, Literal

    from .btf import Btf
    from .btf.ext import CoreRelocation, LineInfo
    from .object import Object

    ByteOrder = Literal["<", ">"]
    MapKind = Literal["user", "data", "rodata", "bss", "kconfig", "struct_ops"]
    ExternKind = Literal["kconfig", "ksym", "kfunc"]


@dataclass(slots=True)
class MapReference:
    """A 64-bit load of a map, or of the address of something inside its one value."""

    insn: int
    """Index of the instruction in its function."""
    map: str
    value_offset: int | None
    """Bytes into the map's value; None for the map itself."""


@dataclass(slots=True)
class FunctionReference:
    """A call of another function of the object, or a 64-bit load of its address."""

    insn: int
    target: int
    """Index in `ObjectSpec.functions`."""
    is_call: bool


@dataclass(slots=True)
class ExternReference:
    """A use of something the kernel provides: a configuration value, a symbol, a kfunc."""

    insn: int
    name: str
    """Key in `ObjectSpec.externs`."""


@dataclass(slots=True)
class Function:
    """One function's instructions as clang left them, with everything they refer to."""

    name: str
    section: str
    insns: bytes
    is_global: bool
    maps: list[MapReference] = field(default_factory=list)
    functions: list[FunctionReference] = field(default_factory=list)
    externs: list[ExternReference] = field(default_factory=list)
    core: list[tuple[int, CoreRelocation]] = field(default_factory=list)
    """CO-RE relocations by instruction index."""
    type_id: int = 0
    """The FUNC in the object's BTF, from func_info; 0 for none."""
    line_info: list[tuple[int, LineInfo]] = field(default_factory=list)
    """Source lines by instruction index."""


@dataclass(slots=True)
class ProgramSpec:
    """One entry program, by its SEC() name."""

    name: str
    section: str
    """The SEC() name without a leading ``?``."""
    type: ProgType
    """UNSPEC if the SEC() name is unknown: such a program opens but does not load."""
    attach_type: AttachType | Literal[0]
    flags: int
    """Flags of BPF_PROG_LOAD (`ProgFlags`) that the SEC() name asks for."""
    attach_to: str
    """What follows the first ``/`` of the SEC() name (function, ``category/name`` …); may be empty."""
    autoload: bool
    attach_kind: str
    """Name of the attach kind from the section table; empty if it does not attach by itself."""
    function: Function
    autoattach: bool = True
    """Whether `Object.attach` attaches it, if its SEC() name says where."""
    attach_type_optional: bool = False
    """The expected attach type may be left out on kernels before 4.17."""
    exception_callback: int | None = None
    """Index in `ObjectSpec.functions` of the function its BTF declares as exception callback."""
    ifindex: int = 0
    """The network device that an XDP program is loaded for; 0 for any. See `bind_to`."""

    def bind_to(self, device: str | int) -> None:
        """Bind an XDP program to a network device (6.3): it can be attached there only, in the driver.

        It may call the kernel functions that read what the device says of a packet. Raises
        KernelError if there is no such device.
        """
        from .links.device import interface_index

        self.ifindex = interface_index(device)
        self.flags |= ProgFlags.XDP_DEV_BOUND_ONLY


@dataclass(slots=True)
class MapSpec:
    """One map, declared by the user or made of a data section."""

    name: str
    type: MapType
    key_size: int = 0
    value_size: int = 0
    max_entries: int = 0
    flags: int = 0
    map_extra: int = 0
    numa_node: int = 0
    pinning: int = 0
    """0, or 1 (LIBBPF_PIN_BY_NAME)."""
    key_type_id: int = 0
    """Type of the key in the object's BTF; 0 for none."""
    value_type_id: int = 0
    inner: MapSpec | None = None
    """Template of the inner maps of a map of maps."""
    initial_slots: list[tuple[int, str]] = field(default_factory=list)
    """(index, name of map or program) of statically filled ``values``; of struct_ops: (offset, program)."""
    contents: bytes | None = None
    """Initial value of a data section's map, and of a struct_ops map."""
    kind: MapKind = "user"
    mmapable: bool = False
    autocreate: bool = True
    """Whether loading makes it; off for ``?.struct_ops``."""


@dataclass(slots=True)
class ExternSpec:
    """Something that the object expects from the kernel."""

    name: str
    kind: ExternKind
    weak: bool
    type_id: int = 0
    """Its type in the object's BTF; 0 for a ``.ksyms`` symbol without type (``extern const void``)."""
    size: int = 0
    offset: int = 0
    """Place in the ``.kconfig`` map's value."""


@dataclass(slots=True)
class VariableSpec:
    """A global or static variable in one of the data sections."""

    name: str
    map: str
    offset: int
    """Bytes into the map's value."""
    size: int
    type_id: int
    """Its type in the object's BTF; 0 for none."""
    is_static: bool
    map_spec: MapSpec = field(repr=False, compare=False)
    btf: Btf | None = field(repr=False, compare=False, default=None)
    byte_order: ByteOrder = field(repr=False, default="<")

    @property
    def value(self) -> int | bytes:
        """The initial value: an int where BTF says integer, enum or pointer, else bytes.

        Setting it changes the contents that later loads of this spec start with;
        bytes must have exactly the variable's size. Raises ValueError or TypeError
        for a value that does not fit.
        """
        contents = self.map_spec.contents or b""
        raw = contents[self.offset : self.offset + self.size].ljust(self.size, b"\0")
        signed = self._signedness()
        if signed is None:
            return raw
        return int.from_bytes(raw, self._order(), signed=signed)

    @value.setter
    def value(self, value: int | bytes) -> None:
        raw = self.encode(value)
        contents = bytearray((self.map_spec.contents or b"").ljust(self.map_spec.value_size, b"\0"))
        contents[self.offset : self.offset + self.size] = raw
        self.map_spec.contents = bytes(contents)

    def encode(self, value: int | bytes) -> bytes:
        """The bytes that hold `value`; raises ValueError or TypeError if it does not fit."""
        if isinstance(value, int):
            signed = self._signedness()
            if signed is None and self.size not in (1, 2, 4, 8):
                raise TypeError(f"variable '{self.name}' is no integer: give {self.size} bytes")
            low = -1 << (8 * self.size - 1) if signed is not False else 0
            high = (1 << (8 * self.size - (1 if signed else 0))) - 1
            if not low <= value <= high:
                raise ValueError(f"variable '{self.name}': {value} is not in {low}…{high}")
            return value.to_bytes(self.size, self._order(), signed=value < 0)
        if len(value) != self.size:
            raise ValueError(f"variable '{self.name}' has {self.size} bytes, not {len(value)}")
        return bytes(value)

    def _order(self) -> Literal["little", "big"]:
        return "little" if self.byte_order == "<" else "big"

    def _signedness(self) -> bool | None:
        """Whether the integer is signed; None if it is no integer."""
        return self.btf.signedness(self.type_id) if self.btf is not None and self.type_id else None


@dataclass(slots=True)
class ObjectSpec:
    """Everything that one object file says."""

    name: str
    byte_order: ByteOrder
    license: str = ""
    version: int = 0
    programs: dict[str, ProgramSpec] = field(default_factory=dict)
    maps: dict[str, MapSpec] = field(default_factory=dict)
    """By name in order of definition, internal maps (``.rodata``, ``.data`` …) included."""
    variables: dict[str, VariableSpec] = field(default_factory=dict)
    btf: Btf | None = None
    functions: list[Function] = field(default_factory=list)
    """All functions: those of the programs and the subprograms."""
    externs: dict[str, ExternSpec] = field(default_factory=dict)

    @property
    def subprograms(self) -> list[Function]:
        """The functions that are no entry program."""
        entries = {id(program.function) for program in self.programs.values()}
        return [function for function in self.functions if id(function) not in entries]

    @classmethod
    def from_file(cls, path: str | Path) -> ObjectSpec:
        """Read an object file. Raises ObjectError, BtfError; OSError if it cannot be read."""
        return cls.from_bytes(read_file(path), os.fspath(path).rpartition("/")[2])

    @classmethod
    def from_bytes(cls, data: bytes, name: str) -> ObjectSpec:
        """Read an object from memory; `name` stands for it in errors. Raises ObjectError, BtfError."""
        from .spec_reader import read_object

        return read_object(data, name)

    def load(self, **options: Any) -> Object:
        """Make the live object from this spec; for options and errors see `Object.load`."""
        from .object import Object

        return Object.load(self, **options)
