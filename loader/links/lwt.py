"""Lightweight tunnels: a program on the packets of a route (4.10) or of an IPv6 segment (4.18)."""

from __future__ import annotations

import errno
import os
import socket
from struct import Struct, pack
from typing import TYPE_CHECKING

from ..enums import ProgType
from ..errors import KernelError, NotSupportedError
from ..netlink import NLA_F_NESTED, NLM_F_CREATE, NLM_F_EXCL, NLM_F_REPLACE, Route, attribute
from .device import interface_index
from .link import Link

if TYPE_CHECKING:
    from ..programs.program import Program
    from .link import HasDescriptor

MAIN_TABLE = 254

_RTM_NEWROUTE, _RTM_DELROUTE = 24, 25
_RTMSG = Struct("=8BI")  # family, lengths of destination and source, TOS, table, protocol, scope, type, flags
_RTPROT_STATIC, _RTN_UNICAST, _RTN_LOCAL = 4, 1, 2
_SCOPE_UNIVERSE, _SCOPE_LINK, _SCOPE_HOST = 0, 253, 254
_RTA_DST, _RTA_OIF, _RTA_GATEWAY, _RTA_TABLE, _RTA_ENCAP_TYPE, _RTA_ENCAP = 1, 4, 5, 15, 21, 22
_ENCAP_BPF, _ENCAP_SEG6_LOCAL = 6, 7
_HOOK = {ProgType.LWT_IN: 1, ProgType.LWT_OUT: 2, ProgType.LWT_XMIT: 3}
"""LWT_BPF_IN, LWT_BPF_OUT, LWT_BPF_XMIT."""
_LWT_BPF_XMIT_HEADROOM = 4
_SEG6_LOCAL_ACTION, _SEG6_LOCAL_BPF, _END_BPF = 1, 8, 15
_FD, _NAME = 1, 2
"""Both of LWT_BPF_PROG_* and of SEG6_LOCAL_BPF_PROG*."""


def attach_lwt(
    program: Program,
    destination: str,
    device: str | int,
    *,
    via: str = "",
    local: bool = False,
    headroom: int = 0,
    table: int = MAIN_TABLE,
) -> LwtRoute:
    """Make a route through a device whose packets run a program; detaching removes the route.

    `destination` is ``ADDRESS/LENGTH``; `via` the next hop; `local` makes its addresses this host's.
    The program's SEC() says where it runs:
    ``lwt_in`` on what arrives by the route, ``lwt_out`` and ``lwt_xmit`` on what leaves by it,
    ``lwt_seg6local`` on packets whose segment the destination is (IPv6). `headroom` is the room in
    bytes that an ``lwt_xmit`` program may put headers into. The route outlives the process if
    nobody detaches it. Raises KernelError (EEXIST: there is such a route), ValueError.
    """
    what = f"program '{program.name}' to the route to '{destination}'"
    action = f"attaching {what}"
    network, _, length = destination.partition("/")
    family = socket.AF_INET6 if ":" in network else socket.AF_INET
    try:
        address, hop = (socket.inet_pton(family, each) if each else b"" for each in (network, via))
    except OSError:
        raise ValueError(f"{action}: no address and length, or no address of a next hop") from None
    bits = int(length or 8 * len(address))
    scope = _SCOPE_UNIVERSE if via or family == socket.AF_INET6 else _SCOPE_HOST if local else _SCOPE_LINK
    kind = _RTN_LOCAL if local else _RTN_UNICAST
    header = _RTMSG.pack(family, bits, 0, 0, table & 0xFF, _RTPROT_STATIC, scope, kind, 0)
    route = header + attribute(_RTA_DST, address) + attribute(_RTA_TABLE, pack("=I", table))
    route += attribute(_RTA_OIF, pack("=i", interface_index(device)))
    if hop:
        route += attribute(_RTA_GATEWAY, hop)
    return LwtRoute(program, route, headroom, what)


class LwtRoute(Link):
    """A route of ours with a program on it; the kernel has no bpf_link for it."""

    def __init__(self, program: Program, route: bytes, headroom: int, what: str) -> None:
        """Make the route. Raises KernelError."""
        super().__init__(what, self._end)
        self._route, self._type, self._headroom = route, program.type, headroom
        self._set(program, f"attaching {what}", NLM_F_CREATE | NLM_F_EXCL)

    def update(self, new: HasDescriptor, *, expected: HasDescriptor | None = None) -> None:
        """Put another program of the same type in its place; none can be expected. Raises KernelError."""
        if expected is not None:
            return super().update(new, expected=expected)
        return self._set(new, f"updating {self.what} to '{new.name}'", NLM_F_CREATE | NLM_F_REPLACE)

    def _set(self, program: HasDescriptor, action: str, flags: int) -> None:
        named = attribute(_FD, pack("=I", program.fd)) + attribute(_NAME, os.fsencode(program.name) + b"\0")
        if self._type == ProgType.LWT_SEG6LOCAL:
            kind = _ENCAP_SEG6_LOCAL
            encap = attribute(_SEG6_LOCAL_ACTION, pack("=I", _END_BPF))
            encap += attribute(_SEG6_LOCAL_BPF | NLA_F_NESTED, named)
        else:
            kind = _ENCAP_BPF
            encap = attribute(_HOOK[self._type] | NLA_F_NESTED, named)
            if self._headroom:
                encap += attribute(_LWT_BPF_XMIT_HEADROOM, pack("=I", self._headroom))
        body = self._route + attribute(_RTA_ENCAP_TYPE, pack("=H", kind))
        try:
            with Route() as route:
                route.request(
                    action, _RTM_NEWROUTE, flags, body + attribute(_RTA_ENCAP | NLA_F_NESTED, encap)
                )
        except KernelError as error:
            if error.errno == errno.EOPNOTSUPP:
                needed = "CONFIG_LWTUNNEL_BPF, for seg6local CONFIG_IPV6_SEG6_BPF"
                raise NotSupportedError(action, needed) from error
            raise

    def _end(self) -> None:
        try:
            with Route() as route:
                route.request(f"detaching {self.what}", _RTM_DELROUTE, 0, self._route)
        except KernelError as error:
            if error.errno not in (errno.ESRCH, errno.ENODEV):  # it has gone, perhaps with its device
                raise
