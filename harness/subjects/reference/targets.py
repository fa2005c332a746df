"""The target kinds of `attach`."""

from __future__ import annotations

import errno
import socket
from collections.abc import Callable
from typing import TYPE_CHECKING

from ....loader import KernelError, Link, Map, MissingFeatureError, Program, StructOpsMap
from . import network, probes
from .requests import Request, UsageError

if TYPE_CHECKING:
    from .opened import OpenObject

_ETH_P_ALL = 3


def attach(opened: OpenObject, program: Program, target: Request) -> Link:
    """Attach to a target. Raises UsageError, MissingFeatureError, KernelError."""
    kind = target.text("kind")
    if kind not in KINDS:
        raise MissingFeatureError(f"attaching to a target of kind '{kind}'")
    return KINDS[kind](opened, program, target)


def attach_map(table: Map) -> Link:
    """Attach a struct_ops map. Raises UsageError, KernelError."""
    if not isinstance(table, StructOpsMap):
        raise UsageError(f"map '{table.name}' is no struct_ops map")
    return table.attach()


def _socket(opened: OpenObject, program: Program, target: Request) -> Link:
    """A packet socket that receives nothing until the filter is on it."""
    ifindex = target.number("ifindex")
    what = f"program '{program.name}' to a packet socket on device {ifindex}"
    try:
        sock = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
        try:
            link = program.attach_socket(sock)
            sock.bind((socket.if_indextoname(ifindex), _ETH_P_ALL))
        except BaseException:
            sock.close()
            raise
    except OSError as error:
        number = error.errno or errno.ENODEV
        raise KernelError(f"attaching {what}", number) from None

    def detach() -> None:
        try:
            link.detach()
        finally:
            sock.close()

    return Link(what, detach)


def _tracing(opened: OpenObject, program: Program, target: Request) -> Link:
    return program.attach_tracing(cookie=target.number("cookie", 0))


def _tracing_multi(opened: OpenObject, program: Program, target: Request) -> Link:
    return program.attach_tracing_multi(
        target.text("pattern") if "pattern" in target else "",
        functions=target.names("functions") or (),
        cookies=target.numbers("cookies"),
    )


def _freplace(opened: OpenObject, program: Program, target: Request) -> Link:
    return program.attach_freplace(*opened.function_of(target))


def _iterator(opened: OpenObject, program: Program, target: Request) -> Link:
    return program.attach_iterator(
        map=opened.map(target.text("map")) if "map" in target else None,
        tid=target.number("tid", 0),
        pid=target.number("pid", 0),
        cgroup=target.text("cgroup") if "cgroup" in target else None,
        order=target.number("order", 0),
    )


KINDS: dict[str, Callable[[OpenObject, Program, Request], Link]] = {
    "xdp": network.xdp,
    "tc": network.tc,
    "tcx": network.tcx,
    "netkit": network.netkit,
    "cgroup": network.cgroup,
    "netns": network.netns,
    "netfilter": network.netfilter,
    "route": network.route,
    "socket": _socket,
    "reuseport": network.reuseport,
    "sockmap": network.sockmap,
    "tracing": _tracing,
    "tracing_multi": _tracing_multi,
    "freplace": _freplace,
    "iterator": _iterator,
    "kprobe": probes.kprobe,
    "ksyscall": probes.ksyscall,
    "kprobe_multi": probes.kprobe_multi,
    "uprobe": probes.uprobe,
    "uprobe_multi": probes.uprobe_multi,
    "usdt": probes.usdt,
    "tracepoint": probes.tracepoint,
    "raw_tracepoint": probes.raw_tracepoint,
    "perf_event": probes.perf_event,
}
