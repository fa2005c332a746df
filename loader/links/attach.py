"""Attaching by SEC() name: from the attach kind of the section table to what does it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from ..errors import MissingFeatureError, TargetError
from .freplace import attach_freplace
from .iterator import attach_iterator
from .kprobe import attach_kprobe
from .link import Link
from .lsm import attach_lsm
from .raw_tracepoint import attach_raw_tracepoint
from .tracepoint import attach_tracepoint
from .tracing import attach_tracing

if TYPE_CHECKING:
    from ..program import Program


def attach(program: Program) -> Link:
    """Attach a program where its SEC() name says.

    Raises TargetError if it says nothing, MissingFeatureError, KernelError.
    """
    kind = program.attach_kind
    if not kind:
        raise TargetError(
            f"program '{program.name}': SEC(\"{program.section}\") does not say where to attach it; "
            f"use the attach function of its kind"
        )
    if kind not in KINDS:
        raise MissingFeatureError(f"program '{program.name}': attaching a {kind} is not implemented")
    if not program.attach_to:
        raise TargetError(f"program '{program.name}': SEC(\"{program.section}\") names no target")
    return KINDS[kind](program)


def _kprobe(program: Program) -> Link:
    function, _, offset = program.attach_to.partition("+")
    try:
        return attach_kprobe(program, function, offset=int(offset or "0", 0))
    except ValueError:
        raise TargetError(f"program '{program.name}': '{offset}' is no offset in '{function}'") from None


def _tracepoint(program: Program) -> Link:
    category, _, name = program.attach_to.partition("/")
    if not name:
        raise TargetError(f"program '{program.name}': a tracepoint is CATEGORY/NAME, not '{category}'")
    return attach_tracepoint(program, category, name)


KINDS: dict[str, Callable[[Program], Link]] = {
    "kprobe": _kprobe,
    "kretprobe": lambda program: attach_kprobe(program, program.attach_to, returns=True),
    "tracepoint": _tracepoint,
    "raw_tracepoint": lambda program: attach_raw_tracepoint(program, program.attach_to),
    "tracing": attach_tracing,
    "freplace": attach_freplace,
    "lsm": attach_lsm,
    "iter": attach_iterator,
}
