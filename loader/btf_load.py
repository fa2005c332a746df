"""Giving an object's BTF to the kernel, in the newest form that it takes, and getting it back."""

from __future__ import annotations

import errno
import os

from . import syscall
from .btf import Btf
from .errors import KernelError
from .lean import struct
from .native import native
from .syscall import Command, btf_load

_INFO = struct.Struct("=QII")
"""The start of struct bpf_btf_info: the data's buffer and size, id."""


def load_btf(btf: Btf) -> tuple[int, bool] | None:
    """The BTF as the kernel takes it: a descriptor of the caller's, and whether functions are in it.

    None if the kernel takes it in no form (BTF is optional).

    Drops one feature after the other, newest first, until the kernel is content. Without
    functions (4.20, or one that no kernel takes: a parameter has no name) no program can
    say which of them it is made of.
    """
    fd = btf_load(btf.encode())
    if fd >= 0:
        return fd, True
    # here, as newer kernels take all BTF
    from .btf.sanitize import NEWEST_FIRST, BtfFeature, features_used, without

    used, dropped = features_used(btf), set()
    for feature in NEWEST_FIRST:
        if feature not in used:
            continue
        dropped.add(feature)
        fd = btf_load(without(btf, dropped).encode())
        if fd >= 0:
            return fd, BtfFeature.FUNC not in dropped
    return None


def loaded_btf(number: int) -> Btf | None:
    """The BTF that the kernel has under an ID; None if this process may not ask for it, or it has gone.

    Raises KernelError, BtfError.
    """
    fd = syscall.fd_by_id(Command.BTF_GET_FD_BY_ID, number)
    if fd in (-errno.EPERM, -errno.ENOENT):
        return None
    if fd < 0:
        raise KernelError(f"opening BTF {number}", -fd)
    try:
        info = bytearray(_INFO.size)
        syscall.obj_info(fd, info)
        data = bytearray(_INFO.unpack(info)[1])
        syscall.obj_info(fd, bytearray(_INFO.pack(native.address(data), len(data), 0)))
    finally:
        os.close(fd)
    return Btf.from_bytes(bytes(data))
