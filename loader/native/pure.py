"""`Native` in Python alone, for machines without a compiler; it defines what `compiled` does.

Reading positions that another CPU writes needs loads and stores of 8 bytes at
once, in program order. memoryview gives the first on every machine; the second
holds on x86 and s390x only, elsewhere the readers need the compiled module.
"""

from __future__ import annotations

import ctypes
import os
import sys
from errno import ENOENT, ERANGE
from mmap import PAGESIZE, mmap
from struct import Struct

from .pure_btf import btf_find, btf_index, btf_offsets

__all__ = [
    "address",
    "bpf",
    "btf_find",
    "btf_index",
    "btf_offsets",
    "delete",
    "lookup",
    "lookup_int",
    "lookup_many",
    "next_key",
    "perf_drain",
    "perf_event_open",
    "ringbuf_drain",
    "update",
    "update_int",
    "walk",
]

_SYSCALLS = {  # machine: (bpf, perf_event_open)
    "x86_64": (321, 298),
    "aarch64": (280, 241),
    "riscv64": (280, 241),
    "loongarch64": (280, 241),
    "s390x": (351, 331),
    "ppc64le": (361, 319),
    "ppc64": (361, 319),
}
_BPF, _PERF_EVENT_OPEN = _SYSCALLS.get(os.uname().machine, (-1, -1))  # -1: ENOSYS

_libc = ctypes.CDLL(None, use_errno=True)
_syscall = _libc.syscall
_syscall.restype = ctypes.c_long
_bytes_address = ctypes.pythonapi.PyBytes_AsString
_bytes_address.argtypes = [ctypes.py_object]
_bytes_address.restype = ctypes.c_void_p

_ELEMENT = Struct("=iIQQQ")
_LOOKUP, _UPDATE, _DELETE, _NEXT_KEY = 1, 2, 3, 4


def bpf(cmd: int, attr: bytearray) -> int:
    pointer = ctypes.c_void_p(address(attr))
    result: int = _syscall(ctypes.c_long(_BPF), ctypes.c_long(cmd), pointer, ctypes.c_size_t(len(attr)))
    return result if result >= 0 else -ctypes.get_errno()


def perf_event_open(attr: bytearray, pid: int, cpu: int, group_fd: int, flags: int) -> int:
    result: int = _syscall(
        ctypes.c_long(_PERF_EVENT_OPEN),
        ctypes.c_void_p(address(attr)),
        ctypes.c_long(pid),
        ctypes.c_long(cpu),
        ctypes.c_long(group_fd),
        ctypes.c_ulong(flags),
    )
    return result if result >= 0 else -ctypes.get_errno()


def address(buffer: bytes | bytearray | memoryview | mmap) -> int:
    if not len(buffer):
        return 0
    if isinstance(buffer, bytes):
        found: int = _bytes_address(buffer)
        return found
    return ctypes.addressof(ctypes.c_char.from_buffer(buffer))


def _element(cmd: int, fd: int, key: int, value: int, flags: int) -> int:
    return bpf(cmd, bytearray(_ELEMENT.pack(fd, 0, key, value, flags)))


def lookup(fd: int, key: bytes, value: bytearray, flags: int = 0) -> int:
    return _element(_LOOKUP, fd, address(key), address(value), flags)


def update(fd: int, key: bytes, value: bytes, flags: int = 0) -> int:
    return _element(_UPDATE, fd, address(key), address(value), flags)


def delete(fd: int, key: bytes) -> int:
    return _element(_DELETE, fd, address(key), 0, 0)


def next_key(fd: int, key: bytes | None, following: bytearray) -> int:
    return _element(_NEXT_KEY, fd, 0 if key is None else address(key), address(following), 0)


def lookup_int(fd: int, key: int, key_size: int, value_size: int) -> int:
    value = bytearray(value_size)
    try:
        error = lookup(fd, key.to_bytes(key_size, sys.byteorder), value)
    except OverflowError:
        return -ERANGE
    return error or int.from_bytes(value, sys.byteorder)


