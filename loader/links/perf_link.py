"""A program on a perf event: by bpf_link (5.15), else by ioctl."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from typing import TYPE_CHECKING

from .. import perf_event, syscall
from ..enums import AttachType
from ..errors import KernelError
from .link import FdLink, Link

if TYPE_CHECKING:
    from .info import LinkInfo


def attach_event(prog_fd: int, event: int, what: str, cleanup: Callable[[], None] | None = None) -> Link:
    """Run a program on an open perf event, whose descriptor this takes over.

    `cleanup` runs behind the detachment, or if attaching fails. Raises KernelError.
    """
    try:
        fd = syscall.link_create(prog_fd, event, AttachType.PERF_EVENT)
        if fd in (-errno.EINVAL, -errno.EOPNOTSUPP):  # before 5.15
            perf_event.set_bpf(event, prog_fd)
        elif fd < 0:
            raise KernelError(f"attaching {what}", -fd)
        try:
            perf_event.enable(event)
        except OSError:
            if fd >= 0:
                os.close(fd)
            raise
    except (OSError, KernelError) as error:
        os.close(event)
        if cleanup:
            cleanup()
        if isinstance(error, KernelError):
            raise
        raise KernelError(f"attaching {what}", error.errno or 0) from None
    return PerfLink(what, max(fd, -1), event, cleanup)


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
