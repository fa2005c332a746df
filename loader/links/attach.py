"""Attaching by SEC() name: from the attach kind of the section table to what does it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from ..errors import MissingFeatureError, TargetError
from . import probe_targets
from .freplace import attach_freplace
from .iterator import attach_iterator
from .link import Link
from .lsm import attach_lsm
from .raw_tracepoint import attach_raw_tracepoint
from .tracing import attach_tracing
from .tracing_multi import attach_tracing_multi

if TYPE_CHECKING:
    from ..programs.program import Program


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


KINDS: dict[str, Callable[[Program], Link]] = {
    **probe_targets.KINDS,
    "raw_tracepoint": lambda program: attach_raw_tracepoint(program, program.attach_to),
    "tracing": attach_tracing,
    "tracing.multi": lambda program: attach_tracing_multi(program, program.attach_to),
    "freplace": attach_freplace,
    "lsm": attach_lsm,
    "iter": attach_iterator,
}
