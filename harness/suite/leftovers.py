"""What is held of the kernel's: BPF objects, events, sockets, pins. A check must leave none behind."""

from __future__ import annotations

import os
import time
from collections import Counter
from pathlib import Path

from ...loader import system

_PINS = "/sys/fs/bpf"
_RELEASED_WITHIN_S = 10.0
_KINDS = ("anon_inode:", "socket:", _PINS)


def held(pid: int) -> Counter[str]:
    """How many descriptors of each kind a process has open; files and pipes do not count."""
    found: Counter[str] = Counter()
    for entry in Path(f"/proc/{pid}/fd").iterdir():
        try:
            target = str(entry.readlink())
        except FileNotFoundError:
            continue  # closed meanwhile
        if target.startswith(_KINDS):
            found[target.partition(":[")[0] if target.startswith("socket:") else target] += 1
    return found


def in_system() -> set[str]:
    """Every program, map and link of the kernel, and every pin."""
    kinds = {"program": system.program_ids, "map": system.map_ids, "link": system.link_ids}
    found = {f"{kind} {number}" for kind, ids in kinds.items() for number in ids()}
    for folder, _, names in os.walk(_PINS):
        found |= {f"pin {folder}/{name}" for name in names}
    return found


def new_in_system(before: set[str]) -> set[str]:
    """What there is more than before; the kernel has a while to let go of what nobody holds any more."""
    deadline = time.monotonic() + _RELEASED_WITHIN_S
    while (new := in_system() - before) and time.monotonic() < deadline:
        time.sleep(0.02)
    return new
