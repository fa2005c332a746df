"""How many CPUs the kernel counts on."""

from __future__ import annotations

from .lean import cache, read_file

_CPUS = "/sys/devices/system/cpu"


@cache
def possible_cpus() -> int:
    """Number of possible CPUs: as many values does an element of a per-CPU map have."""
    return max(_read("possible")) + 1


def online_cpus() -> list[int]:
    """The CPUs that are online now; their numbers may have gaps."""
    return _read("online")


def parse_cpu_list(text: str) -> list[int]:
    """``0-2,5`` is [0, 1, 2, 5]."""
    cpus: list[int] = []
    for part in text.strip().split(","):
        first, _, last = part.partition("-")
        cpus += range(int(first), int(last or first) + 1)
    return cpus


def _read(which: str) -> list[int]:
    return parse_cpu_list(read_file(f"{_CPUS}/{which}").decode())
