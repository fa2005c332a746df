"""Where among the programs of a hook a program goes: tcx and netkit (6.6), control groups (6.17)."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from ..errors import NotSupportedError
from .link import Link

if TYPE_CHECKING:
    from ..programs.program import Program

REPLACE, BEFORE, AFTER, ID, LINK = 1 << 2, 1 << 3, 1 << 4, 1 << 5, 1 << 13
"""BPF_F_REPLACE, BPF_F_BEFORE, BPF_F_AFTER, BPF_F_ID, BPF_F_LINK."""


class Anchor(NamedTuple):
    """A place: `flags` of the system call, and what they relate to; `other` keeps that alive."""

    flags: int
    number: int = 0
    """A file descriptor, or an ID with BPF_F_ID; 0 for the head or the tail."""
    other: object = None


ANYWHERE = Anchor(0)
"""Wherever the kernel puts it: behind all that are there."""

HEAD = Anchor(BEFORE)
"""Before all that are there."""

TAIL = Anchor(AFTER)
"""Behind all that are there."""


def before(other: Program | Link | int) -> Anchor:
    """In front of a program or link that is attached there; an int is a program's ID."""
    return _relative(BEFORE, other)


def after(other: Program | Link | int) -> Anchor:
    """Behind a program or link that is attached there; an int is a program's ID."""
    return _relative(AFTER, other)


def replace(other: Program) -> Anchor:
    """In the place of a program that is attached there without a link; what a link holds, it updates.

    The new program is attached without a link as well.
    """
    return Anchor(REPLACE, other.fd, other)


def _relative(flags: int, other: Program | Link | int) -> Anchor:
    if isinstance(other, int):
        return Anchor(flags | ID, other)
    if not isinstance(other, Link):
        return Anchor(flags, other.fd, other)
    if other.fd < 0:
        raise NotSupportedError(f"a place relative to {other.what}", "an attachment by bpf_link")
    return Anchor(flags | LINK, other.fd, other)


def anchor_hint(number: int) -> str:
    """What the kernel means when it refuses a place."""
    return _HINTS.get(number, "")


_HINTS = {
    2: "what it is to be placed before or behind is not attached there",  # ENOENT
    17: "the program is attached there already",  # EEXIST
    34: "the place contradicts itself, or 64 programs are attached there",  # ERANGE
    116: "somebody has attached or detached since that revision was read: ask again",  # ESTALE
}
