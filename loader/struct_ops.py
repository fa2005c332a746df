"""Fitting a struct of callbacks (``.struct_ops``) to the kernel's own struct of that name.

The kernel may have the members elsewhere, or in other number. They go by name: values are
copied, and callbacks tell which programs the kernel is to check against which members.
"""

from __future__ import annotations

from struct import pack_into

from .btf import Btf, BtfType, Kind, Member, essential_name
from .enums import ProgType
from .errors import BtfError, NotSupportedError, UnresolvedError
from .lean import TYPE_CHECKING, NamedTuple, PlainData, field

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .btf.kernel import Candidate, KernelBtf
    from .fit import Target
    from .programs.program import Program
    from .spec import MapSpec, ObjectSpec

VALUE_PREFIX = "bpf_struct_ops_"
"""The kernel's value type of ``struct X`` is ``struct bpf_struct_ops_X``: some state, and X as `data`."""


class Callback(NamedTuple):
    """The member of a kernel's struct that a program implements."""

    module: str
    """``vmlinux``, or the module whose BTF has the struct."""
    struct_id: int
    member: int


class Slot(NamedTuple):
    """Where in a struct_ops map's value a program goes."""

    offset: int
    program: str
    callback: Callback


class KernelStruct(PlainData):
    """A struct_ops map as the running kernel wants it."""

    module: str
    value_type_id: int
    contents: bytearray
    """The value, without the programs."""
    slots: list[Slot] = field(default_factory=list)

    def value(self, programs: Mapping[str, Program]) -> bytes:
        """The value with the programs' file descriptors; those not loaded stay empty."""
        contents = bytearray(self.contents)
        for slot in self.slots:
            if slot.program in programs:
                pack_into("=Q", contents, slot.offset, programs[slot.program].fd)
        return bytes(contents)


class StructOps:
    """All struct_ops maps of an object that are to be created, fitted to the running kernel."""

    def __init__(self, spec: ObjectSpec, target: Target) -> None:
        """Raises UnresolvedError."""
        self.structs: dict[str, KernelStruct] = {}
        """By map."""
        self._callbacks: dict[str, Callback] = {}
        maps = [one for one in spec.maps.values() if one.kind == "struct_ops"]
        for one in maps:
            if one.autocreate:
                self._add(spec, one, target)
        self._mentioned = {name for one in maps for _, name in one.initial_slots}

    def _add(self, spec: ObjectSpec, wanted: MapSpec, target: Target) -> None:
        assert spec.btf is not None  # the reader refuses struct_ops without BTF
        what = f"struct_ops map '{wanted.name}'"
        try:
            self.structs[wanted.name] = fitted = fit_struct(wanted, spec, target.running)
        except (BtfError, NotSupportedError) as error:
            raise UnresolvedError(what, str(error)) from error
        for _, program, callback in fitted.slots:
            known = self._callbacks.setdefault(program, callback)
            if known != callback:
                raise UnresolvedError(what, f"program '{program}' is a callback of another member already")

    def is_wanted(self, program: str, autoload: bool) -> bool:
        """Whether to load a program: one that maps mention is, if this kernel can use it in one of them."""
        return program in self._callbacks if program in self._mentioned else autoload

    def callback(self, program: str) -> Callback:
        """What a struct_ops program implements. Raises UnresolvedError if no created map says so."""
        if program not in self._callbacks:
            raise UnresolvedError(
                f"program '{program}'", "is in no struct_ops map that is created, and so implements nothing"
            )
        return self._callbacks[program]


def fit_struct(wanted: MapSpec, spec: ObjectSpec, kernel: KernelBtf) -> KernelStruct:
    """Fit one map. Raises BtfError if the kernel lacks the struct, or has it in a form that does not suit."""
    assert spec.btf is not None
    local = spec.btf
    struct = local.type(wanted.value_type_id)
    name = essential_name(struct.name)
    value = kernel.find(VALUE_PREFIX + name, Kind.STRUCT)
    theirs, start = _data_member(value, name)
    fitted = KernelStruct(value.module, value.type_id, bytearray(value.btf.size_of(value.type_id)))
    fitter = _Fitter(local, value.btf, wanted.contents or b"", dict(wanted.initial_slots))
    members = value.btf.members(theirs)
    positions: dict[str, int] = {}
    for number, member in enumerate(members):
        positions.setdefault(member.name, number)
    for member in local.members(struct):
        where = f"struct {name}.{member.name}"
        program = fitter.slots.get(member.bit_offset // 8)
        if member.name not in positions:
            fitter.require_empty(member, where)
            continue
        number = positions[member.name]
        their = members[number]
        offset = start + their.bit_offset // 8
        data = fitter.fit(member, their, where)
        if program is None:
            fitted.contents[offset : offset + len(data)] = data
        else:
            _require_struct_ops(spec, program, where)
            fitted.slots.append(Slot(offset, program, Callback(value.module, theirs.id, number)))
    return fitted


def _data_member(value: Candidate, name: str) -> tuple[BtfType, int]:
    """The struct itself in its value type, and where it starts in there (bytes)."""
    btf = value.btf
    for member in btf.members(btf.type(value.type_id)):
        found = btf.type(member.type_id)
        if found.kind == Kind.STRUCT and found.name == name:
            return found, member.bit_offset // 8
    raise BtfError(f"the kernel's struct {VALUE_PREFIX}{name} has no member of struct {name}")


def _require_struct_ops(spec: ObjectSpec, program: str, where: str) -> None:
    if spec.programs[program].type != ProgType.STRUCT_OPS:
        raise BtfError(f"{where}: program '{program}' is not in a section struct_ops")


class _Fitter:
    """Compares members of the object's struct and the kernel's."""

    def __init__(self, local: Btf, kernel: Btf, contents: bytes, slots: dict[int, str]) -> None:
        self._local = local
        self._kernel = kernel
        self._contents = contents
        self.slots = slots
        """Offset in the object's struct → program."""

    def _value(self, member: Member) -> bytes:
        start = member.bit_offset // 8
        return self._contents[start : start + self._local.size_of(member.type_id)]

    def require_empty(self, member: Member, where: str) -> None:
        """Raises BtfError for a member that the object sets; the kernel lacks it."""
        if member.bit_offset // 8 in self.slots or any(self._value(member)):
            raise BtfError(f"{where} is set, but this kernel has no such member")

    def fit(self, ours: Member, theirs: Member, where: str) -> bytes:
        """The bytes for the kernel's member; none for pointers. Raises BtfError."""
        if ours.bit_size or theirs.bit_size:
            raise BtfError(f"{where} is a bitfield; those cannot be set")
        our_type, their_type = self._local.resolve(ours.type_id), self._kernel.resolve(theirs.type_id)
        if our_type.kind != their_type.kind:
            described = self._kernel.describe(their_type.id), self._local.describe(our_type.id)
            raise BtfError(f"{where} is {described[0]} in this kernel, not {described[1]}")
        if our_type.kind == Kind.PTR:
            callback = ours.bit_offset // 8 in self.slots
            if callback and self._kernel.resolve(their_type.size_or_type).kind != Kind.FUNC_PROTO:
                raise BtfError(f"{where} is no pointer to a function in this kernel")
            return b""
        size, kernel_size = self._local.size_of(ours.type_id), self._kernel.size_of(theirs.type_id)
        if size != kernel_size:
            raise BtfError(f"{where} has {kernel_size} bytes in this kernel, not {size}")
        return self._value(ours)
