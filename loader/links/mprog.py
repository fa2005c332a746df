"""The hooks of network devices that take many programs in an order: tcx (6.6) and netkit (6.7)."""

from __future__ import annotations

import errno
import os
from struct import pack
from typing import TYPE_CHECKING

from .. import syscall
from ..enums import AttachType
from ..errors import KernelError, NotSupportedError
from .anchor import ANYWHERE, REPLACE, Anchor, anchor_hint
from .link import FdLink, Link
from .query import query_hook

if TYPE_CHECKING:
    from ..program import Program
    from .link import HasDescriptor


def attach_ordered(
    program: Program,
    ifindex: int,
    hook: AttachType,
    what: str,
    *,
    at: Anchor | None,
    revision: int,
    by_link: bool,
    minimum: str,
) -> Link:
    """Attach, by bpf_link or by BPF_PROG_ATTACH. `at` is by default behind all that are there.

    `revision` is the one that the hook must have, 0 for any.
    Raises NotSupportedError, with `minimum` as what is needed, if the kernel lacks the hook; KernelError.
    """
    place = at or ANYWHERE
    if by_link and not place.flags & REPLACE:
        options = pack("=IIQ", place.number, 0, revision)
        result = syscall.link_create(program.fd, ifindex, hook, place.flags, options)
        if result >= 0:
            return FdLink(what, result)
    else:
        result = _prog_attach(program.fd, ifindex, hook, place, revision)
        if not result:
            return OrderedAttachment(program, ifindex, hook, what)
    if result == -errno.EINVAL:
        _require(ifindex, hook, f"attaching {what}", minimum)
    raise KernelError(f"attaching {what}", -result, anchor_hint(-result))


class OrderedAttachment(Link):
    """What BPF_PROG_ATTACH did. It holds the program's descriptor, to name it again."""

    def __init__(self, program: Program, ifindex: int, hook: AttachType, what: str) -> None:
        """Of a program that is attached."""
        super().__init__(what, self._end)
        self._ifindex, self._hook = ifindex, hook
        self._program = os.dup(program.fd)

    def update(self, new: HasDescriptor, *, expected: HasDescriptor | None = None) -> None:
        """Put another program in the place of `expected`, by default of what was attached here.

        Raises KernelError (ENOENT: that is not attached any more).
        """
        place = Anchor(REPLACE, expected.fd if expected else self._program)
        error = _prog_attach(new.fd, self._ifindex, self._hook, place, 0)
        if error:
            raise KernelError(f"updating {self.what} to '{new.name}'", -error, anchor_hint(-error))
        os.close(self._program)
        self._program = os.dup(new.fd)

    def _end(self) -> None:
        try:
            syscall.prog_detach(self._ifindex, self._program, self._hook, self.what)
        finally:
            os.close(self._program)


def _prog_attach(fd: int, ifindex: int, hook: AttachType, place: Anchor, revision: int) -> int:
    replaced, relative = (place.number, 0) if place.flags & REPLACE else (0, place.number)
    return syscall.prog_attach(
        ifindex, fd, hook, place.flags, replace_fd=replaced, relative=relative, revision=revision
    )


def _require(ifindex: int, hook: AttachType, action: str, minimum: str) -> None:
    """EINVAL may mean that the kernel lacks the hook: raises NotSupportedError if it does."""
    try:
        query_hook(ifindex, hook, "the device")
    except NotSupportedError:
        raise NotSupportedError(action, minimum) from None
    except KernelError:
        pass  # it knows the hook: the error at hand says more
