"""The first boot of a kernel, before it enters a matrix: does it come up, and is it what it says?"""

from __future__ import annotations

import json
from pathlib import Path

from .cache import cache_dir, locked
from .errors import ProbeError
from .image import digest
from .kernel import Kernel
from .tinyguest import Boot, boot

_CPU_S = 60.0
_WALL_S = 240.0
_LAST_LINES = 5


def smoke_boot(kernel: Kernel) -> float:
    """Boot a kernel once under TCG and return the seconds it took; a pass is remembered per image.

    A failure is not remembered: the next call tries again. The host's kernel
    passes as it is. Raises `ProbeError` with the end of the console if the kernel
    does not come up, is another release than it should be or has no BTF,
    `MissingProgramError`, `ImageError`.
    """
    if kernel.is_host:
        return 0.0
    verdict = cache_dir() / "smoke" / f"{digest(kernel)}.json"
    verdict.parent.mkdir(exist_ok=True)
    with locked(verdict.with_suffix(".lock")):
        if not verdict.exists():
            seconds = _passed(kernel, boot(kernel, "tcg", _CPU_S, _WALL_S))
            _remember(verdict, {"release": kernel.release, "seconds": round(seconds, 2)})
        return float(json.loads(verdict.read_text())["seconds"])


def _passed(kernel: Kernel, seen: Boot) -> float:
    if seen.release is None:
        raise ProbeError(
            f"{kernel.release} does not boot: {seen.why}; its console ends: {seen.last_lines(_LAST_LINES)}"
        )
    if seen.release != kernel.release:
        raise ProbeError(f"{kernel.image} should be {kernel.release} and calls itself {seen.release}")
    if not seen.has_btf:
        raise ProbeError(f"{kernel.release} shows no /sys/kernel/btf/vmlinux (CONFIG_DEBUG_INFO_BTF is off)")
    return seen.seconds


def _remember(path: Path, verdict: dict[str, object]) -> None:
    partial = path.with_suffix(".partial")
    partial.write_text(json.dumps(verdict) + "\n")
    partial.rename(path)
