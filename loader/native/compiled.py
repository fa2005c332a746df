"""`Native` in C, through cffi's API mode (built by build.py from native.c and btf.c)."""

from __future__ import annotations

import os

from ..lean import TYPE_CHECKING, partial
from ._native import ffi, lib

if TYPE_CHECKING:
    from collections.abc import Callable, Collection
    from mmap import mmap

    from .interface import BtfStrings, Words

_from_buffer = ffi.from_buffer
_NULL = ffi.NULL
# Each of these is looked up once: in `lib`, that takes as long as the call.
_bpf, _address = lib.bpflab_bpf, lib.bpflab_address
_lookup, _update, _delete = lib.bpflab_lookup, lib.bpflab_update, lib.bpflab_delete
_U32 = ffi.typeof("uint32_t[]")


def bpf(cmd: int, attr: bytearray) -> int:
    result: int = _bpf(cmd, _from_buffer(attr), len(attr))
    return result


def perf_event_open(attr: bytearray, pid: int, cpu: int, group_fd: int, flags: int) -> int:
    result: int = lib.bpflab_perf_event_open(_from_buffer(attr), pid, cpu, group_fd, flags)
    return result


def address(buffer: bytes | bytearray | memoryview | mmap) -> int:
    if not len(buffer):
        return 0
    found: int = _address(buffer if type(buffer) is bytes else _from_buffer(buffer))
    return found


def map_file(fd: int, size: int) -> memoryview:
    # Importing `mmap` would take as long as all else that is done with a kernel's BTF.
    at = lib.bpflab_map(fd, size)
    if at < 0:
        raise OSError(-at, os.strerror(-at))
    mapped = ffi.gc(ffi.cast("char *", at), lambda mapped: lib.bpflab_unmap(mapped, size))
    return memoryview(ffi.buffer(mapped, size)).toreadonly()


def lookup(fd: int, key: bytes, size: int, flags: int = 0) -> bytes | int:
    # Straight into new bytes, which nobody else has seen: twice as fast as a buffer and a copy.
    # Of those with less than two bytes all the interpreter shares one.
    value = bytes(size if size > 1 else 2)
    error: int = _lookup(fd, key or _NULL, value, flags)
    return error or (value if size > 1 else value[:size])


def update(fd: int, key: bytes, value: bytes, flags: int = 0) -> int:
    result: int = _update(fd, key or _NULL, value, flags)
    return result


def delete(fd: int, key: bytes) -> int:
    result: int = _delete(fd, key)
    return result


def next_key(fd: int, key: bytes | None, following: bytearray) -> int:
    result: int = lib.bpflab_next_key(fd, _NULL if key is None else key, _from_buffer(following))
    return result


# No functions around these: they are called for single elements, where that would show.
lookup_int = lib.bpflab_lookup_int
lookup_signed = lib.bpflab_lookup_signed
lookup_word = lib.bpflab_lookup_word
update_int = lib.bpflab_update_int
delete_int = lib.bpflab_delete_int


def lookup_many(
    fd: int, keys: bytes, key_size: int, values: bytearray, value_size: int, found: bytearray
) -> int:
    count = len(keys) // key_size
    assert len(values) >= count * value_size and len(found) >= count
    result: int = lib.bpflab_lookup_many(
        fd, keys, key_size, _from_buffer(values), value_size, _from_buffer(found), count
    )
    return result


def walk(
    fd: int, after: bytes | None, keys: bytearray, key_size: int, values: bytearray, value_size: int
) -> int:
    capacity = len(keys) // key_size
    assert len(values) >= capacity * value_size
    result: int = lib.bpflab_walk(
        fd,
        _NULL if after is None else after,
        _from_buffer(keys),
        key_size,
        _from_buffer(values),
        value_size,
        capacity,
    )
    return result


def load(buffer: mmap | memoryview, offset: int) -> int:
    result: int = lib.bpflab_load(_from_buffer(buffer) + offset)
    return result


