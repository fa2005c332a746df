"""Keys and values of maps as Python values: ints, bytes, and lists of them per CPU."""

from __future__ import annotations

import sys

from .errors import BpflabError
from .lean import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from typing import Any

    MapValue = int | bytes | list[Any]


class ElementError(BpflabError, ValueError):
    """A key or value does not fit the map: it has the wrong size, type or range."""


class Codec(Protocol):
    """Turns Python values into an element's bytes, of which there are `size`, and back."""

    size: int

    def encode(self, value: object) -> bytes:
        """Raises ElementError for what does not fit."""

    def decode(self, data: bytes) -> MapValue: ...

    def decode_many(self, data: bytes | bytearray, count: int) -> list[MapValue]:
        """The first `count` elements of those that lie one behind the other."""


class BytesCodec:
    """Whatever is no plain integer: bytes of exactly the size."""

    def __init__(self, size: int) -> None:
        self.size = size

    def encode(self, value: object) -> bytes:
        if not isinstance(value, bytes | bytearray | memoryview):
            raise ElementError(f"expected {self.size} bytes, got {value!r}")
        if len(value) != self.size:
            raise ElementError(f"expected {self.size} bytes, got {len(value)}")
        return bytes(value)

    def decode(self, data: bytes) -> MapValue:
        return data

    def decode_many(self, data: bytes | bytearray, count: int) -> list[MapValue]:
        size = self.size
        return [bytes(data[i : i + size]) for i in range(0, count * size, size)]


class IntCodec:
    """An integer of 1, 2, 4 or 8 bytes in native byte order; its bytes are taken as well."""

    def __init__(self, size: int, signed: bool) -> None:
        self.size = size
        self.signed = signed
        self.largest = (1 << 8 * size - signed) - 1
        code = {1: "b", 2: "h", 4: "i", 8: "q"}[size]
        self._format = code if signed else code.upper()

    def encode(self, value: object) -> bytes:
        if isinstance(value, int):
            try:
                return value.to_bytes(self.size, sys.byteorder, signed=self.signed)
            except OverflowError:
                kind = "signed" if self.signed else "unsigned"
                raise ElementError(f"{value} does not fit in {self.size} bytes {kind}") from None
        if not isinstance(value, bytes | bytearray | memoryview):
            raise ElementError(f"expected an integer or {self.size} bytes, got {value!r}")
        if len(value) != self.size:
            raise ElementError(f"expected an integer or {self.size} bytes, got {len(value)} bytes")
        return bytes(value)

    def decode(self, data: bytes) -> MapValue:
        return int.from_bytes(data, sys.byteorder, signed=self.signed)

    def decode_many(self, data: bytes | bytearray, count: int) -> list[MapValue]:
        # typeshed lists cast()'s formats one by one; ours is chosen at run time among them.
        return list(memoryview(data)[: count * self.size].cast("B").cast(self._format))  # type: ignore[call-overload]


class PerCpuCodec:
    """A list with a value of each possible CPU; the kernel pads each to a multiple of 8 bytes."""

    def __init__(self, one: Codec, cpus: int) -> None:
        self._one = one
        self._cpus = cpus
        self._stride = (one.size + 7) & ~7
        self.size = self._stride * cpus

    def encode(self, value: object) -> bytes:
        if isinstance(value, bytes | bytearray | memoryview):
            if len(value) != self.size:
                raise ElementError(f"expected {self.size} bytes for {self._cpus} CPUs, got {len(value)}")
            return bytes(value)
        if not isinstance(value, list | tuple) or len(value) != self._cpus:
            raise ElementError(f"expected a list of {self._cpus} values, one per possible CPU, got {value!r}")
        return b"".join(self._one.encode(part).ljust(self._stride, b"\0") for part in value)

    def decode(self, data: bytes) -> MapValue:
        size = self._one.size
        return [self._one.decode(data[i : i + size]) for i in range(0, self.size, self._stride)]

    def decode_many(self, data: bytes | bytearray, count: int) -> list[MapValue]:
        return [self.decode(bytes(data[i : i + self.size])) for i in range(0, count * self.size, self.size)]


def codec_for(size: int, signed: bool | None) -> Codec:
    """The codec for a size and what BTF says: signed or unsigned integer, or None for anything else."""
    return BytesCodec(size) if signed is None or size not in (1, 2, 4, 8) else IntCodec(size, signed)
