"""The hooks of network devices that take many programs in an order: tcx (6.6) and netkit (6.7)."""

from __future__ import annotations

import errno
from struct import pack
from typing import TYPE_CHECKING

from .. import syscall
from ..enums import AttachType
from ..errors import KernelError, NotSupportedError
from .anchor import ANYWHERE, REPLACE, Anchor, anchor_hint
from .hook import HookAttachment, attach_to_hook
from .link import FdLink, Link
from .query import query_hook

if TYPE_CHECKING:
    from ..programs.program import Program


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
        result = attach_to_hook(program, ifindex, hook, place=place, revision=revision)
        if not result:
            return HookAttachment(program, ifindex, hook, what, REPLACE)
    if result == -errno.EINVAL:
        _require(ifindex, hook, f"attaching {what}", minimum)
    raise KernelError(f"attaching {what}", -result, anchor_hint(-result))


def _require(ifindex: int, hook: AttachType, action: str, minimum: str) -> None:
    """EINVAL may mean that the kernel lacks the hook: raises NotSupportedError if it does."""
    try:
        query_hook(ifindex, hook, "the device")
    except NotSupportedError:
        raise NotSupportedError(action, minimum) from None
    except KernelError:
        pass  # it knows the hook: the error at hand says more
