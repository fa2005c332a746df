"""From a BTF type to the codec of its values.

    integers, pointers      int
    _Bool                   bool
    float, double           float
    enums                   an int that knows its name, where the number has one
    char[N]                 str, up to the first zero byte
    other arrays of bytes   bytes
    other arrays            tuples
    structs                 records (`records.Record`)
    unions                  `records.Union`

All encode the same, and bytes of the whole value as well.
"""

from __future__ import annotations

import struct
import sys
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from ..btf.records import ENUMS, IntEncoding, Kind
from ..errors import BtfError, ElementError
from .codec import BYTES, BytesCodec, Codec, IntCodec, exact_bytes
from .records import BitfieldCodec, Field, StructCodec, TailCodec, UnionCodec

if TYPE_CHECKING:
    from ..btf import Btf, BtfType
    from .codec import ByteOrder

_MAX_DEPTH = 32
"""Structs within structs, and arrays of arrays, that are followed; deeper ones are cycles."""


class BoolCodec(Codec):
    """A ``_Bool``."""

    size = 1

    def encode(self, value: object) -> bytes:
        if isinstance(value, int) and value in (0, 1):
            return bytes([value])
        return exact_bytes(value, 1, "True, False or ")

    def decode(self, data: bytes) -> bool:
        return data != b"\0"


class FloatCodec(Codec):
    """A ``float`` or ``double``."""

    def __init__(self, size: int, order: ByteOrder) -> None:
        self.size = size
        self._packed = struct.Struct(("<" if order == "little" else ">") + {4: "f", 8: "d"}[size])

    def encode(self, value: object) -> bytes:
        if isinstance(value, int | float):
            return self._packed.pack(value)
        return exact_bytes(value, self.size, "a number or ")

    def decode(self, data: bytes) -> float:
        value: float = self._packed.unpack(data)[0]
        return value


class Enumerator(int):
    """A number that has a name in its enum."""

    name: str

    def __new__(cls, value: int, name: str) -> Enumerator:
        self = super().__new__(cls, value)
        self.name = name
        return self

    def __repr__(self) -> str:
        return f"<{self.name}: {int(self)}>"


class EnumCodec(Codec):
    """An enum: numbers, named ones as `Enumerator`; encodes names as well."""

    def __init__(self, btf: Btf, of: BtfType, order: ByteOrder) -> None:
        self.size = of.size_or_type
        self._integer = IntCodec(self.size, of.kflag, order)
        self._btf = btf
        self._type = of
        self._values: dict[int, Enumerator] | None = None

    def _named(self) -> dict[int, Enumerator]:
        if self._values is None:
            pairs = reversed(self._btf.enumerators(self._type))  # of two names the first is taken
            self._values = {value: Enumerator(value, name) for name, value in pairs}
        return self._values

    def encode(self, value: object) -> bytes:
        if isinstance(value, str):
            numbers = dict(self._btf.enumerators(self._type))
            if value not in numbers:
                raise ElementError(f"expected one of {', '.join(numbers)}, got '{value}'")
            value = numbers[value]
        return self._integer.encode(value)

    def decode(self, data: bytes) -> int:
        number = self._integer.decode(data)
        return self._named().get(number, number)


class TextCodec(Codec):
    """A ``char[N]`` as text; bytes that are no UTF-8 come as surrogates, as in file names.

    What lies behind the first zero byte is left out, unless it counts (`whole`: in keys).
    """

    def __init__(self, size: int, whole: bool) -> None:
        self.size = size
        self._whole = whole

    def encode(self, value: object) -> bytes:
        raw = value.encode("utf-8", "surrogateescape") if isinstance(value, str) else value
        if not isinstance(raw, BYTES):
            raise ElementError(f"expected text of up to {self.size} bytes, got {value!r}")
        if len(raw) > self.size:
            raise ElementError(f"expected text of up to {self.size} bytes, got {len(raw)}")
        return bytes(raw).ljust(self.size, b"\0")

    def decode(self, data: bytes) -> str:
        raw = data.rstrip(b"\0") if self._whole else data.partition(b"\0")[0]
        return raw.decode("utf-8", "surrogateescape")


class ArrayCodec(Codec):
    """A tuple of values of one type; encodes any sequence of that length."""

    def __init__(self, one: Codec, length: int) -> None:
        self.size = one.size * length
        self.one = one
        self._length = length

    def encode(self, value: object) -> bytes:
        if isinstance(value, BYTES):
            return exact_bytes(value, self.size, f"{self._length} values or ")
        if not isinstance(value, Sequence) or isinstance(value, str) or len(value) != self._length:
            raise ElementError(f"expected {self._length} values, got {value!r}")
        return b"".join(map(self.one.encode, value))

    def decode(self, data: bytes) -> tuple[Any, ...]:
        return tuple(self.one.decode_many(data, self._length))


