"""What runs a guest's instructions: KVM where a kernel has been seen to boot under it, else TCG."""

from __future__ import annotations

from dataclasses import dataclass

from ...kernels.errors import KernelsError
from ...kernels.kernel import Kernel
from ...kernels.kvm import probe_kvm
from .engine import GuestSetupError


@dataclass(frozen=True)
class Accelerator:
    """'kvm' or 'tcg', and why."""

    name: str
    why: str


def accelerator(kernel: Kernel) -> Accelerator:
    """What to use on this machine; `kernel` is the probe if it has not been found out yet."""
    try:
        verdict = probe_kvm(kernel)
    except KernelsError as error:
        raise GuestSetupError(str(error)) from error
    if verdict.works:
        return Accelerator("kvm", f"KVM works here: {verdict.reason}")
    return Accelerator("tcg", f"TCG, as KVM does not work here: {verdict.reason}")
