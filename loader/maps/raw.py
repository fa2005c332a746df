"""A live map as the kernel has it: keys and values are bytes."""

from __future__ import annotations

import errno
import os

from .. import syscall
from ..enums import MapFlags, MapType
from ..errors import ElementError, KernelError
from ..lean import TYPE_CHECKING
from ..native import native
from ..pinnable import Pinnable

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Self

    from .batch import Elements
    from .info import MapInfo
    from .memory import Memory

ANY, NO_EXIST, EXIST, LOCK, CPU, ALL_CPUS = 0, 1, 2, 4, 8, 16
"""Flags of elements: BPF_ANY, BPF_NOEXIST, BPF_EXIST, BPF_F_LOCK (5.1), BPF_F_CPU, BPF_F_ALL_CPUS (7.0)."""

PER_CPU = frozenset(
    {
        MapType.PERCPU_HASH,
        MapType.PERCPU_ARRAY,
        MapType.LRU_PERCPU_HASH,
        MapType.PERCPU_CGROUP_STORAGE,
    }
)


_UNBOUNDED = 1 << 32


class RawMap(Pinnable):
    """A map of the kernel. Owns its file descriptor; close it, or use it in a ``with``.

    Every call is one system call of the kernel's, which takes care of itself: threads may
    use one map at the same time, as long as none closes it.
    """

    def __init__(
        self,
        fd: int,
        name: str,
        type: int,
        key_size: int,
        value_size: int,
        max_entries: int,
        flags: int = 0,
    ) -> None:
        """Take over `fd`."""
        self.fd = fd
        self.name = name
        self.what = f"map '{name}'"
        self.type = MapType(type)
        self.key_size = key_size
        self.value_size = value_size
        self.max_entries = max_entries
        self.flags = flags
        self.frozen = False
        self.element_size = value_size
        """Bytes of a value in the methods for bytes: of all CPUs, each padded to 8, in per-CPU maps."""
        if self.type in PER_CPU:
            from ..cpus import possible_cpus  # here and below: a load needs nothing of these modules

            self.element_size = ((value_size + 7) & ~7) * possible_cpus()
        self._memory: Memory | None = None

    # Elements

    def _elements(self) -> Iterator[Elements]:
        from .batch import read_elements

        return read_elements(self.fd, self.name, *self.sizes())

    def lookup_bytes(self, key: bytes, flags: int = 0) -> bytes | None:
        """The value of a key, None if there is none. Raises KernelError."""
        if len(key) != self.key_size:
            raise self._wrong_key(key)
        value = native.lookup(self.fd, key, self._size(flags) if flags else self.element_size, flags)
        if isinstance(value, bytes):
            return value
        if value == -errno.ENOENT:
            return None
        raise self._error("look-up", value, flags)

    def lookup_many_bytes(self, keys: bytes) -> list[bytes | None]:
        """The values of keys that lie one behind the other, in one call of the native module."""
        size = self.element_size
        values, found = self._lookup_many(keys)
        parts = [values[at : at + size] for at in range(0, len(values), size)]
        return [part if is_there else None for part, is_there in zip(parts, found, strict=True)]

    def _lookup_many(self, keys: bytes) -> tuple[bytes, bytearray]:
        """The values one behind the other, and for each of them whether there is one."""
        count = self._count(keys, self.key_size, "keys")
        values, found = bytearray(count * self.element_size), bytearray(count)
        result = native.lookup_many(self.fd, keys, self.key_size, values, self.element_size, found)
        if result < 0:
            raise self._error("look-up", result)
        return bytes(values), found

    def update_bytes(self, key: bytes, value: bytes, flags: int = ANY) -> None:
        """Set an element. Raises KernelError."""
        if len(key) != self.key_size:
            raise self._wrong_key(key)
        if len(value) != (self._size(flags) if flags else self.element_size):
            raise ElementError(f"map '{self.name}': values have {self._size(flags)} bytes, not {len(value)}")
        error = native.update(self.fd, key, value, flags)
        if error:
            raise self._error("update", error, flags)

    def update_many_bytes(self, keys: bytes, values: bytes, flags: int = ANY) -> None:
        """Set elements whose keys, and values, lie one behind the other, in one system call if it can be.

        The error says how many were set before the one that is refused. Raises KernelError.
        """
        from .many import update_many

        count = self._count(keys, self.key_size, "keys")
        if count != self._count(values, self.element_size, "values"):
            raise ElementError(f"map '{self.name}': as many values as keys are needed")
        update_many(self, keys, values, count, flags)

    def delete_bytes(self, key: bytes) -> bool:
        """Delete an element; whether it was there. Raises KernelError."""
        if len(key) != self.key_size:
            raise self._wrong_key(key)
        error = native.delete(self.fd, key)
        if error and error != -errno.ENOENT:
            raise self._error("delete", error)
        return not error

    def delete_many_bytes(self, keys: bytes) -> int:
        """Delete elements whose keys lie one behind the other; how many were there. Raises KernelError."""
        from .many import delete_many

        return delete_many(self, keys, self._count(keys, self.key_size, "keys"))

    def pop_bytes(self, key: bytes = b"", flags: int = 0) -> bytes | None:
        """Read and delete an element at once (queues and stacks 4.20, hashes 5.14); None if there is none.

        Raises KernelError.
        """
        if len(key) != self.key_size:
            raise self._wrong_key(key)
        value = bytearray(self.element_size)
        error = syscall.map_lookup_and_delete(self.fd, key, value, flags)
        if error == -errno.ENOENT:
            return None
        if error:
            raise self._error("look-up and delete", error)
        return bytes(value)

    def keys_bytes(self) -> Iterator[bytes]:
        """All keys, one system call each: cheaper than reading all elements if values are large."""
        following = bytearray(self.key_size)
        key: bytes | None = None
        for _ in range(self.sizes()[2]):
            error = native.next_key(self.fd, key, following)
            if error == -errno.ENOENT:
                return
            if error:
                raise self._error("reading keys", error)
            key = bytes(following)
            yield key

    def items_bytes(self) -> Iterator[tuple[bytes, bytes]]:
        """All keys with their values, read in batches where the kernel can. Raises KernelError."""
        return self._split(self._elements())

    def pop_items_bytes(self) -> Iterator[tuple[bytes, bytes]]:
        """All elements, which are deleted as they are read: see `Map.pop_items`. Raises KernelError."""
        from .many import pop_elements

        return self._split(pop_elements(self))

    # The map itself

    def freeze(self) -> None:
        """Let user space write no more (5.2). Raises KernelError."""
        syscall.map_freeze(self.fd, self.name)
        self.frozen = True

    def memory(self) -> Memory | None:
        """The values of a BPF_F_MMAPABLE array as memory (5.5), readable only if frozen; None for others.

        Each starts at a multiple of 8 bytes. Closed with the map. Raises KernelError.
        """
        if self._memory is None and self.flags & MapFlags.MMAPABLE:
            size = self.max_entries * ((self.value_size + 7) & ~7)
            from mmap import MAP_SHARED, PROT_READ, PROT_WRITE, mmap

            writing = 0 if self.frozen else PROT_WRITE
            try:
                self._memory = mmap(self.fd, size, MAP_SHARED, PROT_READ | writing)
            except OSError as error:
                raise KernelError(f"map '{self.name}': mapping into memory", error.errno or 0) from None
        return self._memory

    def info(self) -> MapInfo:
        """What the kernel says of the map (4.13). Raises KernelError."""
        from .info import map_info

        return map_info(self.fd)

    @property
    def id(self) -> int:
        """The kernel's ID of the map. Raises KernelError."""
        return self.info().id

    def memory_size(self) -> int:
        """Bytes of kernel memory that the map takes, as far as the kernel counts them (4.10)."""
        from .info import map_memory

        return map_memory(self.fd).bytes

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

    def sizes(self) -> tuple[int, int, int]:
        """Bytes of keys and values, and the most elements there can be (storage of groups does not say)."""
        return self.key_size, self.element_size, self.max_entries or _UNBOUNDED

    def _split(self, chunks: Iterator[Elements]) -> Iterator[tuple[bytes, bytes]]:
        size = self.element_size
        for keys, values, count in chunks:
            for i in range(count):
                key = bytes(keys[i * self.key_size : (i + 1) * self.key_size])
                yield key, bytes(values[i * size : (i + 1) * size])

    def _size(self, flags: int) -> int:
        """Bytes of a value: those of a single CPU if the flags say so."""
        return self.value_size if flags & (CPU | ALL_CPUS) else self.element_size

    def _wrong_key(self, key: bytes) -> ElementError:
        return ElementError(f"map '{self.name}': keys have {self.key_size} bytes, not {len(key)}")

    def _count(self, data: bytes, size: int, what: str) -> int:
        count, rest = divmod(len(data), size) if size else (0, 1)
        if rest:
            raise ElementError(f"map '{self.name}': {what} are of {size} bytes each")
        return count

    def _error(self, action: str, error: int, flags: int = 0) -> KernelError:
        hint = self._hint(action, -error)
        if error == -errno.EINVAL and flags & (CPU | ALL_CPUS):
            hint = "values of one CPU need 7.0 and a per-CPU map"
        return KernelError(f"map '{self.name}': {action}", -error, hint)

    def _hint(self, action: str, number: int) -> str:
        if number == errno.E2BIG:
            return "the map is full, or the key is behind its end"
        if number == errno.EPERM and action == "update":
            return "the map is frozen or read-only"
        if number in (errno.EOPNOTSUPP, errno.ENOTSUP, 524):
            return f"a {self.type.name} has no such operation on this kernel"
        if number == errno.EINVAL and action == "look-up and delete":
            return "queues and stacks have it since 4.20, hash tables since 5.14, other types never"
        return ""
