"""Traffic control by bpf_link (tcx, kernel 6.6): no qdisc, and it ends with the link."""

from __future__ import annotations

import errno
from typing import TYPE_CHECKING

from .. import syscall
from ..enums import AttachType
from ..errors import KernelError, NotSupportedError
from .device import interface_index
from .link import FdLink, Link
from .tc import Direction

if TYPE_CHECKING:
    from ..program import Program

_ATTACH_TYPE: dict[Direction, AttachType] = {
    "ingress": AttachType.TCX_INGRESS,
    "egress": AttachType.TCX_EGRESS,
}


def attach_tcx(program: Program, device: str | int, direction: Direction) -> Link:
    """Attach behind the programs that are there. Raises KernelError, NotSupportedError."""
    ifindex = interface_index(device)
    what = f"program '{program.name}' to tcx {direction} of device '{device}'"
    fd = syscall.link_create(program.fd, ifindex, _ATTACH_TYPE[direction])
    if fd == -errno.EINVAL:
        raise NotSupportedError(f"attaching {what}", "kernel 6.6; attach_tc works before")
    if fd < 0:
        raise KernelError(f"attaching {what}", -fd)
    return FdLink(what, fd)
