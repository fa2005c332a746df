"""Traffic control, the classic way: a filter of the clsact qdisc (kernel 4.5)."""

from __future__ import annotations

import errno
import os
import socket
from struct import Struct, pack
from typing import TYPE_CHECKING, Literal

from ..errors import KernelError
from ..netlink import NLA_F_NESTED, NLM_F_CREATE, NLM_F_DUMP, NLM_F_ECHO, NLM_F_EXCL, Route, attribute
from .device import interface_index
from .link import Link

if TYPE_CHECKING:
    from ..program import Program

Direction = Literal["ingress", "egress"]

_RTM_NEWQDISC, _RTM_DELQDISC = 36, 37
_RTM_NEWTFILTER, _RTM_DELTFILTER, _RTM_GETTFILTER = 44, 45, 46
_TCA_KIND, _TCA_OPTIONS = 1, 2
_TCA_BPF_FD, _TCA_BPF_NAME, _TCA_BPF_FLAGS = 6, 7, 8
_DIRECT_ACTION = 1
_CLSACT = 0xFFFFFFF1
_PARENT: dict[Direction, int] = {"ingress": 0xFFFFFFF2, "egress": 0xFFFFFFF3}
_ETH_P_ALL = socket.htons(3)
_TCMSG = Struct("=BBHiIII")  # family, padding, index, handle, parent, info (priority and protocol)


def attach_tc(program: Program, device: str | int, direction: Direction, *, priority: int = 0) -> Link:
    """Attach as a filter in direct-action mode, beside others; makes the clsact qdisc if missing.

    `priority` 0 lets the kernel choose. Detaching removes the filter, and the qdisc
    if this made it and no filter is left. Raises KernelError.
    """
    ifindex = interface_index(device)
    what = f"program '{program.name}' to tc {direction} of device '{device}'"
    with Route() as route:
        made = _make_qdisc(route, ifindex, f"making the clsact qdisc of device '{device}'")
        try:
            handle, info = _add_filter(route, program, ifindex, direction, priority, f"attaching {what}")
        except KernelError:
            if made:
                _delete_qdisc(route, ifindex)
            raise

    def detach() -> None:
        message = _message(ifindex, _PARENT[direction], handle, info) + attribute(_TCA_KIND, b"bpf\0")
        with Route() as route:
            route.request(f"detaching {what}", _RTM_DELTFILTER, 0, message)
            if made and not any(_has_filters(route, ifindex, parent) for parent in _PARENT.values()):
                _delete_qdisc(route, ifindex)

    return Link(what, detach)


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


def _add_filter(
    route: Route, program: Program, ifindex: int, direction: Direction, priority: int, action: str
) -> tuple[int, int]:
    """(handle, info) that the kernel gave the new filter."""
    options = (
        attribute(_TCA_BPF_FD, pack("=I", program.fd))
        + attribute(_TCA_BPF_NAME, os.fsencode(program.name) + b"\0")
        + attribute(_TCA_BPF_FLAGS, pack("=I", _DIRECT_ACTION))
    )
    body = _message(ifindex, _PARENT[direction], 0, priority << 16 | _ETH_P_ALL)
    body += attribute(_TCA_KIND, b"bpf\0") + attribute(_TCA_OPTIONS | NLA_F_NESTED, options)
    answers = route.request(action, _RTM_NEWTFILTER, NLM_F_CREATE | NLM_F_EXCL | NLM_F_ECHO, body)
    if not answers:
        raise KernelError(action, errno.EPROTO, "the kernel did not say which handle the filter got")
    _, _, _, _, handle, _, info = _TCMSG.unpack_from(answers[0])
    return handle, info


def _has_filters(route: Route, ifindex: int, parent: int) -> bool:
    # Answers without a handle name a chain's priority, not a filter.
    answers = route.request("listing tc filters", _RTM_GETTFILTER, NLM_F_DUMP, _message(ifindex, parent))
    return any(_TCMSG.unpack_from(answer)[4] for answer in answers)
