"""What is attached to a hook: programs in the order in which they run (BPF_PROG_QUERY)."""

from __future__ import annotations

import errno
from typing import NamedTuple

from .. import syscall
from ..enums import AttachType
from ..errors import KernelError, NotSupportedError


class AttachedProgram(NamedTuple):
    """A program at a hook."""

    program_id: int
    link_id: int = 0
    """Of tcx and netkit (6.6): the link that holds it. 0 for none, or where the kernel does not tell."""
    flags: int = 0
    """What a control group's own program was attached with (BPF_F_*; 6.1)."""


class Attached(NamedTuple):
    """The programs at a hook, the first to run in front."""

    programs: tuple[AttachedProgram, ...]
    revision: int
    """Grows with each change, to be expected by the next; 0 where there is none (of groups before 6.17)."""
    flags: int
    """How a control group takes programs: 0 exclusively or not yet, 1 to be overridden, 2 many."""


def query_hook(target: int, attach_type: AttachType | int, what: str, *, effective: bool = False) -> Attached:
    """Ask about a hook (4.15); `target` is a descriptor or a device's index, `what` names it in errors.

    `effective` counts in what a control group inherits.
    Raises KernelError, NotSupportedError (the kernel does not know such a hook).
    """
    action = f"asking what is attached to {what}"
    result, count, flags, revision = syscall.prog_query(target, attach_type, int(effective))
    if result == -errno.EINVAL:
        raise NotSupportedError(action, f"a kernel with {AttachType(attach_type).name}")
    if result:
        raise KernelError(action, -result)
    programs: tuple[AttachedProgram, ...] = ()
    while count:
        result, revision, programs = _read(target, attach_type, effective, count)
        # If another program has come in between there is too little room for all.
        count = count + 8 if result == -errno.ENOSPC else 0
    if result:
        raise KernelError(action, -result)
    return Attached(programs, revision, flags)


def _read(
    target: int, attach_type: int, effective: bool, room: int
) -> tuple[int, int, tuple[AttachedProgram, ...]]:
    """(0 or -errno, revision, programs).

    Kernels refuse buffers that they do not know: of links' IDs before 6.6, of attach flags before
    6.1, and of these for what is inherited.
    """
    ids, flags, links = (bytearray(4 * room) for _ in range(3))
    result, count, revision = -errno.EINVAL, 0, 0
    for known in ((flags, links), (flags, None), (None, None))[2 * effective :]:
        result, count, _, revision = syscall.prog_query(target, attach_type, int(effective), ids, *known)
        if result != -errno.EINVAL:
            break
    columns = (memoryview(column).cast("I")[: min(count, room)] for column in (ids, links, flags))
    return result, revision, tuple(AttachedProgram(*row) for row in zip(*columns, strict=True))
