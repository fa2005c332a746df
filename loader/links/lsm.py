"""Security hooks: a program that can refuse what the kernel is about to do (``SEC("lsm/HOOK")``, 5.7)."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import NotSupportedError
from .link import Link
from .tracing import attach_tracing

if TYPE_CHECKING:
    from ..programs.program import Program

ACTIVE = Path("/sys/kernel/security/lsm")
"""The active security modules; empty of knowledge where no securityfs is mounted."""


def attach_lsm(program: Program, *, cookie: int = 0) -> Link:
    """Attach to the hook that the program was loaded for.

    Raises NotSupportedError where BPF is no active security module: the kernel would attach
    the program all the same, and never run it. KernelError.
    """
    if not is_active():
        raise NotSupportedError(
            f"attaching program '{program.name}' to '{program.attach_to}'",
            "'bpf' in the kernel's argument lsm=, and CONFIG_BPF_LSM",
        )
    return attach_tracing(program, cookie=cookie)


def is_active() -> bool:
    """Whether BPF is an active security module; true where that is not to be found out."""
    try:
        return "bpf" in ACTIVE.read_text().strip().split(",")
    except OSError:
        return True
