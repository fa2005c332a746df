"""RLIMIT_MEMLOCK, which kernels before 5.11 charge BPF objects to."""

from __future__ import annotations

import resource


def lift_memlock() -> bool:
    """Remove the limit on locked memory; whether there was one that could be removed."""
    if resource.getrlimit(resource.RLIMIT_MEMLOCK)[0] == resource.RLIM_INFINITY:
        return False
    unlimited = (resource.RLIM_INFINITY, resource.RLIM_INFINITY)
    try:
        resource.setrlimit(resource.RLIMIT_MEMLOCK, unlimited)
    except (ValueError, OSError):
        return False
    return True
