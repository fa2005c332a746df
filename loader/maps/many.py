"""Changing many elements of a map: in batches where the kernel can (5.6, by map type), else one by one."""

from __future__ import annotations

import errno

from .. import syscall
from ..errors import KernelError
from ..lean import TYPE_CHECKING
from ..native import native
from .batch import NO_BATCH, Elements, NoBatches, read_batches, walk

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .raw import RawMap


def update_many(table: RawMap, keys: bytes, values: bytes, count: int, flags: int) -> None:
    """Set `count` elements. Raises KernelError that says how many were set before the one refused."""
    if not count:
        return
    result, done = syscall.map_update_batch(table.fd, keys, values, count, flags)
    if -result in NO_BATCH and not done:
        key_size, size = table.key_size, table.element_size
        while done < count:
            key, value = (
                keys[done * key_size : (done + 1) * key_size],
                values[done * size : (done + 1) * size],
            )
            if result := native.update(table.fd, key, value, flags):
                break
            done += 1
    if result:
        raise _error(table, "update", -result, done, count)


def delete_many(table: RawMap, keys: bytes, count: int) -> int:
    """Delete the elements of `count` keys; how many were there. Raises KernelError."""
    deleted = at = 0
    while at < count:
        result, done = syscall.map_delete_batch(table.fd, keys, at * table.key_size, count - at)
        if -result in NO_BATCH and not done:
            return deleted + _delete_one_by_one(table, keys, at, count)
        deleted += done
        at += done
        if result == -errno.ENOENT:
            at += 1  # the kernel stops at a key that is not there
        elif result:
            raise _error(table, "delete", -result, at, count)
    return deleted


def _delete_one_by_one(table: RawMap, keys: bytes, first: int, count: int) -> int:
    deleted = 0
    for at in range(first, count):
        result = native.delete(table.fd, keys[at * table.key_size : (at + 1) * table.key_size])
        if result not in (0, -errno.ENOENT):
            raise _error(table, "delete", -result, at, count)
        deleted += not result
    return deleted


def pop_elements(table: RawMap) -> Iterator[Elements]:
    """All elements in chunks, which are deleted as they are read (hash tables 5.6).

    Where there are no such batches, an element is read and then deleted: what a program
    writes to it in between is lost. Raises KernelError.
    """
    sizes = table.sizes()
    try:
        yield from read_batches(table.fd, table.name, *sizes, delete=True)
    except NoBatches:
        for elements in walk(table.fd, table.name, *sizes):
            delete_many(table, bytes(elements.keys[: elements.number * table.key_size]), elements.number)
            yield elements


def _error(table: RawMap, action: str, number: int, done: int, count: int) -> KernelError:
    return KernelError(
        f"map '{table.name}': {action} of {count} elements",
        number,
        f"{done} were done before the one that is refused",
    )