def codec_of(btf: Btf, type_id: int, *, order: ByteOrder = sys.byteorder, whole_text: bool = False) -> Codec:
    """The codec for values of a type. Raises BtfError for a type that has no size.

    `order` is that of the bytes. With `whole_text` text is what lies behind the first zero
    byte, too, so that it encodes to the same bytes again.
    """
    return _Types(btf, order, whole_text).codec(type_id, 0)


class _Types:
    """What all codecs that are made for one type share."""

    def __init__(self, btf: Btf, order: ByteOrder, whole_text: bool) -> None:
        self.btf = btf
        self.order = order
        self.whole_text = whole_text

    def codec(self, type_id: int, depth: int) -> Codec:
        btf = self.btf
        found = btf.resolve(type_id)
        if depth > _MAX_DEPTH:
            raise BtfError(f"BTF type {type_id} ({btf.describe(type_id)}) is nested too deep")
        if found.kind == Kind.ARRAY:
            return self._array(found, depth)
        if found.kind == Kind.STRUCT:
            return StructCodec(
                found.name, found.size_or_type, self.order, lambda: self._fields(found, depth + 1)
            )
        if found.kind == Kind.UNION:
            return UnionCodec(
                found.name, found.size_or_type, self.order, lambda: self._fields(found, depth + 1)
            )
        size = btf.size_of(found.id)
        if found.kind in ENUMS and size in (1, 2, 4, 8):
            return EnumCodec(btf, found, self.order)
        if found.kind == Kind.FLOAT and size in (4, 8):
            return FloatCodec(size, self.order)
        signed = btf.signedness(found.id)
        if signed is None or size not in (1, 2, 4, 8, 16):
            return BytesCodec(size)
        if found.kind == Kind.INT and size == 1 and btf.integer(found)[0] & IntEncoding.BOOL:
            return BoolCodec()
        return IntCodec(size, signed, self.order)

    def _array(self, of: BtfType, depth: int) -> Codec:
        element_id, _, length = self.btf.array(of)
        element = self.btf.resolve(element_id)
        if element.kind == Kind.INT and element.size_or_type == 1:
            if element.name == "char":
                return TextCodec(length, self.whole_text)
            if not self.btf.integer(element)[0] & (IntEncoding.SIGNED | IntEncoding.BOOL):
                return BytesCodec(length)
        return ArrayCodec(self.codec(element_id, depth + 1), length)

    def _fields(self, of: BtfType, depth: int) -> Iterator[Field]:
        members = self.btf.members(of)
        for number, member in enumerate(members):
            if member.bit_size:
                if not member.name:
                    continue  # padding
                yield self._bitfield(of, member.name, member.type_id, member.bit_offset, member.bit_size)
                continue
            codec = self.codec(member.type_id, depth)
            offset = member.bit_offset // 8
            if offset + codec.size > of.size_or_type:
                raise BtfError(f"member '{member.name}' lies outside of {self.btf.describe(of.id)}")
            if not codec.size and number == len(members) - 1 and number:
                codec = self._tail(member.type_id, depth) or codec
            yield Field(member.name, offset, codec)

    def _tail(self, type_id: int, depth: int) -> Codec | None:
        """The codec of an array without length; None for another type without size."""
        found = self.btf.resolve(type_id)
        if found.kind != Kind.ARRAY:
            return None
        element_id = self.btf.array(found).type_id
        element = self.btf.resolve(element_id)
        if element.kind == Kind.INT and element.size_or_type == 1:
            return TailCodec(IntCodec(1, False), bytes)
        one = self.codec(element_id, depth)
        return TailCodec(one, tuple) if one.size else None

    def _bitfield(self, of: BtfType, name: str, type_id: int, first: int, bits: int) -> Field:
        """A bitfield in the fewest bytes that hold it."""
        start, end = first // 8, -(-(first + bits) // 8)
        if end > of.size_or_type:
            raise BtfError(f"member '{name}' lies outside of {self.btf.describe(of.id)}")
        # Bits are counted from the lowest of the first byte; on big-endian machines from the highest.
        low = first - 8 * start if self.order == "little" else 8 * end - first - bits
        signed = bool(self.btf.signedness(type_id))
        return Field(name, start, BitfieldCodec(end - start, low, bits, signed, self.order))
