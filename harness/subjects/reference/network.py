"""The target kinds of `attach` that are of the network and of control groups, and what is attached there."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from ....loader import Link, MissingFeatureError, Program
from ....loader.enums import AttachType
from ....loader.links import (
    HEAD,
    TAIL,
    Anchor,
    Attached,
    after,
    before,
    query_cgroup,
    query_netkit,
    query_netns,
    query_sockmap,
    query_tcx,
    query_xdp,
)
from ....loader.links.netns import CURRENT
from .descriptors import descriptor_of
from .requests import Request, UsageError

if TYPE_CHECKING:
    from .opened import OpenObject

_DIRECTIONS = ("ingress", "egress")
_ENDS = ("primary", "peer")


def xdp(opened: OpenObject, program: Program, target: Request) -> Link:
    """Attach XDP."""
    mode: Any = target.word("mode", "generic", "native", "offload", default="")
    by_link = target.word("by", "netlink", default="") == ""
    return program.attach_xdp(target.number("ifindex"), mode, by_link=by_link)


def tc(opened: OpenObject, program: Program, target: Request) -> Link:
    """Attach to clsact."""
    direction: Any = target.word("direction", *_DIRECTIONS)
    priority, handle = target.number("priority", 0), target.number("handle", 0)
    return program.attach_tc(target.number("ifindex"), direction, priority=priority, handle=handle)


def tcx(opened: OpenObject, program: Program, target: Request) -> Link:
    """Attach to tcx."""
    direction: Any = target.word("direction", *_DIRECTIONS)
    at, revision = _place(opened, target)
    return program.attach_tcx(target.number("ifindex"), direction, at=at, expected_revision=revision)


def netkit(opened: OpenObject, program: Program, target: Request) -> Link:
    """Attach to netkit."""
    end: Any = target.word("end", *_ENDS)
    at, revision = _place(opened, target)
    return program.attach_netkit(target.number("ifindex"), end, at=at, expected_revision=revision)


def cgroup(opened: OpenObject, program: Program, target: Request) -> Link:
    """Attach to a control group."""
    sharing: Any = target.word("sharing", "multi", "override", "exclusive", default="multi")
    by_link = target.word("by", "attach", default="") == ""
    at, revision = _place(opened, target)
    path = target.text("path")
    return program.attach_cgroup(path, sharing=sharing, at=at, expected_revision=revision, by_link=by_link)


def netns(opened: OpenObject, program: Program, target: Request) -> Link:
    """Attach to a network namespace."""
    return program.attach_netns(_namespace(target))


def netfilter(opened: OpenObject, program: Program, target: Request) -> Link:
    """Attach to a netfilter hook."""
    family: Any = target.word("family", "ipv4", "ipv6")
    hook: Any = target.word("hook", "prerouting", "input", "forward", "output", "postrouting")
    priority, defrag = target.integer("priority", 0), bool(target.number("defrag", 0))
    return program.attach_netfilter(family, hook, priority=priority, defrag=defrag)


def route(opened: OpenObject, program: Program, target: Request) -> Link:
    """Attach to a route."""
    destination, local = target.text("destination"), bool(target.number("local", 0))
    try:
        return program.attach_lwt(destination, target.number("ifindex"), local=local)
    except ValueError as error:
        raise UsageError(str(error)) from None


def sockmap(opened: OpenObject, program: Program, target: Request) -> Link:
    """Attach to a map of sockets."""
    return program.attach_sockmap(opened.map(target.text("map")))


def reuseport(opened: OpenObject, program: Program, target: Request) -> Link:
    """Attach to the group of a process's socket, which is held open until detach."""
    with socket_of(target) as sock:
        held = sock.dup()
    try:
        link = program.attach_reuseport(held)
    except BaseException:
        held.close()
        raise

    def detach() -> None:
        try:
            link.detach()
        finally:
            held.close()

    return Link(link.what, detach)


@contextmanager
def socket_of(where: Request) -> Iterator[socket.socket]:
    """A process's socket, as one of ours. Raises KernelError."""
    with descriptor_of(where) as fd, socket.socket(fileno=os.dup(fd)) as sock:
        yield sock


def query(opened: OpenObject, program: Program, target: Request) -> dict[str, Any]:
    """The answer to `query`. Raises KernelError, NotSupportedError, MissingFeatureError."""
    kind = target.text("kind")
    if kind == "xdp":
        found = query_xdp(target.number("ifindex"))
        return {"programs": [number for number in found if number], "revision": 0}
    if kind not in _QUERIES:
        raise MissingFeatureError(f"asking what is attached to a target of kind '{kind}'")
    attached = _QUERIES[kind](opened, AttachType(program.attach_type), target)
    programs = [each.program_id for each in attached.programs]
    return {"programs": programs, "revision": attached.revision}


def _query_tcx(opened: OpenObject, hook: AttachType, target: Request) -> Attached:
    direction: Any = target.word("direction", *_DIRECTIONS)
    return query_tcx(target.number("ifindex"), direction)


def _query_netkit(opened: OpenObject, hook: AttachType, target: Request) -> Attached:
    end: Any = target.word("end", *_ENDS)
    return query_netkit(target.number("ifindex"), end)


_QUERIES: dict[str, Callable[[OpenObject, AttachType, Request], Attached]] = {
    "tcx": _query_tcx,
    "netkit": _query_netkit,
    "cgroup": lambda opened, hook, target: query_cgroup(target.text("path"), hook),
    "netns": lambda opened, hook, target: query_netns(hook, _namespace(target)),
    "sockmap": lambda opened, hook, target: query_sockmap(opened.map(target.text("map")), hook),
}


def _namespace(target: Request) -> str:
    return target.text("path") if "path" in target else CURRENT


def _place(opened: OpenObject, target: Request) -> tuple[Anchor | None, int]:
    """The place and the revision that a target asks for."""
    revision = target.number("revision", 0)
    match target.word("place", "head", "tail", "before", "after", default=""):
        case "head":
            return HEAD, revision
        case "tail":
            return TAIL, revision
        case "before":
            return before(_other(opened, target)), revision
        case "after":
            return after(_other(opened, target)), revision
    return None, revision


def _other(opened: OpenObject, target: Request) -> Program | Link:
    if "beside" in target:
        return opened.program(target.text("beside"))
    return opened.link(target.number("link"))
