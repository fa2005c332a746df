"""What a report must say about the machine that its figures come from."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import re
import subprocess
from pathlib import Path

from .. import __version__
from .tools import find_clang, find_program


def environment(guest: str) -> dict[str, str]:
    """Versions and facts of this machine, by the name that the report shows; no host names, no paths."""
    facts = {
        "bpflab": __version__,
        "guest engine": guest,
        "Python": f"{platform.python_implementation()} {platform.python_version()}",
        "processor": _processor(),
        "cores": str(len(os.sched_getaffinity(0))),
        "host kernel": platform.release(),
        "host system": platform.freedesktop_os_release().get("PRETTY_NAME", platform.system()),
        "QEMU": _version(find_program("qemu-system-x86_64"), r"version ([\d.]+)"),
        "virtme-ng": importlib.metadata.version("virtme-ng"),
        "clang": _version(find_clang(), r"version ([\d.]+)"),
    }
    return {name: value for name, value in facts.items() if value}


def load_of_machine() -> dict[str, str]:
    """What else the machine does, and what its clock is: figures of time depend on both."""
    clock = Path("/sys/devices/system/clocksource/clocksource0/current_clocksource")
    return {
        "load average": f"{os.getloadavg()[0]:.1f}",
        "clock source": clock.read_text(encoding="ascii").strip() if clock.exists() else "unknown",
        "C library": " ".join(platform.libc_ver()),
    }


def _processor() -> str:
    found = re.search(r"model name\s*: (.*)", Path("/proc/cpuinfo").read_text(encoding="utf-8"))
    return found[1] if found else platform.machine()


def _version(program: str | None, pattern: str) -> str:
    if program is None:
        return ""
    shown = subprocess.run([program, "--version"], capture_output=True, text=True, check=False)
    found = re.search(pattern, shown.stdout)
    return found[1] if found else ""
