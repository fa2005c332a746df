"""Traffic control, the classic way: a filter of the clsact qdisc (kernel 4.5)."""

from __future__ import annotations

import errno
import os
import socket
from struct import Struct, pack, unpack
from typing import TYPE_CHECKING, Literal, NamedTuple

from ..errors import KernelError
from ..netlink import (
    NLA_F_NESTED,
    NLM_F_CREATE,
    NLM_F_DUMP,
    NLM_F_ECHO,
    NLM_F_EXCL,
    NLM_F_REPLACE,
    Route,
    attribute,
    attributes,
)
from .device import interface_index
from .link import Link

if TYPE_CHECKING:
    from ..programs.program import Program
    from .link import HasDescriptor

Direction = Literal["ingress", "egress"]

_RTM_NEWQDISC, _RTM_DELQDISC = 36, 37
_RTM_NEWTFILTER, _RTM_DELTFILTER, _RTM_GETTFILTER = 44, 45, 46
_TCA_KIND, _TCA_OPTIONS = 1, 2
_TCA_BPF_FD, _TCA_BPF_NAME, _TCA_BPF_FLAGS, _TCA_BPF_ID = 6, 7, 8, 11
_DIRECT_ACTION = 1
_CLSACT = 0xFFFFFFF1
_PARENT: dict[Direction, int] = {"ingress": 0xFFFFFFF2, "egress": 0xFFFFFFF3}
_ETH_P_ALL = socket.htons(3)
_TCMSG = Struct("=BBHiIII")  # family, padding, index, handle, parent, info (priority and protocol)


class TcFilter(NamedTuple):
    """A BPF filter of a device; filters run by priority, the lowest first."""

    priority: int
    handle: int
    name: str
    program_id: int
    direct_action: bool
    """Whether what the program returns decides; else it only classifies."""


def attach_tc(
    program: Program, device: str | int, parent: Direction | int, *, priority: int = 0, handle: int = 0
) -> TcLink:
    """Attach as a filter in direct-action mode, beside others; makes the clsact qdisc if missing.

    A number as `parent` is the handle of another qdisc, or a class of one (``0x10000`` is ``1:``),
    where the program chooses the class by ``skb->tc_classid``. With 0 the kernel chooses priority
    and handle. Detaching removes the filter, and the qdisc if this made it and no filter of
    anybody's is left; without it the filter outlives the process.
    Raises KernelError (EEXIST: that priority and handle are taken).
    """
    ifindex = interface_index(device)
    place = f"{parent >> 16:x}:{parent & 0xFFFF:x}" if isinstance(parent, int) else parent
    what = f"program '{program.name}' to tc {place} of device '{device}'"
    with Route() as route:
        made = False
        if not isinstance(parent, int):
            made = _make_qdisc(route, ifindex, f"making the clsact qdisc of device '{device}'")
        try:
            where = _message(ifindex, _handle(parent), handle, priority << 16 | _ETH_P_ALL)
            given = _set_filter(route, f"attaching {what}", NLM_F_CREATE | NLM_F_EXCL, where, program)
        except KernelError:
            if made:
                _delete_qdisc(route, ifindex)
            raise
    return TcLink(what, given, made)


class TcLink(Link):
    """A filter of ours: `priority` and `handle` are what the kernel gave it, or was asked for."""

    def __init__(self, what: str, place: bytes, made_qdisc: bool) -> None:
        """`place` is the kernel's tcmsg of the filter."""
        super().__init__(what, self._end)
        self._place, self._made_qdisc = place, made_qdisc
        _, _, _, self._ifindex, self.handle, _, info = _TCMSG.unpack(place)
        self.priority: int = info >> 16

    def update(self, new: HasDescriptor, *, expected: HasDescriptor | None = None) -> None:
        """Put another program in its place without a gap; tc has no way to expect one. Raises KernelError."""
        if expected is not None:
            return super().update(new, expected=expected)
        action = f"updating {self.what} to '{new.name}'"
        with Route() as route:
            _set_filter(route, action, NLM_F_CREATE | NLM_F_REPLACE, self._place, new)
        return None

    def _end(self) -> None:
        message = self._place + attribute(_TCA_KIND, b"bpf\0")
        with Route() as route:
            try:
                route.request(f"detaching {self.what}", _RTM_DELTFILTER, 0, message)
            except KernelError as error:
                if error.errno == errno.ENODEV:  # the device has gone, and the filter with it
                    return
                raise
            if self._made_qdisc and not any(
                _handles(route, self._ifindex, each) for each in _PARENT.values()
            ):
                _delete_qdisc(route, self._ifindex)


