"""A live map: a mapping of Python values to Python values, and raw bytes beside it.

    counters[key] += 1
    dict(counters.items())
    counters.lookup_bytes(b"\\0\\0\\0\\0")

Keys and values are ints where BTF says integer or enum (without BTF: where the size
is 1, 2, 4 or 8), else bytes; values of per-CPU maps are lists, one per possible CPU.
"""

from __future__ import annotations

import errno
import os
from mmap import MAP_SHARED, PROT_READ, PROT_WRITE, mmap
from struct import Struct

from . import syscall
from .cpus import possible_cpus
from .enums import MapFlags, MapType
from .errors import BpflabError, KernelError
from .lean import TYPE_CHECKING
from .map_batch import read_elements
from .map_values import Codec, ElementError, IntCodec, PerCpuCodec, codec_for
from .native import native

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path
    from typing import Any, Self

    from .btf import Btf
    from .memory import Memory
    from .perfbuf import PerfBuffer
    from .ringbuf import RingBuffer
    from .spec import MapSpec

ANY, NO_EXIST, EXIST, LOCK = 0, 1, 2, 4
"""Flags of an update: BPF_ANY, BPF_NOEXIST, BPF_EXIST, BPF_F_LOCK."""

PER_CPU = frozenset(
    {
        MapType.PERCPU_HASH,
        MapType.PERCPU_ARRAY,
        MapType.LRU_PERCPU_HASH,
        MapType.PERCPU_CGROUP_STORAGE,
    }
)
FD_VALUES = frozenset({MapType.PROG_ARRAY, MapType.ARRAY_OF_MAPS, MapType.HASH_OF_MAPS})
"""Values go in as file descriptors and come out as IDs."""

_INFO = Struct("=6I16s")


