"""XDP: a program on a network device, before the stack sees the packet."""

from __future__ import annotations

import errno
from struct import pack
from typing import TYPE_CHECKING

from .. import syscall
from ..enums import AttachType
from ..errors import KernelError
from ..netlink import NLA_F_NESTED, Route, attribute
from .device import interface_index
from .link import FdLink, Link

if TYPE_CHECKING:
    from ..program import Program

XDP_FLAGS_UPDATE_IF_NOEXIST, XDP_FLAGS_SKB_MODE, XDP_FLAGS_DRV_MODE, XDP_FLAGS_HW_MODE = 1, 2, 4, 8

_RTM_SETLINK = 19
_IFLA_XDP, _IFLA_XDP_FD, _IFLA_XDP_FLAGS = 43, 1, 3


def attach_xdp(program: Program, device: str | int, flags: int = 0) -> Link:
    """Attach to a device (name or index); `flags` choose the mode (XDP_FLAGS_*_MODE).

    Without a flag the driver's mode where it has one, else generic. By bpf_link (5.9),
    else by netlink. Raises KernelError (EBUSY: another program is there).
    """
    ifindex = interface_index(device)
    what = f"program '{program.name}' to XDP on device '{device}'"
    fd = syscall.link_create(program.fd, ifindex, AttachType.XDP, flags)
    if fd >= 0:
        return FdLink(what, fd)
    if fd != -errno.EINVAL:
        hint = "another program is attached there" if fd in (-errno.EBUSY, -errno.EEXIST) else ""
        raise KernelError(f"attaching {what}", -fd, hint)
    _set(f"attaching {what}", ifindex, program.fd, flags | XDP_FLAGS_UPDATE_IF_NOEXIST)
    return Link(what, lambda: _set(f"detaching {what}", ifindex, -1, flags))


def _set(action: str, ifindex: int, fd: int, flags: int) -> None:
    options = attribute(_IFLA_XDP_FD, pack("=i", fd)) + attribute(_IFLA_XDP_FLAGS, pack("=I", flags))
    # struct ifinfomsg: family, padding, type, index, flags, change
    body = pack("=BBHiII", 0, 0, 0, ifindex, 0, 0) + attribute(_IFLA_XDP | NLA_F_NESTED, options)
    with Route() as route:
        route.request(action, _RTM_SETLINK, 0, body)
