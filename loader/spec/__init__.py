"""What an object file says, as plain data.

A spec is read from an ELF file and nothing else: the same file gives the same
spec on every machine, and loading never changes it. `ObjectSpec.load` makes the
live object; everything that depends on the running kernel happens there.
"""

from __future__ import annotations

import gc
import os

from ..enums import AttachType, MapType, ProgFlags, ProgType
from ..lean import TYPE_CHECKING, NamedTuple, PlainData, field, read_file

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path
    from typing import Any, Literal, TypeVar

    from ..btf import Btf
    from ..btf.ext import CoreRelocation
    from ..insn import ByteOrder
    from ..object import Object
    from ..values.codec import Codec

    One = TypeVar("One")
    MapKind = Literal["user", "data", "rodata", "bss", "kconfig", "struct_ops"]
    ExternKind = Literal["kconfig", "ksym", "kfunc"]


class MapReference(NamedTuple):
    """A 64-bit load of a map, or of the address of something inside its one value."""

    insn: int
    """Index of the instruction in its function."""
    map: str
    value_offset: int | None
    """Bytes into the map's value; None for the map itself."""


class FunctionReference(NamedTuple):
    """A call of another function of the object, or a 64-bit load of its address."""

    insn: int
    target: int
    """Index in `ObjectSpec.functions`."""
    is_call: bool


class ExternReference(NamedTuple):
    """A use of something the kernel provides: a configuration value, a symbol, a kfunc."""

    insn: int
    name: str
    """Key in `ObjectSpec.externs`."""


class JumpTable(NamedTuple):
    """A 64-bit load of a table of places in the same function, for an indirect jump (gotox)."""

    insn: int
    offset: int
    """In the section ``.jumptables``: the same table may be loaded several times."""
    targets: tuple[int, ...]
    """Indexes of the instructions that may be jumped to."""


class Function(PlainData):
    """One function's instructions as clang left them, with everything they refer to."""

    name: str
    section: str
    insns: bytes
    is_global: bool
    maps: list[MapReference] = field(default_factory=list)
    functions: list[FunctionReference] = field(default_factory=list)
    externs: list[ExternReference] = field(default_factory=list)
    jump_tables: list[JumpTable] = field(default_factory=list)
    core: list[tuple[int, CoreRelocation]] = field(default_factory=list)
    """CO-RE relocations by instruction index."""
    type_id: int = 0
    """The FUNC in the object's BTF, from func_info; 0 for none."""
    line_info: list[int] = field(default_factory=list)
    """The four numbers of each source line (`btf.ext.LineInfo`), the instruction's within the function."""


class ProgramSpec(PlainData):
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
        from ..links.device import interface_index

        self.ifindex = interface_index(device)
        self.flags |= ProgFlags.XDP_DEV_BOUND_ONLY


class MapSpec(PlainData):
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


class ExternSpec(PlainData):
    """Something that the object expects from the kernel."""

    name: str
    kind: ExternKind
    weak: bool
    type_id: int = 0
    """Its type in the object's BTF; 0 for a ``.ksyms`` symbol without type (``extern const void``)."""
    size: int = 0
    offset: int = 0
    """Place in the ``.kconfig`` map's value."""


class VariableSpec(PlainData):
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
    def value(self) -> Any:
        """The initial value by its BTF type (`values.typed`): a number, text, a record …; without BTF bytes.

        Setting it changes the contents that later loads of this spec start with; it takes
        the same, or bytes of exactly the variable's size. Raises ElementError for a value
        that does not fit.
        """
        return self.codec.decode(self.read_bytes())

    @value.setter
    def value(self, value: Any) -> None:
        self.write_bytes(self.encode(value))

    def read_bytes(self) -> bytes:
        """The bytes of the initial value."""
        contents = self.map_spec.contents or b""
        return contents[self.offset : self.offset + self.size].ljust(self.size, b"\0")

    def write_bytes(self, data: bytes) -> None:
        """Set the bytes of the initial value, all of them. Raises ElementError."""
        if len(data) != self.size:
            from ..errors import ElementError

            raise ElementError(f"variable '{self.name}' has {self.size} bytes, not {len(data)}")
        contents = bytearray((self.map_spec.contents or b"").ljust(self.map_spec.value_size, b"\0"))
        contents[self.offset : self.offset + self.size] = data
        self.map_spec.contents = bytes(contents)

    @property
    def _order(self) -> Literal["little", "big"]:
        return "little" if self.byte_order == "<" else "big"

    @property
    def codec(self) -> Codec:
        """What turns its bytes into a value and back."""
        from ..values.codec import BytesCodec, integer_codec

        if self.btf is None or not self.type_id:
            return BytesCodec(self.size)
        found: Codec | None = integer_codec(self.btf, self.type_id, self._order)
        if found is None:
            from ..values.typed import codec_of

            found = codec_of(self.btf, self.type_id, order=self._order)
        return found if found.size == self.size else BytesCodec(self.size)

    def encode(self, value: Any) -> bytes:
        """The bytes that hold `value`. Raises ElementError if it does not fit."""
        from ..errors import ElementError
        from ..values.codec import BytesCodec, IntCodec

        codec = self.codec
        if isinstance(value, int) and isinstance(codec, BytesCodec) and self.size in (1, 2, 4, 8):
            codec = IntCodec(self.size, value < 0, self._order)  # of no known type: as the number says
        try:
            return codec.encode(value)
        except ElementError as error:
            raise ElementError(f"variable '{self.name}': {error}") from None


class ObjectSpec(PlainData):
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

        return _without_collecting(read_object, data, name)

    def load(self, **options: Any) -> Object:
        """Make the live object from this spec; for options and errors see `Object.load`."""

        return _without_collecting(_load, self, options)


def _load(spec: ObjectSpec, options: dict[str, Any]) -> Object:
    from ..object import Object

    return Object.load(spec, **options)


def _without_collecting(make: Callable[..., One], *arguments: Any) -> One:
    """Make something, all of which stays: looking for garbage among it is 2 % of a small program's life."""
    collects = gc.isenabled()
    gc.disable()
    try:
        return make(*arguments)
    finally:
        if collects:
            gc.enable()


from .reader import read_object  # noqa: E402 - it makes what is defined above
