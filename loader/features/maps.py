"""Which map types and flags the kernel creates maps with."""

from __future__ import annotations

import errno
import mmap
import os
from contextlib import ExitStack
from functools import cache
from struct import pack
from typing import NamedTuple

from .. import syscall
from ..btf.records import Kind
from ..enums import MapFlags, MapType
from ..errors import KernelError
from .answer import YES, Answer, refused


class Shape(NamedTuple):
    """The sizes and flags that a map of a type has at least."""

    key_size: int = 4
    value_size: int = 4
    max_entries: int = 1
    flags: int = 0
    needs_btf: bool = False


_PAGE = mmap.PAGESIZE
_STORAGE = Shape(max_entries=0, flags=MapFlags.NO_PREALLOC, needs_btf=True)
_SHAPES = {
    MapType.STACK_TRACE: Shape(value_size=8),
    MapType.LPM_TRIE: Shape(key_size=8, flags=MapFlags.NO_PREALLOC),
    MapType.CGROUP_STORAGE: Shape(key_size=16, max_entries=0),
    MapType.PERCPU_CGROUP_STORAGE: Shape(key_size=16, max_entries=0),
    MapType.REUSEPORT_SOCKARRAY: Shape(value_size=8),
    MapType.QUEUE: Shape(key_size=0),
    MapType.STACK: Shape(key_size=0),
    MapType.BLOOM_FILTER: Shape(key_size=0),
    MapType.SK_STORAGE: _STORAGE,
    MapType.INODE_STORAGE: _STORAGE,
    MapType.TASK_STORAGE: _STORAGE,
    MapType.CGRP_STORAGE: _STORAGE,
    MapType.RINGBUF: Shape(0, 0, _PAGE),
    MapType.USER_RINGBUF: Shape(0, 0, _PAGE),
    MapType.ARENA: Shape(0, 0, 1, MapFlags.MMAPABLE),
    MapType.INSN_ARRAY: Shape(value_size=16),
    MapType.RHASH: Shape(flags=MapFlags.NO_PREALLOC),
}
_OF_MAPS = (MapType.ARRAY_OF_MAPS, MapType.HASH_OF_MAPS)
_ENOTSUPP = 524

_FLAG_TYPES = {
    MapFlags.NO_PREALLOC: MapType.HASH,
    MapFlags.NO_COMMON_LRU: MapType.LRU_HASH,
    MapFlags.NUMA_NODE: MapType.ARRAY,
    MapFlags.RDONLY: MapType.ARRAY,
    MapFlags.WRONLY: MapType.ARRAY,
    MapFlags.STACK_BUILD_ID: MapType.STACK_TRACE,
    MapFlags.ZERO_SEED: MapType.HASH,
    MapFlags.RDONLY_PROG: MapType.ARRAY,
    MapFlags.WRONLY_PROG: MapType.ARRAY,
    MapFlags.CLONE: MapType.SK_STORAGE,
    MapFlags.MMAPABLE: MapType.ARRAY,
    MapFlags.PRESERVE_ELEMS: MapType.PERF_EVENT_ARRAY,
    MapFlags.INNER_MAP: MapType.ARRAY,
    MapFlags.SEGV_ON_FAULT: MapType.ARENA,
    MapFlags.NO_USER_CONV: MapType.ARENA,
    MapFlags.RB_OVERWRITE: MapType.RINGBUF,
}
"""A type that each flag is for; the others say nothing without an object of the kernel's to go with them."""


@cache
def map_type(type: MapType) -> Answer:
    """Whether maps of a type can be created."""
    if type == MapType.STRUCT_OPS:
        answer = _create(type, Shape(), kernel_value_type_id=1)
        return Answer(True, "the kernel wants a struct to be named") if _is(answer, _ENOTSUPP) else answer[0]
    return _create(type, _SHAPES.get(type, Shape()))[0]


@cache
def map_flag(flag: MapFlags) -> Answer:
    """Whether maps can be created with a flag, of a type that it is for."""
    type = _FLAG_TYPES.get(flag)
    if type is None:
        return Answer(None, "the flag goes with an object of the kernel's, without which it is refused")
    if not map_type(type):
        return Answer(False, f"the kernel has no maps of type {type.name}, which the flag is for")
    shape = _SHAPES.get(type, Shape())
    if flag == MapFlags.STACK_BUILD_ID:
        shape = shape._replace(value_size=32)
    return _create(type, shape._replace(flags=shape.flags | flag))[0]


def _is(answer: tuple[Answer, int], number: int) -> bool:
    return answer[1] == number


def _create(type: int, shape: Shape, kernel_value_type_id: int = 0) -> tuple[Answer, int]:
    """The answer, and the number of the refusal."""
    with ExitStack() as stack:
        inner = btf = 0
        if type in _OF_MAPS:
            inner = _keep(stack, syscall.map_create(MapType.ARRAY, 4, 4, 1))
        if shape.needs_btf:
            btf = syscall.btf_load(_integer_btf())
            if btf < 0:
                return refused(-btf), -btf
            _keep(stack, btf)
        try:
            fd = syscall.map_create(
                type,
                shape.key_size,
                shape.value_size,
                shape.max_entries,
                shape.flags,
                inner_fd=inner,
                btf_fd=btf,
                key_type_id=1,
                value_type_id=1,
                kernel_value_type_id=kernel_value_type_id,
            )
        except KernelError as error:
            return refused(error.errno, absent=(errno.EINVAL, errno.E2BIG)), error.errno
        os.close(fd)
        return YES, 0


def _keep(stack: ExitStack, fd: int) -> int:
    """Close a descriptor with the stack."""
    stack.callback(os.close, fd)
    return fd


def _integer_btf() -> bytes:
    """BTF of one type: int."""
    strings = b"\0int\0"
    # name, kind in bits 24-28, size; encoding (signed) and number of bits
    types = pack("=IIII", 1, Kind.INT << 24, 4, 1 << 24 | 32)
    # magic, version, flags, length of the header; where types and strings are in what follows
    header = pack("=HBBIIIII", 0xEB9F, 1, 0, 24, 0, len(types), len(types), len(strings))
    return header + types + strings
