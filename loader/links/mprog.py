"""The hooks of network devices that take many programs in an order: tcx (6.6) and netkit (6.7)."""

from __future__ import annotations

import errno
from struct import pack
from typing import TYPE_CHECKING

from .. import syscall
from ..enums import AttachType
from ..errors import KernelError, NotSupportedError
from .anchor import ANYWHERE, Anchor, anchor_hint
from .link import FdLink
from .query import query_hook

if TYPE_CHECKING:
    from ..program import Program


def attach_ordered(
    program: Program,
    ifindex: int,
    hook: AttachType,
    what: str,
    *,
    at: Anchor | None,
    revision: int,
    minimum: str,
) -> FdLink:
    """Attach by bpf_link. `at` is by default behind all that are there.

    `revision` is the one that the hook must have, 0 for any.

    Raises NotSupportedError, with `minimum` as what is needed, if the kernel lacks the hook; KernelError.
    """
    place = at or ANYWHERE
    options = pack("=IIQ", place.number, 0, revision)
    fd = syscall.link_create(program.fd, ifindex, hook, place.flags, options)
    if fd >= 0:
        return FdLink(what, fd)
    if fd == -errno.EINVAL:
        _require(ifindex, hook, f"attaching {what}", minimum)
    raise KernelError(f"attaching {what}", -fd, anchor_hint(-fd))


def _require(ifindex: int, hook: AttachType, action: str, minimum: str) -> None:
    """EINVAL may mean that the kernel lacks the hook: raises NotSupportedError if it does."""
    try:
        query_hook(ifindex, hook, "the device")
    except NotSupportedError:
        raise NotSupportedError(action, minimum) from None
    except KernelError:
        pass  # it knows the hook: the error at hand says more
