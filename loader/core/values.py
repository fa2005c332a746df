"""The number that a relocation stands for, in the object's own types and in the kernel's.

And writing the kernel's into the instruction that holds the object's.
"""

from __future__ import annotations

from .. import insn as bpf
from ..btf import Btf, BtfType, IntEncoding, Kind, Member
from ..btf.records import ENUMS
from ..errors import BtfError
from ..lean import TYPE_CHECKING, NamedTuple
from .access import Access, RelocationKind

if TYPE_CHECKING:
    from ..insn import ByteOrder

U32 = 0xFFFFFFFF
U64 = 0xFFFFFFFFFFFFFFFF
MAX_LOAD = 8
"""Bytes of the widest load."""
POISON = 195896080
"""Helper number 0xbad2310 ("bad relo"): if the verifier ever reaches it, it says ``unknown func``."""
POISONED_CALL = bpf.Insn(bpf.CALL, 0, 0, 0, POISON)
MAX_OFFSET = (1 << 15) - 1
"""The largest offset of a load or store."""


class Value(NamedTuple):
    """A number, and for a byte offset what is loaded there."""

    number: int
    """Unsigned, 64 bits."""
    size: int = 0
    """Bytes of the field (of an array: of its element); 0 of a bitfield, and where a width means nothing."""
    type_id: int = 0
    """Of the field; 0 (void) with a `size` of 0."""
    is_certain: bool = True
    """Whether the compiler must have arrived at the same number for its own types."""


def value_of(access: Access | None, kind: RelocationKind) -> Value | None:
    """The number for a path; None if there is no number because there is no path.

    Raises BtfError for a path that cannot have such a number.
    """
    if kind in _EXISTENCE:
        return Value(0 if access is None else 1)
    if access is None:
        return Value(0) if kind.is_type else None
    if kind.is_field:
        member = access.steps[-1].member
        return _field_value(access, member, kind) if member else _element_value(access, kind)
    return Value(_enumerator(access)) if kind.is_enumerator else _type_value(access, kind)


_EXISTENCE = frozenset(
    {
        RelocationKind.FIELD_EXISTS,
        RelocationKind.TYPE_EXISTS,
        RelocationKind.TYPE_MATCHES,
        RelocationKind.ENUMVAL_EXISTS,
    }
)


def _type_value(access: Access, kind: RelocationKind) -> Value:
    if kind == RelocationKind.TYPE_SIZE:
        return Value(access.btf.size_of(access.root_id))
    # The linker may have given the types other numbers since.
    return Value(access.root_id, is_certain=False)


def _enumerator(access: Access) -> int:
    btf, step = access.btf, access.steps[0]
    found = btf.type(step.type_id)
    number = btf.enumerators(found)[step.number][1]
    # A 32-bit value is sign-extended, whether the enum says signed or not.
    return (bpf.as_signed(number) if found.kind == Kind.ENUM else number) & U64


