"""Keys and values that are special to a type of map: descriptors, devices, stacks; and shared maps."""

from __future__ import annotations

import errno
import socket
import struct
from pathlib import Path

import pytest
from bpflab.loader.btf import Btf
from bpflab.loader.enums import MapFlags, MapType
from bpflab.loader.errors import ElementError, KernelError
from bpflab.loader.map_create import create_map
from bpflab.loader.maps.elements import StackCodec, TargetCodec, key_codec, value_codec
from bpflab.loader.maps.map import Map
from bpflab.loader.maps.pinning import open_or_pin
from bpflab.loader.spec import MapSpec

NO_TYPES: tuple[Btf | None, int] = (None, 0)


class WithDescriptor:
    fd = 17


def test_descriptors_of_objects() -> None:
    codec = value_codec(MapType.PROG_ARRAY, 4, 0, *NO_TYPES)
    assert codec.encode(WithDescriptor()) == codec.encode(17) == b"\x11\0\0\0"
    with socket.socket() as sock:
        wide = value_codec(MapType.SOCKMAP, 8, 0, *NO_TYPES)
        assert wide.encode(sock) == sock.fileno().to_bytes(8, "little")
        assert key_codec(MapType.SK_STORAGE, 4, *NO_TYPES).encode(sock) == sock.fileno().to_bytes(4, "little")
    with pytest.raises(ElementError, match="expected an integer"):
        codec.encode("program")


def test_devices_and_their_programs() -> None:
    codec = value_codec(MapType.DEVMAP_HASH, 8, 0, *NO_TYPES)
    assert isinstance(codec, TargetCodec)
    assert codec.encode((5, WithDescriptor())) == b"\5\0\0\0\x11\0\0\0"
    assert codec.encode(5) == codec.encode((5, None)) == b"\5\0\0\0" + bytes(4)
    assert codec.decode(b"\5\0\0\0\7\0\0\0") == (5, 7)
    assert codec.decode(b"\5\0\0\0" + bytes(4)) == (5, None)
    assert codec.encode(b"12345678") == b"12345678"
    with pytest.raises(ElementError):
        codec.encode((5, 6, 7))
    assert value_codec(MapType.DEVMAP, 4, 0, *NO_TYPES).decode(b"\5\0\0\0") == 5


def test_stacks_end_at_zero() -> None:
    codec = value_codec(MapType.STACK_TRACE, 32, 0, *NO_TYPES)
    assert isinstance(codec, StackCodec)
    addresses = [0xFFFFFFFF81000000, 0xFFFFFFFF82000000]
    raw = b"".join(address.to_bytes(8, "little") for address in addresses)
    assert codec.decode(raw + bytes(16)) == tuple(addresses)
    assert len(codec.decode(raw * 2)) == 4


def test_stacks_by_build_ids() -> None:
    codec = value_codec(MapType.STACK_TRACE, 96, MapFlags.STACK_BUILD_ID, *NO_TYPES)
    raw = struct.pack("=i20sQ", 1, b"B" * 20, 0x1234) + struct.pack("=i20sQ", 2, b"", 0x7FFF0000)
    assert codec.decode(raw + bytes(32)) == ((b"B" * 20, 0x1234), (b"", 0x7FFF0000))
    assert codec.decode(raw + bytes(32))[0].offset == 0x1234


def spec(**changes: int) -> MapSpec:
    values = {"type": MapType.HASH, "key_size": 4, "value_size": 8, "max_entries": 16, "flags": 0} | changes
    return MapSpec("shared", **values)  # type: ignore[arg-type]  # fields of several types


@pytest.mark.usefixtures("live")
def test_a_pinned_map_is_shared(bpffs: Path) -> None:
    wanted = spec()
    with open_or_pin(wanted, bpffs, None, lambda: create_map(wanted, "o", None, None)) as first:
        first[1] = 11
        with open_or_pin(wanted, bpffs, None, lambda: create_map(wanted, "o", None, None)) as second:
            assert second[1] == 11 and second.id == first.id
        first.unpin()


@pytest.mark.usefixtures("live")
def test_every_difference_to_a_pinned_map_is_named(bpffs: Path) -> None:
    with Map.create("array", 4, 8, 16, name="shared") as other:
        other.pin(bpffs / "shared")
        wanted = spec(value_size=4, flags=MapFlags.NO_PREALLOC)
        with pytest.raises(KernelError) as refused:
            open_or_pin(wanted, bpffs, None, lambda: create_map(wanted, "o", None, None))
        assert refused.value.errno == errno.EINVAL
        assert (
            "its type is ARRAY, not HASH, its value_size is 8, not 4, its flags is 0x0, not NO_PREALLOC"
            in str(refused.value)
        )
        other.unpin()


@pytest.mark.usefixtures("live")
def test_flags_that_the_kernel_adds_are_no_difference(bpffs: Path) -> None:
    """A devmap is read-only for programs, whoever made it."""
    wanted = spec(type=MapType.DEVMAP, value_size=4)
    with (
        open_or_pin(wanted, bpffs, None, lambda: create_map(wanted, "o", None, None)) as first,
        open_or_pin(wanted, bpffs, None, lambda: create_map(wanted, "o", None, None)) as second,
    ):
        assert first.id == second.id
        first.unpin()
