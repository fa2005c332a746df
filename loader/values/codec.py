"""Values as bytes and back: the codecs of integers, of plain bytes, and of one value per CPU.

Those of structs, enums and arrays, by their BTF type, are in values.py and records.py,
which are imported when they are first needed.
"""

from __future__ import annotations

import sys
from struct import Struct, pack
from struct import error as StructError

from ..btf.records import IntEncoding, Kind
from ..errors import ElementError
from ..lean import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import Any, Literal

    from ..btf import Btf

    ByteOrder = Literal["little", "big"]

BYTES = (bytes, bytearray, memoryview)
"""What is bytes already. A tuple: to make the union of three types takes longer than to look for one."""

_FORMATS = {1: "B", 2: "H", 4: "I", 8: "Q"}


class Codec:
    """Turns Python values into bytes, of which there are `size`, and back."""

    size: int

    def encode(self, value: object) -> bytes:
        """Raises ElementError for what does not fit."""
        raise NotImplementedError

    def encode_many(self, values: Iterable[Any] | bytes) -> bytes:
        """One behind the other; bytes are taken to be that already. Raises ElementError."""
        return values if isinstance(values, bytes) else b"".join(map(self.encode, values))

    def decode(self, data: bytes) -> Any:
        """The value that `size` bytes hold."""
        raise NotImplementedError

    def decoder(self) -> Callable[[bytes], Any]:
        """What does `decode`, for many values: looks up once what does not change."""
        return self.decode

    def decode_many(self, data: bytes | bytearray, count: int) -> list[Any]:
        """The first `count` values of those that lie one behind the other."""
        size = self.size
        whole = bytes(memoryview(data)[: count * size])
        return [self.decode(whole[i * size : (i + 1) * size]) for i in range(count)]


def exact_bytes(value: object, size: int, expected: str) -> bytes:
    """`value` if it is bytes of this size. Raises ElementError that says what was `expected` besides."""
    if type(value) is bytes and len(value) == size:
        return value
    words = f"{expected}{size} bytes"
    if not isinstance(value, BYTES):
        raise ElementError(f"expected {words}, got {value!r}")
    if len(value) != size:
        raise ElementError(f"expected {words}, got {len(value)}{' bytes' if expected else ''}")
    return bytes(value)


class BytesCodec(Codec):
    """What has no type that is known: bytes of exactly the size."""

    def __init__(self, size: int) -> None:
        self.size = size

    def encode(self, value: object) -> bytes:
        return exact_bytes(value, self.size, "")

    def decode(self, data: bytes) -> bytes:
        return data


class IntCodec(Codec):
    """An integer of 1, 2, 4, 8 or 16 bytes; its bytes are taken as well."""

    def __init__(self, size: int, signed: bool, order: ByteOrder = sys.byteorder) -> None:
        self.size = size
        self.signed = signed
        self.largest = (1 << 8 * size - signed) - 1
        self._order = order
        code = _FORMATS.get(size, "")
        self.format = code.lower() if signed else code
        """In the words of `struct`; empty for 16 bytes."""

    def encode(self, value: object) -> bytes:
        if isinstance(value, int):
            try:
                return value.to_bytes(self.size, self._order, signed=self.signed)
            except OverflowError:
                kind = "signed" if self.signed else "unsigned"
                raise ElementError(f"{value} does not fit in {self.size} bytes {kind}") from None
        return exact_bytes(value, self.size, "an integer or ")

    def encode_many(self, values: Iterable[Any] | bytes) -> bytes:
        if isinstance(values, bytes):
            return values
        values = list(values)
        if self.format and self._order == sys.byteorder:
            try:
                return pack(f"={len(values)}{self.format}", *values)
            except StructError:
                pass  # one of them is no such integer
        return super().encode_many(values)

    def decode(self, data: bytes) -> int:
        return int.from_bytes(data, self._order, signed=self.signed)

    def decode_many(self, data: bytes | bytearray, count: int) -> list[int]:
        if not self.format or self._order != sys.byteorder:
            return super().decode_many(data, count)
        # typeshed lists cast()'s formats one by one; ours is chosen at run time among them.
        return list(memoryview(data)[: count * self.size].cast("B").cast(self.format))  # type: ignore[call-overload]  # a letter, to typeshed one of many literals


class PerCpuCodec(Codec):
    """A list with a value of each possible CPU; the kernel pads each to a multiple of 8 bytes."""

    def __init__(self, one: Codec, cpus: int) -> None:
        self.one = one
        self._cpus = cpus
        self._stride = (one.size + 7) & ~7
        self.size = self._stride * cpus
        self._unpack: Callable[[bytes], tuple[int, ...]] | None = None
        if isinstance(one, IntCodec) and one.format:
            self._unpack = Struct("=" + f"{one.format}{self._stride - one.size}x" * cpus).unpack

    def encode(self, value: object) -> bytes:
        if isinstance(value, BYTES):
            if len(value) != self.size:
                raise ElementError(f"expected {self.size} bytes for {self._cpus} CPUs, got {len(value)}")
            return bytes(value)
        if not isinstance(value, list | tuple) or len(value) != self._cpus:
            raise ElementError(f"expected a list of {self._cpus} values, one per possible CPU, got {value!r}")
        return b"".join(self.one.encode(part).ljust(self._stride, b"\0") for part in value)

    def decode(self, data: bytes) -> list[Any]:
        if self._unpack:
            return list(self._unpack(data))
        size = self.one.size
        return [self.one.decode(data[i : i + size]) for i in range(0, self.size, self._stride)]


def integer_codec(btf: Btf, type_id: int, order: ByteOrder = sys.byteorder) -> IntCodec | None:
    """The codec of a plain integer or a pointer; None for any other type. Spares the import of `values`."""
    found = btf.resolve(type_id)
    if found.kind == Kind.PTR:
        return IntCodec(8, False, order)
    if found.kind != Kind.INT or found.size_or_type not in _FORMATS:
        return None
    encoding = btf.integer(found)[0]
    return (
        None
        if encoding & IntEncoding.BOOL
        else IntCodec(found.size_or_type, bool(encoding & IntEncoding.SIGNED), order)
    )


def codec_for(size: int, signed: bool | None) -> Codec:
    """The codec for a size: a signed or unsigned integer, or None for anything else."""
    return BytesCodec(size) if signed is None or size not in _FORMATS else IntCodec(size, signed)
