"""Reading a whole map: in batches where the kernel can (5.6, by map type), else key by key."""

from __future__ import annotations

import errno

from .. import syscall
from ..errors import KernelError
from ..lean import TYPE_CHECKING, NamedTuple
from ..native import native

if TYPE_CHECKING:
    from collections.abc import Iterator

_CHUNK = 4096
"""Elements per call: larger buffers cost more to clear than they save in calls."""

_ENOTSUPP = 524  # the kernel's own number, which map types without batch operations give
NO_BATCH = (errno.EINVAL, errno.EOPNOTSUPP, _ENOTSUPP)
"""How the kernel refuses a batch where there is none."""


class Elements(NamedTuple):
    """`number` keys and as many values, one behind the other, in buffers that are used again."""

    keys: bytearray
    values: bytearray
    number: int


def read_elements(fd: int, name: str, key_size: int, value_size: int, max_entries: int) -> Iterator[Elements]:
    """All elements in chunks. Values of per-CPU maps have the size of all CPUs' values.

    What is added or deleted meanwhile may be seen or not. Raises KernelError.
    """
    try:
        yield from read_batches(fd, name, key_size, value_size, max_entries)
    except NoBatches:
        yield from walk(fd, name, key_size, value_size, max_entries)


class NoBatches(Exception):
    """The first batch was refused: this map type, on this kernel, has none."""


def read_batches(
    fd: int, name: str, key_size: int, value_size: int, max_entries: int, *, delete: bool = False
) -> Iterator[Elements]:
    """All elements in chunks, deleted as they are read if `delete`. Raises NoBatches, KernelError."""
    chunk = max(1, min(max_entries, _CHUNK))
    keys, values = bytearray(chunk * key_size), bytearray(chunk * value_size)
    # A position is a bucket number (hash) or a key (array, LPM trie).
    positions = bytearray(max(key_size, 8)), bytearray(max(key_size, 8))
    after: bytearray | None = None
    while True:
        position = positions[0] if after is positions[1] else positions[1]
        result, count = syscall.map_lookup_batch(fd, after, position, keys, values, chunk, delete=delete)
        if result == -errno.ENOSPC and chunk < max_entries:
            # One bucket of the hash table holds more elements than the buffers.
            chunk = min(chunk * 4, max_entries)
            keys, values = bytearray(chunk * key_size), bytearray(chunk * value_size)
            continue
        if after is None and -result in NO_BATCH:
            raise NoBatches
        if result not in (0, -errno.ENOENT):
            raise KernelError(f"map '{name}': reading all elements", -result)
        if count:
            yield Elements(keys, values, count)
        if result:
            return
        after = position


def walk(fd: int, name: str, key_size: int, value_size: int, max_entries: int) -> Iterator[Elements]:
    """All elements in chunks, read one by one. Raises KernelError."""
    chunk = max(1, min(max_entries, _CHUNK))
    keys, values = bytearray(chunk * key_size), bytearray(chunk * value_size)
    after: bytes | None = None
    count, total = chunk, 0
    # When the key `after` is deleted meanwhile, a hash map starts over: `total` bounds that.
    while count == chunk and total < max_entries:
        count = native.walk(fd, after, keys, key_size, values, value_size)
        if count < 0:
            raise KernelError(f"map '{name}': reading all elements", -count)
        if count:
            after = bytes(keys[(count - 1) * key_size : count * key_size])
            total += count
            yield Elements(keys, values, count)
