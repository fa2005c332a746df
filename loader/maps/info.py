"""What the kernel says about a map."""

from __future__ import annotations

from pathlib import Path
from struct import Struct

from .. import syscall
from ..enums import MapFlags, MapType
from ..lean import NamedTuple

# struct bpf_map_info: type, id, sizes of key and value, entries, flags, name, ifindex, type of a struct_ops'
# value in the kernel's BTF, the device's and inode's number of a network namespace, the object's BTF with the
# types of key and value, the id of the kernel's or a module's BTF, map_extra (5.16)
_INFO = Struct("=6I16sIIQQIIIIQ")


class MapInfo(NamedTuple):
    """The kernel's view of a map; sizes in bytes."""

    id: int
    type: MapType
    name: str
    key_size: int
    value_size: int
    max_entries: int
    flags: MapFlags
    map_extra: int
    """0 before 5.16."""
    ifindex: int
    """The device that the map lives in; 0 for none."""
    btf_id: int
    """The BTF that the types of key and value are from; 0 for none."""
    key_type_id: int
    value_type_id: int


class MapMemory(NamedTuple):
    """What ``/proc/self/fdinfo`` says of a map: bytes of memory that it takes, and whether it is frozen."""

    bytes: int
    frozen: bool


def map_info(fd: int) -> MapInfo:
    """Ask the kernel about the map of a descriptor. Raises KernelError."""
    info = bytearray(_INFO.size)
    syscall.obj_info(fd, info)
    type, id, key_size, value_size, entries, flags, name, ifindex, _, _, _, btf_id, key, value, _, extra = (
        _INFO.unpack(info)
    )
    return MapInfo(
        id,
        MapType(type),
        name.rstrip(b"\0").decode(),
        key_size,
        value_size,
        entries,
        MapFlags(flags),
        extra,
        ifindex,
        btf_id,
        key,
        value,
    )


def map_memory(fd: int) -> MapMemory:
    """Memory and frozenness of the map of a descriptor (4.10, 5.2)."""
    lines = Path(f"/proc/self/fdinfo/{fd}").read_text().splitlines()
    said = dict(line.partition(":")[::2] for line in lines)
    return MapMemory(int(said.get("memlock", 0)), bool(int(said.get("frozen", 0))))
