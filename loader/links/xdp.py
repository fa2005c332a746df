"""XDP: a program on a network device, before the stack sees the packet."""

from __future__ import annotations

import errno
import os
from struct import pack, unpack
from typing import TYPE_CHECKING, Literal, NamedTuple

from .. import syscall
from ..enums import AttachType
from ..errors import KernelError
from ..netlink import NLA_F_NESTED, Route, attribute, attributes
from .device import interface_index
from .link import FdLink, Link

if TYPE_CHECKING:
    from ..programs.program import Program
    from .link import HasDescriptor

Mode = Literal["", "generic", "native", "offload"]
"""Where it runs: in the stack on any device, in the driver, on the card; '' is the best the device has."""

_MODE_FLAGS: dict[Mode, int] = {"": 0, "generic": 1 << 1, "native": 1 << 2, "offload": 1 << 3}
_IF_NOEXIST, _REPLACE = 1 << 0, 1 << 4  # XDP_FLAGS_*

_RTM_GETLINK, _RTM_SETLINK = 18, 19
_IFLA_XDP, _FD, _FLAGS, _EXPECTED_FD = 43, 1, 3, 8
_NATIVE_ID, _GENERIC_ID, _OFFLOAD_ID = 5, 6, 7


class XdpAttached(NamedTuple):
    """The programs of a device by mode, as IDs; 0 for none."""

    native: int
    generic: int
    offload: int


def attach_xdp(program: Program, device: str | int, mode: Mode = "", *, by_link: bool = True) -> Link:
    """Attach to a device (name or index).

    By bpf_link (5.9), else, or without `by_link`, by netlink: that attachment outlives the process if
    nobody detaches it. A program for packets in several buffers has ``SEC("xdp.frags")`` (5.18).
    Raises KernelError (EBUSY: another program is there).
    """
    ifindex = interface_index(device)
    what = f"program '{program.name}' to XDP on device '{device}'"
    if by_link:
        fd = syscall.link_create(program.fd, ifindex, AttachType.XDP, _MODE_FLAGS[mode])
        if fd >= 0:
            return FdLink(what, fd)
        if fd != -errno.EINVAL:
            raise KernelError(f"attaching {what}", -fd, _HINTS.get(-fd, ""))
    return NetlinkXdp(program, ifindex, mode, what)


class NetlinkXdp(Link):
    """An XDP program that netlink put there. It holds the program's descriptor, to know it again."""

    def __init__(self, program: Program, ifindex: int, mode: Mode, what: str) -> None:
        """Attach. Raises KernelError."""
        self._ifindex, self._mode = ifindex, _MODE_FLAGS[mode]
        _set(f"attaching {what}", ifindex, program.fd, self._mode | _IF_NOEXIST)
        super().__init__(what, self._end)
        self._program = os.dup(program.fd)

    def update(self, new: HasDescriptor, *, expected: HasDescriptor | None = None) -> None:
        """Put another program in its place without a gap.

        Only if `expected`, by default what was attached here, is still there (5.7), else KernelError EEXIST.
        """
        known = expected.fd if expected else self._program
        _set(f"updating {self.what} to '{new.name}'", self._ifindex, new.fd, self._mode, known)
        os.close(self._program)
        self._program = os.dup(new.fd)

    def _end(self) -> None:
        action = f"detaching {self.what}"
        try:
            _set(action, self._ifindex, -1, self._mode, self._program)
        except KernelError as error:
            # What somebody has put in its place is left alone: EEXIST, of a bpf_link EBUSY.
            # ENODEV: the device has gone, and the program with it.
            if error.errno == errno.EINVAL:  # before 5.7, where none can be expected
                _set(action, self._ifindex, -1, self._mode)
            elif error.errno not in (errno.EEXIST, errno.EBUSY, errno.ENODEV):
                raise
        finally:
            os.close(self._program)


def query_xdp(device: str | int) -> XdpAttached:
    """Which programs are attached to a device, in which mode (4.19). Raises KernelError."""
    ifindex = interface_index(device)
    with Route() as route:
        body = _interface(ifindex)
        (answer,) = route.request(f"asking for XDP on device '{device}'", _RTM_GETLINK, 0, body)
    found = attributes(attributes(answer[len(body) :])[_IFLA_XDP])
    native, generic, offload = (
        unpack("=I", found.get(mode, bytes(4)))[0] for mode in (_NATIVE_ID, _GENERIC_ID, _OFFLOAD_ID)
    )
    return XdpAttached(native, generic, offload)


def _set(action: str, ifindex: int, fd: int, flags: int, expected: int | None = None) -> None:
    options = attribute(_FD, pack("=i", fd))
    if expected is not None:
        flags |= _REPLACE
        options += attribute(_EXPECTED_FD, pack("=i", expected))
    options += attribute(_FLAGS, pack("=I", flags))
    with Route() as route:
        body = _interface(ifindex) + attribute(_IFLA_XDP | NLA_F_NESTED, options)
        route.request(action, _RTM_SETLINK, 0, body)


def _interface(ifindex: int) -> bytes:
    """struct ifinfomsg: family, padding, type, index, flags, change."""
    return pack("=BBHiII", 0, 0, 0, ifindex, 0, 0)


_HINTS = {
    errno.EBUSY: "another program is attached there",
    errno.EEXIST: "another program is attached there, perhaps in another mode",
    errno.EOPNOTSUPP: "the driver cannot do it: without a mode, or in generic mode, any device can",
    errno.ERANGE: 'packets are too large for one buffer: lower the MTU, or use SEC("xdp.frags")',
}
