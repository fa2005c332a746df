"""What programs can be made of: instructions by generation, and abilities of the verifier."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from functools import cache

from .. import syscall
from ..btf.kernel import KernelBtf
from ..enums import MapType, ProgType
from ..errors import BtfError, KernelError, NotSupportedError
from .answer import YES, Answer, refused
from .trial import RETURN_ZERO, insn, load

_EXIT = insn(0x95)
_R1, _R2, _R10 = 1, 2, 10
_FETCH, _XCHG = 0x01, 0xE1
_LOAD_ACQUIRE = 0x100


def _takes(insns: bytes) -> Answer:
    """Whether the kernel knows the instructions. What it refuses otherwise is no answer."""
    trial = load(ProgType.SOCKET_FILTER, insns)
    if not trial.error:
        return YES
    # Unknown instructions are EINVAL with a log that says so, or with none at all.
    return refused(trial.error) if trial.error != errno.E2BIG else Answer(False, "too many instructions")


def _stored(*insns: bytes) -> bytes:
    """Instructions on a word of the stack that holds 1, with r1 = 1 and r2 = 2."""
    start = insn(0xB7, _R1, imm=1) + insn(0x7B, _R10, _R1, offset=-8) + insn(0xB7, _R2, imm=2)
    return start + b"".join(insns) + RETURN_ZERO


def _global_data() -> Answer:
    try:
        fd = syscall.map_create(MapType.ARRAY, 4, 32, 1)
    except KernelError as error:
        return refused(error.errno, absent=())
    try:
        return _takes(insn(0x18, _R1, 2, imm=fd) + insn(0, imm=16) + insn(0x7A, _R1) + RETURN_ZERO)
    finally:
        os.close(fd)


def _map_extra() -> Answer:
    try:
        os.close(syscall.map_create(MapType.BLOOM_FILTER, 0, 4, 1, map_extra=3))
    except KernelError as error:
        return refused(error.errno, absent=(errno.EINVAL, errno.E2BIG))
    return YES


def _kernel_btf() -> Answer:
    try:
        KernelBtf.running()
    except (BtfError, NotSupportedError) as error:
        return Answer(False, str(error))
    return Answer(True, "the kernel shows its types")


_PROBES: dict[str, Callable[[], Answer]] = {
    # if r0 < 0 goto +0
    "jump_less": lambda: _takes(insn(0xB7) + insn(0xA5) + _EXIT),
    # call +1; exit; a function that returns 0
    "subprograms": lambda: _takes(insn(0x85, src=1, imm=1) + _EXIT + RETURN_ZERO),
    # if w0 == 0 goto +0
    "jump32": lambda: _takes(insn(0xB7) + insn(0x16) + _EXIT),
    "global_data": _global_data,
    "long_program": lambda: _takes(insn(0xB7) * 4096 + _EXIT),
    # r0 = 10; r0 -= 1; if r0 != 0 goto -2
    "loops": lambda: _takes(insn(0xB7, imm=10) + insn(0x17, imm=1) + insn(0x55, offset=-2) + _EXIT),
    "kernel_btf": _kernel_btf,
    # xchg
    "atomics": lambda: _takes(_stored(insn(0xDB, _R10, _R2, -8, _XCHG))),
    "map_extra": _map_extra,
    # r1 = (s8)r2, and a signed division
    "mcpu_v4": lambda: _takes(_stored(insn(0xBF, _R1, _R2, 8), insn(0x37, _R1, 0, 1, 2))),
    # over one instruction: over none is refused before 6.14
    "may_goto": lambda: _takes(_stored(insn(0xE5, offset=1), insn(0xB7))),
    "load_acquire": lambda: _takes(_stored(insn(0xDB, _R1, _R10, -8, _LOAD_ACQUIRE))),
}

ABILITIES = tuple(_PROBES)
"""The names that `ability` knows: those of corpus/upstream.toml's features that can be probed alone."""


@cache
def ability(name: str) -> Answer:
    """Whether the kernel has one of `ABILITIES`. Raises KeyError."""
    return _PROBES[name]()
