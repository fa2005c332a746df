"""An attachment of a program to something: what all kinds have in common."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from pathlib import Path
from typing import Self

from .. import syscall
from ..errors import KernelError, NotSupportedError

_ENOTSUPP = 524


class Link:
    """A program attached somewhere. Use it in a ``with``, or call `close`.

    `fd` is the descriptor of a bpf_link, -1 where the kernel has none for this kind.
    """

    def __init__(self, what: str, detach: Callable[[], None], fd: int = -1) -> None:
        """`what` names it in errors; `detach` undoes the attachment, and is called once."""
        self.what = what
        self.fd = fd
        self._undo: Callable[[], None] | None = detach

    def detach(self) -> None:
        """End the attachment, also a pinned one. Raises KernelError. Twice is as good as once."""
        undo, self._undo = self._undo, None
        if undo is not None:
            undo()

    def close(self) -> None:
        """Give the attachment up: it ends, unless it is pinned."""
        self.detach()

    def pin(self, path: str | Path) -> None:
        """Keep it attached beyond this process. Raises KernelError, NotSupportedError."""
        raise NotSupportedError(f"pinning {self.what}", "an attachment by bpf_link")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<Link {self.what}{'' if self._undo else ' detached'}>"


class FdLink(Link):
    """An attachment that a bpf_link holds: it ends with the link's last descriptor or pin."""

    def __init__(self, what: str, fd: int) -> None:
        super().__init__(what, self._end, fd)
        self._pin: Path | None = None

    def close(self) -> None:
        """Give the descriptor up: the attachment ends, unless it is pinned."""
        self._undo = None
        if self.fd >= 0:
            os.close(self.fd)
            self.fd = -1

    def pin(self, path: str | Path) -> None:
        """Keep it attached beyond this process, until the file is removed. Raises KernelError."""
        syscall.obj_pin(self.fd, str(path), self.what)
        self._pin = Path(path)

    def unpin(self) -> None:
        """Remove the pin that `pin` made, if any."""
        if self._pin is not None:
            self._pin.unlink(missing_ok=True)
            self._pin = None

    def update(self, prog_fd: int) -> None:
        """Put another program in its place without a gap. Raises KernelError."""
        syscall.link_update(self.fd, prog_fd, self.what)

    def _end(self) -> None:
        self.unpin()
        try:
            syscall.link_detach(self.fd, self.what)
        except KernelError as error:
            # Tracing and perf links end with their last descriptor only.
            if error.errno not in (errno.EOPNOTSUPP, errno.EINVAL, _ENOTSUPP):
                raise
        finally:
            self.close()
