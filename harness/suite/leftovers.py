"""What a process holds of the kernel's: BPF objects, events, sockets. A check must leave none behind."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

_KINDS = ("anon_inode:", "socket:", "/sys/fs/bpf")


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
