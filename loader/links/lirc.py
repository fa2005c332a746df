"""Infrared receivers: a program that decodes what a lirc device sees (kernel 4.18, CONFIG_BPF_LIRC_MODE2).

No kernel of Debian's has that option set, so nothing here can be shown on one of them.
"""

from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import TYPE_CHECKING

from .. import syscall
from ..enums import AttachType
from ..errors import KernelError
from .hook import FileAttachment

if TYPE_CHECKING:
    from ..programs.program import Program
    from .link import Link


def attach_lirc(program: Program, path: str | Path) -> Link:
    """Attach to a device such as ``/dev/lirc0``, beside other programs. There is no bpf_link for it.

    Raises KernelError.
    """
    what = f"program '{program.name}' to '{path}'"
    try:
        device = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError as error:
        raise KernelError(f"attaching {what}", error.errno or 0) from None
    try:
        result = syscall.prog_attach(device, program.fd, AttachType.LIRC_MODE2)
        if result:
            hint = "the path must be a lirc device, the kernel one with CONFIG_BPF_LIRC_MODE2"
            raise KernelError(f"attaching {what}", -result, hint if result == -errno.EINVAL else "")
        return FileAttachment(program, device, AttachType.LIRC_MODE2, what)
    finally:
        os.close(device)
