"""`Native` in Python alone, for machines without a compiler; it defines what `compiled` does."""

from __future__ import annotations

import ctypes
import os
import sys
from errno import ENOENT, ERANGE
from mmap import MAP_PRIVATE, PROT_READ, mmap
from struct import Struct

from . import NO_INT
from .pure_btf import btf_datasecs, btf_ext, btf_find, btf_index, btf_members, btf_offsets
from .pure_events import load, loader, perf_drainer, ringbuf_scanner, store, storer

__all__ = [
    "address",
    "bpf",
    "btf_datasecs",
    "btf_ext",
    "btf_find",
    "btf_index",
    "btf_members",
    "btf_offsets",
    "delete",
    "delete_int",
    "load",
    "loader",
    "lookup",
    "lookup_int",
    "lookup_many",
    "lookup_signed",
    "lookup_word",
    "map_file",
    "next_key",
    "perf_drainer",
    "perf_event_open",
    "ringbuf_scanner",
    "store",
    "storer",
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


def map_file(fd: int, size: int) -> memoryview:
    return memoryview(mmap(fd, size, flags=MAP_PRIVATE, prot=PROT_READ))


def _element(cmd: int, fd: int, key: int, value: int, flags: int) -> int:
    return bpf(cmd, bytearray(_ELEMENT.pack(fd, 0, key, value, flags)))


def lookup(fd: int, key: bytes, size: int, flags: int = 0) -> bytes | int:
    value = bytearray(size)
    return _element(_LOOKUP, fd, address(key), address(value), flags) or bytes(value)


def update(fd: int, key: bytes, value: bytes, flags: int = 0) -> int:
    return _element(_UPDATE, fd, address(key), address(value), flags)


def delete(fd: int, key: bytes) -> int:
    return _element(_DELETE, fd, address(key), 0, 0)


def next_key(fd: int, key: bytes | None, following: bytearray) -> int:
    return _element(_NEXT_KEY, fd, 0 if key is None else address(key), address(following), 0)


def lookup_int(table: int, key: int) -> int:
    return _lookup_int(table, key, signed=False)


def lookup_word(table: int, key: bytes) -> int:
    fd, _, value_bits = _ints(table)
    value = lookup(fd, key, _size_of(value_bits))
    return int.from_bytes(value, sys.byteorder) if isinstance(value, bytes) else NO_INT


def lookup_signed(table: int, key: int) -> int:
    return _lookup_int(table, key, signed=True)


def _lookup_int(table: int, key: int, *, signed: bool) -> int:
    fd, key_bits, value_bits = _ints(table)
    packed = _packed(key, key_bits)
    value = NO_INT if packed is None else lookup(fd, packed, _size_of(value_bits))
    return int.from_bytes(value, sys.byteorder, signed=signed) if isinstance(value, bytes) else NO_INT


def update_int(table: int, key: int, value: int) -> int:
    fd, key_bits, value_bits = _ints(table)
    packed, stored = _packed(key, key_bits), _packed(value, value_bits)
    return -ERANGE if packed is None or stored is None else update(fd, packed, stored)


def delete_int(table: int, key: int) -> int:
    fd, key_bits, _ = _ints(table)
    packed = _packed(key, key_bits)
    return -ERANGE if packed is None else delete(fd, packed)


def _ints(table: int) -> tuple[int, int, int]:
    fd = table & 0xFFFFFFFF
    return -1 if fd >> 31 else fd, table >> 32 & 0xFF, table >> 40 & 0xFF


def _size_of(bits: int) -> int:
    return (bits + 7) // 8


def _packed(number: int, bits: int) -> bytes | None:
    """None for what has more bits. Raises TypeError, OverflowError."""
    whole = number.to_bytes(8, sys.byteorder) if isinstance(number, int) else None
    if whole is None:
        raise TypeError(f"{number!r} is no integer")
    return number.to_bytes(_size_of(bits), sys.byteorder) if bits and not number >> bits else None


def lookup_many(
    fd: int, keys: bytes, key_size: int, values: bytearray, value_size: int, found: bytearray
) -> int:
    hits = 0
    for i in range(len(keys) // key_size):
        value = lookup(fd, keys[i * key_size : (i + 1) * key_size], value_size)
        if isinstance(value, int) and value != -ENOENT:
            return value
        found[i] = isinstance(value, bytes)
        if isinstance(value, bytes):
            values[i * value_size : (i + 1) * value_size] = value
            hits += 1
    return hits


def walk(
    fd: int, after: bytes | None, keys: bytearray, key_size: int, values: bytearray, value_size: int
) -> int:
    count = 0
    key = bytearray(key_size)
    while count < len(keys) // key_size:
        error = next_key(fd, after, key)
        if error:
            return count if error == -ENOENT else error
        after = bytes(key)
        value = lookup(fd, after, value_size)
        if isinstance(value, int) and value != -ENOENT:
            return value
        if isinstance(value, bytes):
            keys[count * key_size : (count + 1) * key_size] = key
            values[count * value_size : (count + 1) * value_size] = value
            count += 1
    return count