def update_int(fd: int, key: int, key_size: int, value: int, value_size: int, flags: int = 0) -> int:
    try:
        packed, stored = key.to_bytes(key_size, sys.byteorder), value.to_bytes(value_size, sys.byteorder)
    except OverflowError:
        return -ERANGE
    return update(fd, packed, stored, flags)


def lookup_many(
    fd: int, keys: bytes, key_size: int, values: bytearray, value_size: int, found: bytearray
) -> int:
    hits = 0
    value = bytearray(value_size)
    for i in range(len(keys) // key_size):
        error = lookup(fd, keys[i * key_size : (i + 1) * key_size], value)
        if error not in (0, -ENOENT):
            return error
        found[i] = not error
        if not error:
            values[i * value_size : (i + 1) * value_size] = value
            hits += 1
    return hits


def walk(
    fd: int, after: bytes | None, keys: bytearray, key_size: int, values: bytearray, value_size: int
) -> int:
    count = 0
    key, value = bytearray(key_size), bytearray(value_size)
    while count < len(keys) // key_size:
        error = next_key(fd, after, key)
        if error:
            return count if error == -ENOENT else error
        after = bytes(key)
        error = lookup(fd, after, value)
        if error not in (0, -ENOENT):
            return error
        if not error:
            keys[count * key_size : (count + 1) * key_size] = key
            values[count * value_size : (count + 1) * value_size] = value
            count += 1
    return count


_BUSY, _DISCARD = 1 << 31, 1 << 30


def ringbuf_drain(consumer: mmap, producer: mmap, size: int, out: bytearray, offsets: memoryview) -> int:
    with memoryview(consumer)[:8].cast("Q") as tail, memoryview(producer)[:8].cast("Q") as head:
        position, end = tail[0], head[0]
        count = used = offsets[0] = 0
        with memoryview(producer)[PAGESIZE:] as data, data.cast("I") as words:
            while position < end and count < len(offsets) - 1:
                start = position & (size - 1)
                header = words[start // 4]
                length = header & ~(_BUSY | _DISCARD)
                if header & _BUSY:
                    break
                if not header & _DISCARD:
                    if length > len(out) - used:
                        if not count:
                            tail[0] = position
                            return -length
                        break
                    out[used : used + length] = data[start + 8 : start + 8 + length]
                    used += length
                    count += 1
                    offsets[count] = used
                position += (length + 8 + 7) & ~7
        tail[0] = position
    return count


_HEAD, _TAIL = 1024 // 8, 1032 // 8  # of struct perf_event_mmap_page, in 8-byte words
_RECORD = Struct("=IHH")  # type, misc, size
_RECORD_LOST, _RECORD_SAMPLE = 2, 9


def perf_drain(pages: mmap, size: int, out: bytearray, offsets: memoryview, lost: memoryview) -> int:
    def read(start: int, length: int) -> bytes:
        start = PAGESIZE + (start & (size - 1))
        first = pages[start : min(start + length, PAGESIZE + size)]
        return first + pages[PAGESIZE : PAGESIZE + length - len(first)]

    with memoryview(pages)[:PAGESIZE].cast("Q") as control:
        position, end = control[_TAIL], control[_HEAD]
        count = used = offsets[0] = 0
        while position < end and count < len(offsets) - 1:
            kind, _, record_size = _RECORD.unpack(read(position, 8))
            if record_size < 8:
                break
            if kind == _RECORD_SAMPLE:
                length = int.from_bytes(read(position + 8, 4), sys.byteorder)
                if length > len(out) - used:
                    if not count:
                        control[_TAIL] = position
                        return -length
                    break
                out[used : used + length] = read(position + 12, length)
                used += length
                count += 1
                offsets[count] = used
            elif kind == _RECORD_LOST:
                lost[0] += int.from_bytes(read(position + 16, 8), sys.byteorder)
            position += record_size
        control[_TAIL] = position
    return count
