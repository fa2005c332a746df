"""Netfilter: a program on a hook of IPv4 or IPv6, beside iptables and nftables (kernel 6.4)."""

from __future__ import annotations

import errno
from struct import pack
from typing import TYPE_CHECKING, Literal

from .. import syscall
from ..enums import AttachType
from ..errors import KernelError
from .link import FdLink

if TYPE_CHECKING:
    from ..programs.program import Program

Family = Literal["ipv4", "ipv6"]
Hook = Literal["prerouting", "input", "forward", "output", "postrouting"]

_FAMILY: dict[Family, int] = {"ipv4": 2, "ipv6": 10}  # NFPROTO_*
_HOOK: dict[Hook, int] = {"prerouting": 0, "input": 1, "forward": 2, "output": 3, "postrouting": 4}
_DEFRAG = 1 << 0  # BPF_F_NETFILTER_IP_DEFRAG


def attach_netfilter(
    program: Program, family: Family, hook: Hook, *, priority: int = 0, defrag: bool = False
) -> FdLink:
    """Run a program on the packets at a hook of the current network namespace.

    The lowest `priority` runs first (iptables' raw is -300, filter 0); two BPF programs cannot have
    the same. With `defrag` packets are put together before it (6.6; priority above -400).
    Raises KernelError.
    """
    what = f"program '{program.name}' to netfilter {family} {hook}"
    options = pack("=IIiI", _FAMILY[family], _HOOK[hook], priority, _DEFRAG if defrag else 0)
    fd = syscall.link_create(program.fd, 0, AttachType.NETFILTER, 0, options)
    if fd < 0:
        raise KernelError(f"attaching {what}", -fd, _HINTS.get(-fd, ""))
    return FdLink(what, fd)


_HINTS = {
    errno.EBUSY: "another BPF program has this priority there",
    errno.ERANGE: "no such priority: the lowest and the highest number are reserved, and -400 with defrag",
    errno.EOPNOTSUPP: "defrag needs kernel 6.6 and the modules nf_defrag_ipv4 and nf_defrag_ipv6",
}