def store(buffer: mmap | memoryview, offset: int, value: int) -> None:
    lib.bpflab_store(_from_buffer(buffer) + offset, value)


def loader(buffer: mmap | memoryview, offset: int) -> Callable[[], int]:
    return partial(lib.bpflab_load, _from_buffer(buffer) + offset)


def storer(buffer: mmap | memoryview, offset: int) -> Callable[[int], None]:
    return partial(lib.bpflab_store, _from_buffer(buffer) + offset)


def ringbuf_scanner(
    data: memoryview, size: int, spans: memoryview, state: memoryview
) -> Callable[[int], int]:
    assert len(data) >= 2 * size
    return partial(
        lib.bpflab_ringbuf_scan,
        _from_buffer(data),
        size,
        _from_buffer(_U32, spans),
        len(spans) // 2,
        _from_buffer("uint64_t[4]", state),
    )


def perf_drainer(
    data: memoryview, size: int, skip: int, out: bytearray, spans: memoryview, state: memoryview
) -> Callable[[int], int]:
    assert len(data) >= size and skip % 4 == 0
    return partial(
        lib.bpflab_perf_drain,
        _from_buffer(data),
        size,
        skip,
        _from_buffer(out),
        len(out),
        _from_buffer(_U32, spans),
        len(spans) // 2,
        _from_buffer("uint64_t[4]", state),
    )


def btf_offsets(words: Words, offsets: memoryview) -> int:
    assert len(offsets) >= len(words) // 3 + 1
    result: int = lib.bpflab_btf_offsets(_from_buffer(_U32, words), len(words), _from_buffer(_U32, offsets))
    return result


def btf_find(
    words: Words,
    offsets: memoryview,
    base: BtfStrings,
    strings: BtfStrings,
    names: Collection[bytes],
    found: memoryview,
) -> int:
    assert len(found) >= len(offsets)
    wanted = b"".join(name + b"\0" for name in names)
    result: int = lib.bpflab_btf_find(
        _from_buffer(_U32, words),
        _from_buffer(_U32, offsets),
        len(offsets),
        _from_buffer(base),
        len(base),
        _from_buffer(strings),
        len(strings),
        wanted,
        len(wanted),
        _from_buffer(_U32, found),
    )
    return result


def btf_members(members: Words, base: BtfStrings, strings: BtfStrings, name: bytes, found: memoryview) -> int:
    assert len(found) >= len(members) // 3
    result: int = lib.bpflab_btf_members(
        _from_buffer(_U32, members),
        len(members) // 3,
        _from_buffer(base),
        len(base),
        _from_buffer(strings),
        len(strings),
        name,
        _from_buffer(_U32, found),
    )
    return result


def btf_index(
    words: Words, offsets: memoryview, base: BtfStrings, strings: BtfStrings, entries: memoryview
) -> int:
    assert len(entries) >= len(offsets)
    result: int = lib.bpflab_btf_index(
        _from_buffer(_U32, words),
        _from_buffer(_U32, offsets),
        len(offsets),
        _from_buffer(base),
        len(base),
        _from_buffer(strings),
        len(strings),
        _from_buffer("uint64_t[]", entries),
        _from_buffer("uint64_t[]", bytearray(8 * len(offsets))),
    )
    return result


def btf_datasecs(
    words: Words, offsets: memoryview, strings: bytes, symbols: bytes, names: bytes, found: memoryview
) -> int:
    assert len(found) >= len(words)
    result: int = lib.bpflab_btf_datasecs(
        _from_buffer(_U32, words),
        len(words),
        _from_buffer(_U32, offsets),
        len(offsets),
        strings,
        len(strings),
        symbols,
        len(symbols),
        names,
        len(names),
        _from_buffer(_U32, found),
    )
    return result


def btf_ext(words: Words, found: memoryview) -> int:
    assert len(found) >= len(words)
    result: int = lib.bpflab_btf_ext(_from_buffer(_U32, words), len(words), _from_buffer(_U32, found))
    return result
