"""A program on a perf event: by bpf_link (5.15), else by ioctl."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from struct import pack
from typing import TYPE_CHECKING, Literal

from .. import perf_event, syscall
from ..enums import AttachType
from ..errors import KernelError, NotSupportedError
from .link import FdLink, Link

if TYPE_CHECKING:
    from .info import LinkInfo

Mode = Literal["default", "link", "perf", "legacy"]
"""How a kprobe or uprobe is attached: ``link`` by a perf event and a bpf_link (5.15), ``perf`` by a perf
event and an ioctl, ``legacy`` by an event that is made in tracefs; ``default`` is the first that works."""


def attach_event(
    prog_fd: int,
    event: int,
    what: str,
    cleanup: Callable[[], None] | None = None,
    *,
    cookie: int = 0,
    mode: Mode = "default",
) -> Link:
    """Run a program on an open perf event, whose descriptor this takes over.

    `cleanup` runs behind the detachment, or if attaching fails. Raises KernelError,
    NotSupportedError (a cookie, or mode ``link``, before 5.15; a cookie without a link).
    """
    try:
        fd = _attach(prog_fd, event, what, cookie, mode)
        try:
            perf_event.enable(event)
        except OSError:
            if fd >= 0:
                os.close(fd)
            raise
    except (OSError, KernelError, NotSupportedError) as error:
        os.close(event)
        if cleanup:
            cleanup()
        if isinstance(error, OSError):
            raise KernelError(f"attaching {what}", error.errno or 0) from None
        raise
    return PerfLink(what, fd, event, cleanup)


def _attach(prog_fd: int, event: int, what: str, cookie: int, mode: Mode) -> int:
    """The descriptor of a link, or -1 if the event itself holds the program."""
    if mode in ("default", "link"):
        fd = syscall.link_create(prog_fd, event, AttachType.PERF_EVENT, options=pack("=Q", cookie))
        if fd >= 0:
            return fd
        if fd not in (-errno.EINVAL, -errno.EOPNOTSUPP) or has_perf_link(prog_fd):
            raise KernelError(f"attaching {what}", -fd, _hint(-fd))
    if cookie or mode == "link":
        kind = "with a cookie" if cookie else "by bpf_link"
        raise NotSupportedError(f"attaching {what} {kind}", "kernel 5.15, and no older mode of attachment")
    perf_event.set_bpf(event, prog_fd)
    return -1


def has_perf_link(prog_fd: int) -> bool:
    """Whether this kernel makes links of perf events (5.15), and so has cookies.

    For a program of their types; asked with a descriptor that cannot be one.
    """
    return syscall.link_create(prog_fd, -1, AttachType.PERF_EVENT) == -errno.EBADF


def _hint(number: int) -> str:
    match number:
        case errno.EINVAL:
            return "was the program loaded for this kind of attachment? its SEC() name says for which"
        case errno.EEXIST:
            return "the event has a program already, or as many as it may"
    return ""


class PerfLink(FdLink):
    """Holds the event, and the bpf_link to it where there is one."""

    def __init__(self, what: str, fd: int, event: int, cleanup: Callable[[], None] | None) -> None:
        super().__init__(what, fd)
        self._event = event
        self._cleanup = cleanup

    def close(self) -> None:
        """Close the event; the attachment ends, unless it is pinned."""
        super().close()
        if self._event >= 0:
            os.close(self._event)
            self._event = -1
        if self._cleanup:
            self._cleanup()
            self._cleanup = None

    def pin(self, path: str | os.PathLike[str]) -> None:
        """As in FdLink; before kernel 5.15 there is no link to pin."""
        if self.fd < 0:
            Link.pin(self, os.fspath(path))
        super().pin(os.fspath(path))

    def info(self) -> LinkInfo:
        """As in FdLink; before kernel 5.15 there is no link to ask about."""
        return super().info() if self.fd >= 0 else Link.info(self)

    def _end(self) -> None:
        self.unpin()
        self.close()
