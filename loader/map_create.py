"""From a map's spec to a map of the running kernel."""

from __future__ import annotations

import errno
import os

from . import syscall
from .enums import MapFlags, MapType
from .errors import ElementError, KernelError
from .lean import TYPE_CHECKING
from .native import native

if TYPE_CHECKING:
    from .btf import Btf
    from .maps.map import Map
    from .spec import MapSpec

_RING_BUFFERS = (MapType.RINGBUF, MapType.USER_RINGBUF)
"""Ring buffers. A value's type says what the events are, as cilium/ebpf has it: the kernel wants no size."""
_MAPS_OF_MAPS = (MapType.ARRAY_OF_MAPS, MapType.HASH_OF_MAPS)

WITHOUT_BTF = frozenset(
    {
        MapType.PERF_EVENT_ARRAY,
        MapType.CGROUP_ARRAY,
        MapType.STACK_TRACE,
        MapType.ARRAY_OF_MAPS,
        MapType.HASH_OF_MAPS,
        MapType.DEVMAP,
        MapType.DEVMAP_HASH,
        MapType.CPUMAP,
        MapType.XSKMAP,
        MapType.SOCKMAP,
        MapType.SOCKHASH,
        MapType.QUEUE,
        MapType.STACK,
        MapType.ARENA,
    }
)
"""Map types that refuse the type ids of keys and values."""

_ENOTSUPP = 524

_WITHOUT_ENTRIES = frozenset(
    {
        MapType.CGROUP_STORAGE,
        MapType.PERCPU_CGROUP_STORAGE,
        MapType.SK_STORAGE,
        MapType.INODE_STORAGE,
        MapType.TASK_STORAGE,
        MapType.CGRP_STORAGE,
    }
)
"""Map types that hang on something else and so have no max_entries."""

_SINCE = {
    MapType.RINGBUF: "5.8",
    MapType.INODE_STORAGE: "5.10",
    MapType.TASK_STORAGE: "5.11",
    MapType.BLOOM_FILTER: "5.16",
    MapType.USER_RINGBUF: "6.1",
    MapType.CGRP_STORAGE: "6.2",
    MapType.INSN_ARRAY: "6.19",
    MapType.RHASH: "7.2",
}
"""The releases that brought the younger types."""


class NewMap:
    """A map that nobody has asked for yet: its file descriptor, and what a `Map` is made of.

    Most of an object's maps are for its programs alone. Importing and making `Map` would take longer
    than creating them.
    """

    __slots__ = ("fd", "is_constant", "shape", "types")

    def __init__(self, fd: int, spec: MapSpec, max_entries: int, flags: int) -> None:
        """Take over `fd`. The spec is the user's, who may change it later: nothing of it is kept."""
        self.fd = fd
        self.shape = spec.name, spec.type, spec.key_size, spec.value_size, max_entries, flags
        self.types = spec.key_type_id, spec.value_type_id
        self.is_constant = _is_constant(spec)

    def live(self, btf: Btf | None) -> Map:
        """The map itself, which takes over the descriptor; `btf` is the object's."""
        from .maps.map import Map

        key, value = self.types
        made = Map(self.fd, *self.shape, btf=btf, key_type_id=key, value_type_id=value)
        made.frozen = self.is_constant
        return made

    def close(self) -> None:
        """Give up the descriptor."""
        if self.fd >= 0:
            os.close(self.fd)
            self.fd = -1


def create_map(spec: MapSpec, object_name: str, btf: Btf | None, btf_fd: int | None) -> Map:
    """As `new_map`, for somebody who asks for it. `btf` is the object's."""
    return new_map(spec, object_name, btf_fd).live(btf)


def new_map(spec: MapSpec, object_name: str, btf_fd: int | None) -> NewMap:
    """Create a map and put its initial contents in; constants are frozen.

    `btf_fd` is the kernel's copy of the object's BTF, if it took it. Raises KernelError.
    """
    entries = _entries(spec)
    flags = _flags(spec)
    fd = _create(spec, _kernel_name(spec, object_name), entries, flags, btf_fd or 0)
    try:
        _fill(fd, spec)
    except BaseException:
        os.close(fd)
        raise
    return NewMap(fd, spec, entries, flags)


