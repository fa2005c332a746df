"""The LINUX_* names of ``.kconfig``: they tell of the running kernel what no configuration file says."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping
from pathlib import Path

from .. import insn as bpf
from ..enums import ProgType
from ..errors import UnresolvedError
from ..lean import NATIVE
from ..syscall import prog_load
from .kallsyms import find_addresses, read_kallsyms

UBUNTU_SIGNATURE = Path("/proc/version_signature")
_GET_ATTACH_COOKIE = 174
"""BPF_FUNC_get_attach_cookie."""
_EXIT = 0x95
SYSCALL_PREFIX = {"x86_64": "x64", "aarch64": "arm64", "riscv64": "riscv", "s390x": "s390x"}
"""Machine → the middle of a system call wrapper's name, as in ``__x64_sys_bpf``."""


def kernel_version() -> int:
    """LINUX_VERSION_CODE of the running kernel. Raises UnresolvedError if it does not say."""
    signature = UBUNTU_SIGNATURE.read_text() if UBUNTU_SIGNATURE.exists() else ""
    running = os.uname()
    code = version_code(running.release, running.version, signature)
    if code is None:
        raise UnresolvedError(
            "extern 'LINUX_KERNEL_VERSION'", f"the release '{running.release}' starts with no version"
        )
    return code


def version_code(release: str, version: str, signature: str = "") -> int | None:
    """KERNEL_VERSION(a, b, c) from what uname(2) and Ubuntu's /proc/version_signature say.

    The release of Debian's kernels ends with an ABI number instead of the last part
    (6.1.0-56-amd64 is 6.1.192): their version line knows better. Ubuntu's is the same
    case. A missing last part counts as 0, one above 255 as 255 (as the kernel does).
    """
    number = r"(\d+)\.(\d+)(?:\.(\d+))?"
    found = (
        re.match(rf"\S+\s+\S+\s+{number}", signature)
        or re.search(rf"Debian {number}", version)
        or re.match(number, release)
    )
    if found is None:
        return None
    major, minor, patch = (int(part or "0") for part in found.groups())
    return major << 16 | minor << 8 | min(patch, 255)


def has_bpf_cookie() -> int:
    """1 if programs can ask for the cookie of their attachment (5.15): asked by loading one that does."""
    insns = bpf.Insn(bpf.CALL, 0, 0, 0, _GET_ATTACH_COOKIE).pack(NATIVE)
    insns += bpf.Insn(_EXIT, 0, 0, 0, 0).pack(NATIVE)
    fd = prog_load(ProgType.TRACEPOINT, insns, b"GPL\0")
    if fd >= 0:
        os.close(fd)
    return int(fd >= 0)


def has_syscall_wrapper() -> int:
    """1 if system calls take their arguments from a ``struct pt_regs`` (x86: 4.17)."""
    prefix = SYSCALL_PREFIX.get(os.uname().machine)
    if prefix is None:
        return 0
    name = f"__{prefix}_sys_bpf"
    return int(name in find_addresses(read_kallsyms(), [name]))


VIRTUAL: Mapping[str, Callable[[], int]] = {
    "LINUX_KERNEL_VERSION": kernel_version,
    "LINUX_HAS_BPF_COOKIE": has_bpf_cookie,
    "LINUX_HAS_SYSCALL_WRAPPER": has_syscall_wrapper,
}
"""Name → its value."""