def _element_value(access: Access, kind: RelocationKind) -> Value:
    """Of a path that ends at an array element (or at the root)."""
    btf, type_id = access.btf, access.steps[-1].type_id
    if kind == RelocationKind.FIELD_BYTE_OFFSET:
        return Value(access.bit_offset // 8, _loaded_size(btf, type_id), type_id)
    if kind == RelocationKind.FIELD_BYTE_SIZE:
        return Value(btf.size_of(type_id))
    raise BtfError(f"{kind.name} says nothing about an array element")


def _field_value(access: Access, member: Member, kind: RelocationKind) -> Value:
    """Of a path that ends at a named member."""
    btf = access.btf
    field = btf.resolve(member.type_id)
    if kind == RelocationKind.FIELD_SIGNED:
        return Value(int(_is_signed(btf, field)))
    bits = member.bit_size
    if bits:
        byte_offset, byte_size = _bitfield_load(access.bit_offset, bits, field.size_or_type)
    else:
        byte_size = btf.size_of(field.id)
        byte_offset, bits = access.bit_offset // 8, byte_size * 8
    # How a bitfield is loaded is free, and the compiler may have chosen otherwise.
    certain = not member.bit_size
    match kind:
        case RelocationKind.FIELD_BYTE_OFFSET if member.bit_size:
            # As in libbpf: no load takes just a bitfield, so none can be changed to take it.
            return Value(byte_offset & U32, is_certain=False)
        case RelocationKind.FIELD_BYTE_OFFSET:
            size = _loaded_size(btf, field.id) if field.kind == Kind.ARRAY else byte_size
            return Value(byte_offset & U32, size, field.id)
        case RelocationKind.FIELD_BYTE_SIZE:
            return Value(byte_size & U32, is_certain=certain)
        case RelocationKind.FIELD_LSHIFT_U64:
            before = access.bit_offset - byte_offset * 8
            shift = 64 - (before + bits) if btf.byte_order == "<" else (8 - byte_size) * 8 + before
            return Value(shift & U32, is_certain=certain)
        case _:
            return Value((64 - bits) & U32)


def _bitfield_load(bit_offset: int, bits: int, size: int) -> tuple[int, int]:
    """Offset and size of the smallest aligned load, from the declared size up, that covers a bitfield."""
    if size == 0:
        raise BtfError("a bitfield has a type without size")
    while True:
        offset = bit_offset // 8 // size * size
        if bit_offset + bits <= (offset + size) * 8:
            return offset, size
        if size >= MAX_LOAD:
            raise BtfError(f"the bitfield of {bits} bits at {bit_offset} is not within {MAX_LOAD} bytes")
        size *= 2


def _loaded_size(btf: Btf, type_id: int) -> int:
    """Size of what one load takes: of an array it is an element (as libbpf since 1.6)."""
    found = btf.resolve(type_id)
    while found.kind == Kind.ARRAY:
        found = btf.resolve(btf.array(found).type_id)
    return btf.size_of(found.id)


def _is_signed(btf: Btf, field: BtfType) -> bool:
    if field.kind in ENUMS:
        return field.kflag
    return field.kind == Kind.INT and bool(btf.integer(field)[0] & IntEncoding.SIGNED)


def can_change_width(local: Access, ours: Value, target: Access, theirs: Value) -> bool:
    """Whether a load may change from one width to the other and still give the right number.

    Pointers may (32-bit kernels), and unsigned integers: both are extended with zeros.
    """
    if ours.size == theirs.size:
        return True
    one, other = local.btf.type(ours.type_id), target.btf.type(theirs.type_id)
    if one.kind == other.kind == Kind.PTR:
        return True
    return one.kind == other.kind == Kind.INT and all(
        btf.integer(of)[0] != IntEncoding.SIGNED for btf, of in ((local.btf, one), (target.btf, other))
    )


# Into the instruction


def poison(insns: bytearray, index: int, byte_order: ByteOrder) -> None:
    """Replace an instruction that cannot be relocated by one that must not be reached."""
    if bpf.read(insns, index, byte_order).code == bpf.LD_IMM64:
        # The second half alone would give an error about an unknown opcode.
        bpf.write(insns, index + 1, POISONED_CALL, byte_order)
    bpf.write(insns, index, POISONED_CALL, byte_order)


def patch(
    insns: bytearray, index: int, byte_order: ByteOrder, ours: Value, theirs: Value, can_widen: bool
) -> bool:
    """Replace our number in an instruction by theirs; False if it had to be poisoned.

    `can_widen` says whether a load or store may change to another width. Raises
    BtfError if the instruction does not hold our number, or cannot hold theirs.
    """
    insn = bpf.read(insns, index, byte_order)
    match insn.code & bpf.CLASS_MASK:
        case bpf.ALU | bpf.ALU64:
            if insn.code & bpf.SOURCE_REGISTER:
                raise BtfError("the instruction takes its operand from a register")
            _require(insn.imm, ours)
            bpf.set_number(insns, index, theirs.number, byte_order)
        case bpf.LDX | bpf.ST | bpf.STX:
            _require(insn.offset, ours)
            if theirs.number > MAX_OFFSET:
                raise BtfError(f"offset {theirs.number} is beyond what a load or store can reach")
            if not can_widen:
                poison(insns, index, byte_order)
                return False
            if ours.size != theirs.size:
                bpf.write(insns, index, _with_width(insn, ours.size, theirs.size), byte_order)
            bpf.set_offset(insns, index, theirs.number, byte_order)
        case 0x00 if insn.code == bpf.LD_IMM64:
            _patch_wide(insns, index, byte_order, ours, theirs)
        case _:
            raise BtfError(f"instruction code {insn.code:#04x} cannot be relocated")
    return True


def _patch_wide(insns: bytearray, index: int, byte_order: ByteOrder, ours: Value, theirs: Value) -> None:
    if (index + 2) * bpf.SIZE > len(insns):
        raise BtfError("a 64-bit load is cut off")
    first, second = (bpf.read(insns, at, byte_order) for at in (index, index + 1))
    if first.src or first.offset or second[:4] != (0, 0, 0, 0):
        raise BtfError("the 64-bit load is not one of a plain number")
    _require(first.imm & 0xFFFFFFFF | (second.imm & 0xFFFFFFFF) << 32, ours)
    bpf.set_number(insns, index, theirs.number, byte_order)
    bpf.set_number(insns, index + 1, theirs.number >> 32, byte_order)


def _require(held: int, ours: Value) -> None:
    """The instruction must hold what the object's own BTF says; otherwise one of them is wrong."""
    if ours.is_certain and held & U64 != ours.number:
        raise BtfError(f"the instruction holds {held}, but by the object's own BTF it must be {ours.number}")


def _with_width(insn: bpf.Insn, before: int, after: int) -> bpf.Insn:
    if bpf.SIZES.get(before) != insn.code & bpf.SIZE_MASK:
        raise BtfError(f"the instruction does not access the whole field of {before} bytes")
    if after not in bpf.SIZES:
        raise BtfError(f"a field of {after} bytes cannot be accessed by one instruction")
    return insn._replace(code=insn.code & ~bpf.SIZE_MASK | bpf.SIZES[after])
