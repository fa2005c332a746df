"""The BTF of the kernel's modules, as descriptors that programs and maps are loaded with."""

from __future__ import annotations

import errno
import os
from struct import Struct

from . import syscall
from .btf.kernel import VMLINUX
from .errors import KernelError, UnresolvedError
from .native import native
from .syscall import Command

# struct bpf_btf_info: data's buffer and size, id, name's buffer and size, whether it is the kernel's (5.11)
_INFO = Struct("=QIIQII")
_NAME_ROOM = 64


class ModuleBtfs:
    """Opens the BTF of modules by name, each once. Close it, or use it in a ``with``."""

    def __init__(self) -> None:
        self._fds: dict[str, int] = {}

    def fd(self, module: str) -> int:
        """The descriptor of a module's BTF, which stays ours; 0 for vmlinux, which needs none.

        Raises UnresolvedError if there is no such module, KernelError.
        """
        if module == VMLINUX:
            return 0
        if module not in self._fds:
            self._fds[module] = _open(module)
        return self._fds[module]

    def close(self) -> None:
        """Give all descriptors up."""
        while self._fds:
            os.close(self._fds.popitem()[1])


def _open(module: str) -> int:
    number = syscall.next_id(Command.BTF_GET_NEXT_ID, 0)
    while number is not None:
        fd = syscall.fd_by_id(Command.BTF_GET_FD_BY_ID, number)
        if fd >= 0:
            try:
                found = _name(fd) == module
            except BaseException:
                os.close(fd)
                raise
            if found:
                return fd
            os.close(fd)
        elif fd != -errno.ENOENT:
            raise KernelError(f"opening the kernel's BTF {number}", -fd, syscall.permission_hint())
        number = syscall.next_id(Command.BTF_GET_NEXT_ID, number)
    raise UnresolvedError(f"module '{module}'", "its BTF is not loaded (any more); BTF of modules needs 5.11")


def _name(fd: int) -> str:
    """The module's name; ``vmlinux``; empty for the BTF of a program."""
    name = bytearray(_NAME_ROOM)
    info = bytearray(_INFO.pack(0, 0, 0, native.address(name), len(name), 0))
    syscall.obj_info(fd, info)
    is_kernel = _INFO.unpack(info)[5]
    return bytes(name).split(b"\0")[0].decode("utf-8", "replace") if is_kernel else ""