class Map:
    """A map of the kernel. Owns its file descriptor; close it, or use it in a ``with``."""

    def __init__(
        self,
        fd: int,
        name: str,
        type: int,
        key_size: int,
        value_size: int,
        max_entries: int,
        flags: int = 0,
        *,
        key_signed: bool | None = False,
        value_signed: bool | None = False,
    ) -> None:
        """Take over `fd`. ``*_signed`` is what BTF says of an integer; None: no integer."""
        self.fd = fd
        self.name = name
        self.type = MapType(type)
        self.key_size = key_size
        self.value_size = value_size
        self.max_entries = max_entries
        self.flags = flags
        self.frozen = False
        self._pin: Path | None = None
        self._memory: Memory | None = None
        one = codec_for(value_size, False if self.type in FD_VALUES else value_signed)
        self._key: Codec = codec_for(key_size, key_signed)
        self._value: Codec = PerCpuCodec(one, possible_cpus()) if self.type in PER_CPU else one
        # A short way for integers, one call of the native module: keys from 0 to `_last_key`;
        # values from `_negative` on are negative ones.
        self._last_key, self._negative = -1, 0
        if isinstance(self._key, IntCodec) and isinstance(self._value, IntCodec):
            self._last_key, self._negative = self._key.largest, self._value.largest + 1

    @classmethod
    def from_spec(
        cls,
        fd: int,
        spec: MapSpec,
        btf: Btf | None,
        *,
        max_entries: int | None = None,
        flags: int | None = None,
    ) -> Map:
        """Take over `fd`, a map made from `spec`; `btf` is the object's."""

        def signed(type_id: int) -> bool | None:
            return btf.signedness(type_id) if btf is not None and type_id else False

        return cls(
            fd,
            spec.name,
            spec.type,
            spec.key_size,
            spec.value_size,
            spec.max_entries if max_entries is None else max_entries,
            spec.flags if flags is None else flags,
            key_signed=signed(spec.key_type_id),
            value_signed=signed(spec.value_type_id),
        )

    @classmethod
    def from_fd(cls, fd: int) -> Map:
        """Take over `fd`, a map that anyone made (4.13). Raises KernelError, and closes it then."""
        try:
            info = bytearray(_INFO.size)
            syscall.obj_info(fd, info)
            type, _, key_size, value_size, max_entries, flags, name = _INFO.unpack(info)
        except BaseException:
            os.close(fd)
            raise
        return cls(fd, name.rstrip(b"\0").decode(), type, key_size, value_size, max_entries, flags)

    @classmethod
    def from_id(cls, number: int) -> Map:
        """Open a map of the system by its ID (4.13). Raises KernelError."""
        from .descriptor import open_id

        return cls.from_fd(open_id(number, "map"))

    @classmethod
    def from_pin(cls, path: str | Path) -> Map:
        """Open a pinned map. Raises KernelError."""
        from .descriptor import open_pin

        return cls.from_fd(open_pin(str(path), "map"))

    # A mapping of values

    def __getitem__(self, key: Any) -> Any:
        if type(key) is int and 0 <= key <= self._last_key:
            value = native.lookup_int(self.fd, key, self.key_size, self.value_size)
            if value >= 0:
                return value if value < self._negative else value - 2 * self._negative
        data = self.lookup_bytes(self._encode_key(key))
        if data is None:
            raise KeyError(key)
        return self._value.decode(data)

    def __setitem__(self, key: Any, value: Any) -> None:
        if (
            type(key) is type(value) is int
            and 0 <= key <= self._last_key
            and 0 <= value < self._negative
            and not native.update_int(self.fd, key, self.key_size, value, self.value_size)
        ):
            return
        self.update(key, value)

    def __delitem__(self, key: Any) -> None:
        if not self.delete_bytes(self._encode_key(key)):
            raise KeyError(key)

    def __contains__(self, key: Any) -> bool:
        return self.lookup_bytes(self._encode_key(key)) is not None

    def __iter__(self) -> Iterator[Any]:
        return self.keys()

    def get(self, key: Any, default: Any = None) -> Any:
        """The value of a key, or `default`."""
        try:
            return self[key]
        except KeyError:
            return default

    def update(self, key: Any, value: Any, flags: int = ANY) -> None:
        """Set an element; NO_EXIST and EXIST as `flags` restrict it (KernelError EEXIST, ENOENT).

        Program arrays and maps of maps take a program or a map, or its file descriptor.
        """
        self.update_bytes(self._encode_key(key), self._encode_value(value), flags)

    def delete(self, key: Any) -> bool:
        """Delete an element; whether it was there."""
        return self.delete_bytes(self._encode_key(key))

    def keys(self) -> Iterator[Any]:
        """All keys, one system call each: cheaper than `items` if values are large."""
        following = bytearray(self.key_size)
        key: bytes | None = None
        for _ in range(self.max_entries):
            error = native.next_key(self.fd, key, following)
            if error == -errno.ENOENT:
                return
            if error:
                raise self._error("reading keys", error)
            key = bytes(following)
            yield self._key.decode(key)

    def items(self) -> Iterator[tuple[Any, Any]]:
        """All keys with their values, read in batches where the kernel can."""
        for keys, values, count in read_elements(
            self.fd, self.name, self.key_size, self._value.size, self.max_entries
        ):
            yield from zip(
                self._key.decode_many(keys, count), self._value.decode_many(values, count), strict=True
            )

    def values(self) -> Iterator[Any]:
        """All values."""
        return (value for _, value in self.items())

    # Raw bytes; per-CPU values as the kernel has them: each CPU's padded to 8 bytes

    @property
    def element_size(self) -> int:
        """Bytes of a value in `lookup_bytes` and `update_bytes`: of all CPUs in per-CPU maps."""
        return self._value.size

    def lookup_bytes(self, key: bytes, flags: int = 0) -> bytes | None:
        """The value of a key, None if there is none. Raises KernelError."""
        self._check_key(key)
        value = bytearray(self._value.size)
        error = native.lookup(self.fd, key, value, flags)
        if error == -errno.ENOENT:
            return None
        if error:
            raise self._error("look-up", error)
        return bytes(value)

    def lookup_many_bytes(self, keys: bytes) -> list[bytes | None]:
        """The values of keys that lie one behind the other, in one call of the native module."""
        size = self._value.size
        count, rest = divmod(len(keys), self.key_size) if self.key_size else (0, 1)
        if rest:
            raise ElementError(f"map '{self.name}': keys are of {self.key_size} bytes each")
        values, found = bytearray(count * size), bytearray(count)
        result = native.lookup_many(self.fd, keys, self.key_size, values, size, found)
        if result < 0:
            raise self._error("look-up", result)
        return [bytes(values[i * size : (i + 1) * size]) if found[i] else None for i in range(count)]

    def update_bytes(self, key: bytes, value: bytes, flags: int = ANY) -> None:
        """Set an element. Raises KernelError."""
        self._check_key(key)
        if len(value) != self._value.size:
            raise ElementError(f"map '{self.name}': values have {self._value.size} bytes, not {len(value)}")
        error = native.update(self.fd, key, value, flags)
        if error:
            raise self._error("update", error)

    def delete_bytes(self, key: bytes) -> bool:
        """Delete an element; whether it was there. Raises KernelError."""
        self._check_key(key)
        error = native.delete(self.fd, key)
        if error and error != -errno.ENOENT:
            raise self._error("delete", error)
        return not error

    def pop_bytes(self, key: bytes = b"") -> bytes | None:
        """Read and delete an element at once (queues and stacks 4.20, hashes 5.14); None if there is none."""
        self._check_key(key)
        value = bytearray(self._value.size)
        error = syscall.map_lookup_and_delete(self.fd, key, value)
        if error == -errno.ENOENT:
            return None
        if error:
            raise self._error("look-up and delete", error)
        return bytes(value)

    def keys_bytes(self) -> Iterator[bytes]:
        """All keys."""
        return (self._key.encode(key) for key in self.keys())

    # The rest

    def freeze(self) -> None:
        """Let user space write no more (5.2). Raises KernelError."""
        syscall.map_freeze(self.fd, self.name)
        self.frozen = True

    def memory(self) -> Memory | None:
        """The values of a BPF_F_MMAPABLE array as memory (5.5), readable only if frozen; None for others.

        Closed with the map. Raises KernelError.
        """
        if self._memory is None and self.flags & MapFlags.MMAPABLE:
            size = self.max_entries * ((self.value_size + 7) & ~7)
            writing = 0 if self.frozen else PROT_WRITE
            try:
                self._memory = mmap(self.fd, size, MAP_SHARED, PROT_READ | writing)
            except OSError as error:
                raise KernelError(f"map '{self.name}': mapping into memory", error.errno or 0) from None
        return self._memory

    def reader(self, **options: Any) -> RingBuffer | PerfBuffer:
        """A reader of the events in a ring buffer or perf event array; the caller closes it."""
        if self.type == MapType.RINGBUF:
            from .ringbuf import RingBuffer

            return RingBuffer(self, **options)
        if self.type == MapType.PERF_EVENT_ARRAY:
            from .perfbuf import PerfBuffer

            return PerfBuffer(self, **options)
        raise BpflabError(
            f"map '{self.name}': a {self.type.name} holds no events; ring buffers and perf event arrays do"
        )

    @property
    def id(self) -> int:
        """The kernel's ID of the map. Raises KernelError."""
        info = bytearray(_INFO.size)
        syscall.obj_info(self.fd, info)
        number: int = _INFO.unpack(info)[1]
        return number

    def pin(self, path: str | Path) -> None:
        """Pin to a path on a bpffs: the map outlives this process. Raises KernelError."""
        from pathlib import Path

        syscall.obj_pin(self.fd, str(path), f"map '{self.name}'")
        self._pin = Path(path)

    def unpin(self) -> None:
        """Remove the pin that `pin` made, if any."""
        if self._pin is not None:
            self._pin.unlink(missing_ok=True)
            self._pin = None

    def close(self) -> None:
        """Give up the file descriptor; a pin, a program or a link may keep the map."""
        if self._memory is not None:
            self._memory.close()
            self._memory = None
        if self.fd >= 0:
            os.close(self.fd)
            self.fd = -1

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<Map '{self.name}' {self.type.name} {self.max_entries} × {self.key_size}→{self.value_size}>"

    def _encode_key(self, key: object) -> bytes:
        try:
            return self._key.encode(key)
        except ElementError as error:
            raise ElementError(f"map '{self.name}': key: {error}") from None

    def _encode_value(self, value: object) -> bytes:
        if self.type in FD_VALUES:
            value = getattr(value, "fd", value)
        try:
            return self._value.encode(value)
        except ElementError as error:
            raise ElementError(f"map '{self.name}': value: {error}") from None

    def _check_key(self, key: bytes) -> None:
        if len(key) != self.key_size:
            raise ElementError(f"map '{self.name}': keys have {self.key_size} bytes, not {len(key)}")

    def _error(self, action: str, error: int) -> KernelError:
        return KernelError(f"map '{self.name}': {action}", -error, _hint(action, -error))


def _hint(action: str, number: int) -> str:
    if number == errno.E2BIG:
        return "the map is full, or the key is behind its end"
    if number == errno.EPERM and action == "update":
        return "the map is frozen or read-only"
    return ""
