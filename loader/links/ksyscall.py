"""System calls: a kprobe on the kernel's function for one, whatever that is called on this kernel."""

from __future__ import annotations

import errno
import os
from typing import TYPE_CHECKING

from ..errors import KernelError
from .kprobe import attach_kprobe
from .link import Link

if TYPE_CHECKING:
    from ..programs.program import Program


def attach_ksyscall(program: Program, name: str, *, returns: bool = False, cookie: int = 0) -> Link:
    """Run a program when a system call begins, or returns; `name` is as in ``openat``.

    That is a kprobe on ``__x64_sys_NAME`` (x86-64; other machines have other prefixes), whose
    one argument is the caller's registers (4.17), or else on ``__se_sys_NAME``.
    Raises KernelError, NotSupportedError.
    """
    from ..externs.virtual import SYSCALL_PREFIX

    prefix = SYSCALL_PREFIX.get(os.uname().machine)
    functions = [f"__{prefix}_sys_{name}"] if prefix else []
    for function in (*functions, f"__se_sys_{name}"):
        try:
            return attach_kprobe(program, function, returns=returns, cookie=cookie)
        except KernelError as error:
            # EINVAL: a return probe on a missing function up to 5.10.
            if error.errno not in (errno.ENOENT, errno.EINVAL):
                raise
    what = f"program '{program.name}' to system call '{name}'"
    raise KernelError(f"attaching {what}", errno.ENOENT, "is there such a system call on this machine?")
