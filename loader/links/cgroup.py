"""Programs of a control group (v2): its packets, sockets, options, devices, sysctls."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from struct import pack
from typing import TYPE_CHECKING, Literal

from .. import syscall
from ..enums import AttachType
from ..errors import KernelError, NotSupportedError
from .anchor import ANYWHERE, REPLACE, Anchor, anchor_hint
from .hook import FileAttachment, attach_to_hook
from .link import FdLink, Link
from .query import Attached, query_hook

if TYPE_CHECKING:
    from ..programs.program import Program

Sharing = Literal["multi", "override", "exclusive"]
"""Beside other programs; alone, but groups below may override it; alone, and groups below have none."""

_SHARING_FLAGS: dict[Sharing, int] = {"exclusive": 0, "override": 1 << 0, "multi": 1 << 1}
_PREORDER = 1 << 6  # BPF_F_PREORDER


def attach_cgroup(
    program: Program,
    path: str | Path,
    *,
    attach_type: AttachType | None = None,
    sharing: Sharing = "multi",
    at: Anchor | None = None,
    preorder: bool = False,
    expected_revision: int = 0,
    by_link: bool = True,
) -> Link:
    """Attach to a group, for it and its descendants: first run the programs of a group, then those above.

    By bpf_link (5.7), which is always beside other programs; else, or without `by_link`, by
    BPF_PROG_ATTACH, which outlives the process if nobody detaches it. `attach_type` is for
    ``SEC("cgroup/skb")``, which does not say whether packets come or go. `at` is a place of
    links.anchor, `expected_revision` one of `query_cgroup` (both 6.17). With `preorder` it runs before
    the programs of the groups below (6.15).
    Raises KernelError, NotSupportedError.
    """
    what = f"program '{program.name}' to cgroup '{path}'"
    hook = program.attach_type if attach_type is None else attach_type
    place = at or ANYWHERE
    order = place.flags | (_PREORDER if preorder else 0)
    with _opened(path, f"attaching {what}") as cgroup:
        if by_link and sharing == "multi" and not order & REPLACE:
            options = pack("=IIQ", place.number, 0, expected_revision)
            fd = syscall.link_create(program.fd, cgroup, hook, order, options)
            if fd >= 0:
                return FdLink(what, fd)
            if fd != -errno.EINVAL:
                raise KernelError(f"attaching {what}", -fd, _hint(-fd))
        flags = _SHARING_FLAGS[sharing]
        error = attach_to_hook(
            program,
            cgroup,
            hook,
            flags=flags | (_PREORDER if preorder else 0),
            place=place,
            revision=expected_revision,
        )
        if error == -errno.EINVAL and (order or expected_revision):
            _require_order(cgroup, hook, f"attaching {what}")
        if error:
            raise KernelError(f"attaching {what}", -error, _hint(-error))
        return FileAttachment(program, cgroup, hook, what, flags | REPLACE if sharing == "multi" else flags)


def _require_order(cgroup: int, hook: int, action: str) -> None:
    """EINVAL may mean that the kernel knows no order in groups: raises NotSupportedError if so."""
    if not query_hook(cgroup, hook, "the cgroup").revision:
        raise NotSupportedError(f"{action} in an order", "kernel 6.17, for the order of groups 6.15")


def query_cgroup(path: str | Path, attach_type: AttachType, *, effective: bool = False) -> Attached:
    """The programs of a group; `effective`: with those that it inherits, in the order in which they run.

    Raises KernelError, NotSupportedError.
    """
    what = f"cgroup '{path}'"
    with _opened(path, f"asking what is attached to {what}") as cgroup:
        return query_hook(cgroup, attach_type, what, effective=effective)


@contextmanager
def _opened(path: str | Path, action: str) -> Iterator[int]:
    try:
        cgroup = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError as error:
        raise KernelError(action, error.errno or 0) from None
    try:
        yield cgroup
    finally:
        os.close(cgroup)


def _hint(number: int) -> str:
    return _HINTS.get(number, "") or anchor_hint(number)


_HINTS = {
    errno.EBADF: "the path must be a directory of a cgroup2 mount",
    errno.EPERM: "a program is attached there, or above, that lets no other in: see query_cgroup",
    errno.E2BIG: "64 programs are attached there",
}
