"""The target kinds of `attach` that are probes."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from ....loader import Link, Program
from .requests import Request, UsageError

if TYPE_CHECKING:
    from .opened import OpenObject

_MODES = ("link", "perf", "legacy")


def _mode(target: Request) -> Any:
    return target.word("mode", *_MODES, default="default")


def _pid(target: Request) -> int | None:
    return target.number("pid") if "pid" in target else None


def kprobe(opened: OpenObject, program: Program, target: Request) -> Link:
    """Attach to a kernel function."""
    return program.attach_kprobe(
        target.text("function"),
        offset=target.number("offset", 0),
        returns=target.flag("returns"),
        cookie=target.number("cookie", 0),
        mode=_mode(target),
    )


def ksyscall(opened: OpenObject, program: Program, target: Request) -> Link:
    """Attach to a system call."""
    name, cookie = target.text("name"), target.number("cookie", 0)
    return program.attach_ksyscall(name, returns=target.flag("returns"), cookie=cookie)


def kprobe_multi(opened: OpenObject, program: Program, target: Request) -> Link:
    """Attach to many kernel functions."""
    return _together(
        lambda: program.attach_kprobe_multi(
            target.text("pattern") if "pattern" in target else "",
            functions=target.names("functions") or (),
            addresses=target.numbers("addresses"),
            cookies=target.numbers("cookies"),
            returns=target.flag("returns"),
        )
    )


def uprobe(opened: OpenObject, program: Program, target: Request) -> Link:
    """Attach to a place of a binary."""
    return program.attach_uprobe(
        target.text("path"),
        target.text("function") if "function" in target else "",
        offset=target.number("offset", 0),
        returns=target.flag("returns"),
        pid=_pid(target),
        ref_counter=target.number("ref_counter", 0),
        cookie=target.number("cookie", 0),
        mode=_mode(target),
    )


def uprobe_multi(opened: OpenObject, program: Program, target: Request) -> Link:
    """Attach to many places of a binary."""
    return _together(
        lambda: program.attach_uprobe_multi(
            target.text("path"),
            target.text("pattern") if "pattern" in target else "",
            symbols=target.names("functions") or (),
            offsets=target.numbers("offsets"),
            ref_counters=target.numbers("ref_counters"),
            cookies=target.numbers("cookies"),
            returns=target.flag("returns"),
            pid=_pid(target),
        )
    )


def usdt(opened: OpenObject, program: Program, target: Request) -> Link:
    """Attach to a USDT probe."""
    path, provider, name = (target.text(each) for each in ("path", "provider", "name"))
    return program.attach_usdt(path, provider, name, pid=_pid(target), cookie=target.number("cookie", 0))


def tracepoint(opened: OpenObject, program: Program, target: Request) -> Link:
    """Attach to a tracepoint."""
    cookie = target.number("cookie", 0)
    return program.attach_tracepoint(target.text("category"), target.text("name"), cookie=cookie)


def raw_tracepoint(opened: OpenObject, program: Program, target: Request) -> Link:
    """Attach to a raw tracepoint."""
    return program.attach_raw_tracepoint(target.text("name"), cookie=target.number("cookie", 0))


def perf_event(opened: OpenObject, program: Program, target: Request) -> Link:
    """Attach to a perf event of one thread or one CPU."""
    return _together(
        lambda: program.attach_perf_event(
            (target.number("type"), target.number("config")),
            period=target.number("period", 0),
            frequency=target.number("frequency", 0),
            pid=_pid(target),
            cpu=target.number("cpu") if "cpu" in target else None,
            cookie=target.number("cookie", 0),
        )
    )


def _together(attach: Callable[[], Link]) -> Link:
    """Arguments that do not go together are the request's fault."""
    try:
        return attach()
    except ValueError as error:
        raise UsageError(str(error)) from None
