"""What keys and values of a map are in Python, by the map's type and by BTF."""

from __future__ import annotations

from struct import Struct

from ..btf.records import Kind
from ..cpus import possible_cpus
from ..enums import MapFlags, MapType
from ..errors import BtfError, ElementError
from ..lean import TYPE_CHECKING, NamedTuple
from ..values.codec import (
    BYTES,
    BytesCodec,
    Codec,
    IntCodec,
    PerCpuCodec,
    codec_for,
    exact_bytes,
    integer_codec,
)
from .raw import PER_CPU

if TYPE_CHECKING:
    from typing import Any

    from ..btf import Btf

STORAGE = frozenset({MapType.SK_STORAGE, MapType.INODE_STORAGE, MapType.TASK_STORAGE, MapType.CGRP_STORAGE})
"""Keys are file descriptors: of a socket, a file, a process (pidfd), a control group's directory."""

FD_VALUES = frozenset(
    {
        MapType.PROG_ARRAY,
        MapType.PERF_EVENT_ARRAY,
        MapType.CGROUP_ARRAY,
        MapType.ARRAY_OF_MAPS,
        MapType.HASH_OF_MAPS,
        MapType.SOCKMAP,
        MapType.SOCKHASH,
        MapType.XSKMAP,
        MapType.REUSEPORT_SOCKARRAY,
    }
)
"""Values go in as file descriptors, and come out as IDs or cookies where they can be read."""

_TARGETS = frozenset({MapType.DEVMAP, MapType.DEVMAP_HASH, MapType.CPUMAP})


class DescriptorCodec(IntCodec):
    """A file descriptor, or what has one: ``fd`` (programs, maps) or ``fileno()`` (sockets, files)."""

    def __init__(self, size: int) -> None:
        super().__init__(size, False)

    def encode(self, value: object) -> bytes:
        return super().encode(descriptor(value))


def descriptor(value: object) -> object:
    """The file descriptor of what has one, else the value itself."""
    if hasattr(value, "fd"):
        return value.fd
    return value.fileno() if hasattr(value, "fileno") else value


class TargetCodec(Codec):
    """A device or the length of a CPU's queue, and the program that runs there: ``(number, program)``.

    The program is None for none (a number alone means that, too), and comes out as its ID.
    """

    size = 8
    _part = IntCodec(4, False)

    def encode(self, value: object) -> bytes:
        if isinstance(value, BYTES):
            return exact_bytes(value, 8, "")
        number, program = value if isinstance(value, tuple) and len(value) == 2 else (value, None)
        return self._part.encode(number) + self._part.encode(0 if program is None else descriptor(program))

    def decode(self, data: bytes) -> tuple[int, int | None]:
        return self._part.decode(data[:4]), self._part.decode(data[4:]) or None


class PrefixCodec(Codec):
    """A key of a longest-prefix trie: ``(bits, bytes)``, or a network of the module `ipaddress`."""

    _bits = IntCodec(4, False)

    def __init__(self, size: int) -> None:
        self.size = size

    def encode(self, value: object) -> bytes:
        if isinstance(value, BYTES):
            return exact_bytes(value, self.size, "")
        network: Any = value
        if hasattr(value, "network_address"):
            network = network.prefixlen, network.network_address.packed
        if not isinstance(network, tuple) or len(network) != 2 or not isinstance(network[1], bytes):
            raise ElementError(f"expected (bits, {self.size - 4} bytes) or a network, got {value!r}")
        return self._bits.encode(network[0]) + exact_bytes(network[1], self.size - 4, "an address of ")

    def decode(self, data: bytes) -> tuple[int, bytes]:
        return self._bits.decode(data[:4]), data[4:]


class StackCodec(Codec):
    """A stack trace: the addresses from the inside out."""

    def __init__(self, size: int) -> None:
        self.size = size
        self._address = IntCodec(8, False)

    def encode(self, value: object) -> bytes:
        return exact_bytes(value, self.size, "")

    def decode(self, data: bytes) -> tuple[int, ...]:
        addresses = self._address.decode_many(data, self.size // 8)
        return tuple(addresses[: addresses.index(0)] if 0 in addresses else addresses)


class BuildIdFrame(NamedTuple):
    """A place in a file: the file's build ID, and bytes from its start; or without an ID an address."""

    build_id: bytes
    offset: int


class BuildIdStackCodec(Codec):
    """A stack trace of a map with BPF_F_STACK_BUILD_ID (4.17): frames from the inside out."""

    _frame = Struct("=i20sQ")
    _empty, _valid = 0, 1

    def __init__(self, size: int) -> None:
        self.size = size

    def encode(self, value: object) -> bytes:
        return exact_bytes(value, self.size, "")

    def decode(self, data: bytes) -> tuple[BuildIdFrame, ...]:
        return tuple(
            BuildIdFrame(build_id if status == self._valid else b"", offset)
            for status, build_id, offset in self._frame.iter_unpack(data)
            if status != self._empty
        )


def key_codec(type: MapType, size: int, btf: Btf | None, type_id: int) -> Codec:
    """The codec of a map's keys; `type_id` is their type in the BTF, 0 if it is not known."""
    if type in STORAGE and size == 4:
        return DescriptorCodec(size)
    typed = _typed(size, btf, type_id, whole_text=True)
    if typed is not None:
        return typed
    if type == MapType.LPM_TRIE and size > 4:
        return PrefixCodec(size)
    return codec_for(size, False)


def value_codec(type: MapType, size: int, flags: int, btf: Btf | None, type_id: int) -> Codec:
    """The codec of a map's values: of all CPUs together in per-CPU maps."""
    if type in FD_VALUES and size in (4, 8):
        return DescriptorCodec(size)
    if type in _TARGETS and size == TargetCodec.size:
        return TargetCodec()
    if type == MapType.STACK_TRACE:
        return BuildIdStackCodec(size) if flags & MapFlags.STACK_BUILD_ID else StackCodec(size)
    one = _typed(size, btf, type_id) or codec_for(size, False)
    return PerCpuCodec(one, possible_cpus()) if type in PER_CPU else one


def _typed(size: int, btf: Btf | None, type_id: int, *, whole_text: bool = False) -> Codec | None:
    """By BTF; None where it says nothing, or another size than the map."""
    if btf is None or not type_id:
        return None
    if btf.resolve(type_id).kind == Kind.DATASEC:
        return BytesCodec(size)  # all variables of a section: they go by their names
    codec: Codec | None = integer_codec(btf, type_id)
    if codec is None:
        from ..values.typed import codec_of

        try:
            codec = codec_of(btf, type_id, whole_text=whole_text)
        except BtfError:
            return None
    return codec if codec.size == size else None