def query_tc(device: str | int, parent: Direction | int) -> list[TcFilter]:
    """The BPF filters of a device in the order in which they run. Raises KernelError."""
    ifindex = interface_index(device)
    with Route() as route:
        answers = _filters(route, ifindex, _handle(parent))
    found = []
    for answer in answers:
        _, _, _, _, handle, _, info = _TCMSG.unpack_from(answer)
        told = attributes(answer[_TCMSG.size :])
        if handle and told.get(_TCA_KIND) == b"bpf\0":
            options = attributes(told[_TCA_OPTIONS])
            name = options.get(_TCA_BPF_NAME, b"").rstrip(b"\0").decode(errors="replace")
            (number,) = unpack("=I", options.get(_TCA_BPF_ID, bytes(4)))
            (flags,) = unpack("=I", options.get(_TCA_BPF_FLAGS, bytes(4)))
            found.append(TcFilter(info >> 16, handle, name, number, bool(flags & _DIRECT_ACTION)))
    return found


def _handle(parent: Direction | int) -> int:
    return parent if isinstance(parent, int) else _PARENT[parent]


def _message(ifindex: int, parent: int, handle: int = 0, info: int = 0) -> bytes:
    return _TCMSG.pack(0, 0, 0, ifindex, handle, parent, info)


def _make_qdisc(route: Route, ifindex: int, action: str) -> bool:
    """Whether it was missing."""
    body = _message(ifindex, _CLSACT, 0xFFFF0000) + attribute(_TCA_KIND, b"clsact\0")
    try:
        route.request(action, _RTM_NEWQDISC, NLM_F_CREATE | NLM_F_EXCL, body)
    except KernelError as error:
        if error.errno == errno.EEXIST:
            return False
        raise
    return True


def _delete_qdisc(route: Route, ifindex: int) -> None:
    route.request("removing the clsact qdisc", _RTM_DELQDISC, 0, _message(ifindex, _CLSACT, 0xFFFF0000))


def _set_filter(route: Route, action: str, flags: int, place: bytes, program: HasDescriptor) -> bytes:
    """The tcmsg of the filter as the kernel made it."""
    options = (
        attribute(_TCA_BPF_FD, pack("=I", program.fd))
        + attribute(_TCA_BPF_NAME, os.fsencode(program.name) + b"\0")
        + attribute(_TCA_BPF_FLAGS, pack("=I", _DIRECT_ACTION))
    )
    body = place + attribute(_TCA_KIND, b"bpf\0") + attribute(_TCA_OPTIONS | NLA_F_NESTED, options)
    answers = route.request(action, _RTM_NEWTFILTER, flags | NLM_F_ECHO, body)
    if not answers:
        raise KernelError(action, errno.EPROTO, "the kernel did not say which handle the filter got")
    return answers[0][: _TCMSG.size]


def _handles(route: Route, ifindex: int, parent: int) -> list[int]:
    # Answers without a handle name a chain's priority, not a filter.
    return [
        handle for answer in _filters(route, ifindex, parent) if (handle := _TCMSG.unpack_from(answer)[4])
    ]


def _filters(route: Route, ifindex: int, parent: int) -> list[bytes]:
    return route.request("listing tc filters", _RTM_GETTFILTER, NLM_F_DUMP, _message(ifindex, parent))
