"""An attachment of a program to something: what all kinds have in common."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, Self

from .. import syscall
from ..errors import KernelError, NotSupportedError
from ..pinnable import Pinnable

if TYPE_CHECKING:
    from .info import LinkInfo

_ENOTSUPP = 524
_BY_LINK = "an attachment by bpf_link"


class HasDescriptor(Protocol):
    """A program, or a struct_ops map."""

    name: str
    fd: int


class Link:
    """A program attached somewhere. Use it in a ``with``, or call `close`.

    `fd` is the descriptor of a bpf_link, -1 where the kernel has none for this kind:
    then there is nothing to pin, to update or to ask about.
    """

    def __init__(self, what: str, detach: Callable[[], None], fd: int = -1) -> None:
        """`what` names it in errors; `detach` undoes the attachment, and is called once."""
        self.what = what
        self.fd = fd
        self._undo: Callable[[], None] | None = detach

    @staticmethod
    def from_fd(fd: int) -> FdLink:
        """Take over the descriptor of a bpf_link."""
        return FdLink(f"the link of descriptor {fd}", fd)

    @staticmethod
    def from_id(number: int) -> FdLink:
        """Open a bpf_link of the system by its ID (5.8). Raises KernelError."""
        from ..descriptor import open_id

        return FdLink(f"link {number}", open_id(number, "link"))

    @staticmethod
    def from_pin(path: str | Path) -> FdLink:
        """Open a pinned bpf_link (5.7); `unpin` removes the pin. Raises KernelError."""
        from ..descriptor import open_pin

        link = FdLink(f"the link pinned at '{path}'", open_pin(str(path), "link"))
        link.pinned = Path(path)
        return link

    def detach(self) -> None:
        """End the attachment, also a pinned one. Raises KernelError. Twice is as good as once."""
        undo, self._undo = self._undo, None
        if undo is not None:
            undo()

    def close(self) -> None:
        """Give the attachment up: it ends, unless it is pinned."""
        self.detach()

    def update(self, new: HasDescriptor, *, expected: HasDescriptor | None = None) -> None:
        """Put another program in its place without a gap. Raises KernelError, NotSupportedError."""
        raise NotSupportedError(f"updating {self.what}", _BY_LINK)

    def info(self) -> LinkInfo:
        """What the kernel says of the link. Raises KernelError, NotSupportedError."""
        raise NotSupportedError(f"asking about {self.what}", _BY_LINK)

    def pin(self, path: str | Path) -> None:
        """Keep it attached beyond this process. Raises KernelError, NotSupportedError."""
        raise NotSupportedError(f"pinning {self.what}", _BY_LINK)

    def unpin(self) -> None:
        """Remove the pin that `pin` made, or that it was opened from, if any."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<Link {self.what}{'' if self._undo else ' detached'}>"


class FdLink(Pinnable, Link):
    """An attachment that a bpf_link holds: it ends with the link's last descriptor or pin."""

    def __init__(self, what: str, fd: int) -> None:
        super().__init__(what, self._end, fd)

    def close(self) -> None:
        """Give the descriptor up: the attachment ends, unless it is pinned or others hold it."""
        self._undo = None
        if self.fd >= 0:
            os.close(self.fd)
            self.fd = -1

    def update(self, new: HasDescriptor, *, expected: HasDescriptor | None = None) -> None:
        """Put another program (of struct_ops links: another map, 6.4) in its place without a gap (5.7).

        With `expected` only if that is what is attached now, else KernelError EPERM.
        Links of tracing and perf events cannot be updated: KernelError EINVAL.
        """
        error = syscall.link_update(self.fd, new.fd, expected.fd if expected else None)
        if error:
            raise KernelError(f"updating {self.what} to '{new.name}'", -error, _update_hint(-error, expected))

    def info(self) -> LinkInfo:
        """What the kernel says of the link (5.8). Raises KernelError."""
        from .info import link_info

        return link_info(self.fd)

    def _end(self) -> None:
        self.unpin()
        try:
            syscall.link_detach(self.fd, self.what)
        except KernelError as error:
            # Tracing and perf links end with their last descriptor only; before 5.9 all do.
            if error.errno not in (errno.EOPNOTSUPP, errno.EINVAL, _ENOTSUPP):
                raise
        finally:
            self.close()


def _update_hint(number: int, expected: HasDescriptor | None) -> str:
    if number == errno.EPERM and expected:
        return f"'{expected.name}' is not what is attached"
    if number in (errno.EINVAL, errno.EPERM):
        return "only programs of the same type and attach type can follow each other, and not in all links"
    return ""