def _entries(spec: MapSpec) -> int:
    """As libbpf: whole pages to a power of two for ring buffers, all CPUs for a perf event array of 0."""
    if spec.type in _RING_BUFFERS and spec.max_entries:
        from mmap import PAGESIZE  # here and below: most maps need none of this

        return max(PAGESIZE, 1 << (spec.max_entries - 1).bit_length())
    if spec.type == MapType.PERF_EVENT_ARRAY and not spec.max_entries:
        from .cpus import possible_cpus

        return possible_cpus()
    return spec.max_entries


def _flags(spec: MapSpec) -> int:
    mmapable = MapFlags.MMAPABLE if spec.mmapable else 0
    constant = MapFlags.RDONLY_PROG if _is_constant(spec) else 0
    return spec.flags | mmapable | constant


def _create(spec: MapSpec, name: str, entries: int, flags: int, btf_fd: int) -> int:
    inner_fd = _create_template(spec, btf_fd)
    if spec.type in _RING_BUFFERS or spec.type in WITHOUT_BTF or not spec.value_type_id:
        btf_fd = 0
    try:
        try:
            return _request(spec, name, entries, flags, inner_fd, btf_fd)
        except KernelError as error:
            if not btf_fd or error.errno not in (errno.EINVAL, errno.EOPNOTSUPP, _ENOTSUPP):
                raise
            return _request(spec, name, entries, flags, inner_fd, 0)
    except KernelError as error:
        raise KernelError(
            f"creating map '{spec.name}' ({spec.type.name})",
            error.errno,
            error.hint or _hint(spec, error.errno),
        ) from None
    finally:
        if inner_fd >= 0:
            os.close(inner_fd)


def _request(spec: MapSpec, name: str, entries: int, flags: int, inner_fd: int, btf_fd: int) -> int:
    has_sizes = spec.type not in _RING_BUFFERS
    return syscall.map_create(
        spec.type,
        spec.key_size if has_sizes else 0,
        spec.value_size if has_sizes else 0,
        entries,
        flags,
        name=name,
        inner_fd=max(inner_fd, 0),
        numa_node=spec.numa_node,
        btf_fd=btf_fd,
        key_type_id=spec.key_type_id,
        value_type_id=spec.value_type_id,
        map_extra=spec.map_extra,
    )


def _create_template(spec: MapSpec, btf_fd: int) -> int:
    """A map of the kind that goes into a map of maps, which the kernel wants to see; -1 if not needed."""
    if spec.type not in _MAPS_OF_MAPS or spec.inner is None:
        return -1
    return _create(spec.inner, spec.inner.name, _entries(spec.inner), _flags(spec.inner), btf_fd)


def _kernel_name(spec: MapSpec, object_name: str) -> str:
    """The maps of ``.rodata .data .bss .kconfig`` carry the object's name; the kernel keeps 15 bytes."""
    if spec.kind == "user" or spec.name.count(".") > 1:
        return spec.name
    return f"{object_name.partition('.')[0][:8]}{spec.name}"[:15]


def _is_constant(spec: MapSpec) -> bool:
    return spec.kind in ("rodata", "kconfig")


def _fill(fd: int, spec: MapSpec) -> None:
    if spec.contents is not None and any(spec.contents):
        room = spec.value_size if spec.type == MapType.ARRAY else 0  # the kernel reads that many bytes
        if len(spec.contents) > room:
            problem = f"{len(spec.contents)} bytes of contents do not fit in {spec.type.name} of {room}"
            raise ElementError(f"map '{spec.name}': {problem}")
        value = spec.contents.ljust(room, b"\0")
        if error := native.update(fd, bytes(spec.key_size), value, 0):
            raise KernelError(f"map '{spec.name}': setting its contents", -error)
    if _is_constant(spec):
        syscall.map_freeze(fd, spec.name)


def _hint(spec: MapSpec, number: int) -> str:
    if number == errno.EINVAL and not spec.max_entries and spec.type not in _WITHOUT_ENTRIES:
        return "max_entries is 0"
    if number == errno.EINVAL:
        since = f" (maps of this type need {_SINCE[spec.type]})" if spec.type in _SINCE else ""
        return f"the map type{since} or a flag is unknown to this kernel, or a size does not suit the type"
    if number == errno.E2BIG:
        return "the map is too large"
    if number == errno.EBADF and spec.type in _MAPS_OF_MAPS:
        return "a map of maps needs a template of its inner maps ('values' in its definition)"
    return ""
