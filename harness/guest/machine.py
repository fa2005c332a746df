"""The machine that our own initramfs boots in, and what is to be said when it did not work."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path

from ...kernels.errors import KernelsError
from ...kernels.image import vmlinux
from ...kernels.kernel import Kernel
from ..tools import TOOLS, MissingToolsError, find_program, require
from .accelerator import Accelerator
from .console import Console
from .engine import End, EndKind, GuestSetupError
from .initramfs import Image
from .kernel_arguments import DIE_LOUDLY, MEASURE_QUIETLY
from .qemu_guest import GuestMachine
from .supervise import Watched

_QEMU = "qemu-system-x86_64"
_MEMORY_MIB = 512


def require_qemu() -> None:
    """Raises `GuestSetupError` if there is none."""
    try:
        require(tool for tool in TOOLS if tool.name == "qemu")
    except MissingToolsError as error:
        raise GuestSetupError(str(error)) from error


def boot_machine(
    kernel: Kernel,
    image: Image,
    agent: str,
    accelerator: Accelerator,
    environment: str = "LANG=C.UTF-8",
    *,
    count_instructions: bool = False,
) -> GuestMachine:
    """A machine whose first process is the agent with these arguments; its initramfs is still to be named.

    Raises `GuestSetupError`.
    """
    try:
        unpacked = vmlinux(kernel)
    except KernelsError as error:
        raise GuestSetupError(str(error)) from error
    if " " in sys.executable:
        raise GuestSetupError(
            f"a path with a space in it cannot be a guest's first program: {sys.executable}"
        )
    arguments = (
        *("console=ttyS0", "quiet", environment, *DIE_LOUDLY, *MEASURE_QUIETLY),
        *(f"rdinit={sys.executable}", "--", f"-m bpflab.harness.guest.agent {agent}"),
    )
    return GuestMachine(
        program=find_program(_QEMU) or _QEMU,
        accelerator=accelerator,
        # The initramfs is there twice while it is being unpacked.
        memory_mib=max(_MEMORY_MIB, 256 + 3 * (image.size >> 20) // 128 * 128),
        kernel=unpacked,
        initramfs=Path(),
        kernel_arguments=" ".join(arguments),
        count_instructions=count_instructions,
    )


def check_started(watched: Watched, console: Console, machine: GuestMachine) -> None:
    """Raise `GuestSetupError` if QEMU itself refused to start."""
    if watched.kind is EndKind.LOST and (watched.process_exit or 0) > 0:
        said = console.text.strip()[-2000:] or "nothing"
        raise GuestSetupError(
            f"QEMU started no guest. It said:\n{said}\nTry:\n  {shlex.join(machine.by_hand())}"
        )


def end_of(watched: Watched, console: Console, machine: GuestMachine) -> End:
    """How the guest ended."""
    return watched.end(machine.by_hand(), console, machine.accelerator.name, (machine.accelerator.why,))
