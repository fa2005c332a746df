"""Giving an object's BTF to the kernel, in the newest form that it takes."""

from __future__ import annotations

from .btf import Btf
from .btf.sanitize import BtfFeature, features_used, without
from .syscall import btf_load

_NEWEST_FIRST = sorted(
    BtfFeature, key=lambda feature: [int(part) for part in feature.value.split(".")], reverse=True
)


def load_btf(btf: Btf) -> int | None:
    """A file descriptor of the BTF; None if the kernel takes it in no form (BTF is optional).

    Drops one feature after the other, newest first, until the kernel is content.
    """
    fd = btf_load(btf.encode())
    if fd >= 0:
        return fd
    used = features_used(btf)
    dropped: set[BtfFeature] = set()
    for feature in _NEWEST_FIRST:
        if feature not in used:
            continue
        dropped.add(feature)
        fd = btf_load(without(btf, dropped).encode())
        if fd >= 0:
            return fd
    return None
