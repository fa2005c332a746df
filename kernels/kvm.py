"""Whether KVM boots a stock kernel on this machine: found out by doing it, once.

A /dev/kvm that opens, speaks API version 12 and creates a VM is no proof: nested
in some hypervisors it does all that and the guest then hangs.
"""

from __future__ import annotations

import json
import os
import platform
from dataclasses import asdict, dataclass
from pathlib import Path

from .cache import cache_dir, locked
from .kernel import Kernel
from .tinyguest import boot

_DEVICE = Path("/dev/kvm")
_CPU_S = 5.0
_WALL_S = 20.0


@dataclass(frozen=True)
class KvmVerdict:
    """Whether guests may use KVM here, and why."""

    works: bool
    reason: str


def probe_kvm(kernel: Kernel, device: Path = _DEVICE) -> KvmVerdict:
    """Boot `kernel` under KVM, unless that was done since this machine was started.

    Takes seconds at most, and none if the device is missing or not ours to open.
    Raises `MissingProgramError`, `ImageError`.
    """
    if not device.exists():
        return KvmVerdict(False, f"there is no {device}")
    if not os.access(device, os.R_OK | os.W_OK):
        return KvmVerdict(False, f"{device} may not be opened by this user (usually: join the group kvm)")
    memory = cache_dir() / "kvm.json"
    with locked(memory.with_suffix(".lock")):
        remembered = _remembered(memory)
        if remembered is not None:
            return remembered
        verdict = _tried(kernel)
        memory.write_text(json.dumps({"machine": _machine(), "verdict": asdict(verdict)}) + "\n")
        return verdict


def _tried(kernel: Kernel) -> KvmVerdict:
    seen = boot(kernel, "kvm", _CPU_S, _WALL_S)
    if seen.release is None:
        return KvmVerdict(False, f"a probe guest of {kernel.release}: {seen.why}: {seen.last_lines(1)}")
    return KvmVerdict(True, f"a probe guest ({seen.release}) came up in {seen.seconds:.1f} s")


def _remembered(memory: Path) -> KvmVerdict | None:
    try:
        data = json.loads(memory.read_text())
        return KvmVerdict(**data["verdict"]) if data["machine"] == _machine() else None
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _machine() -> str:
    """This machine since its last boot: a new kernel or hypervisor may change the verdict."""
    return f"{Path('/proc/sys/kernel/random/boot_id').read_text().strip()} {platform.release()}"
