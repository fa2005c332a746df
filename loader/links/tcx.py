"""Traffic control by bpf_link (tcx, kernel 6.6): no qdisc, programs in an order, ends with the link."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..enums import AttachType
from .anchor import Anchor
from .device import interface_index
from .mprog import attach_ordered
from .query import Attached, query_hook
from .tc import Direction

if TYPE_CHECKING:
    from ..programs.program import Program
    from .link import Link

_HOOK: dict[Direction, AttachType] = {
    "ingress": AttachType.TCX_INGRESS,
    "egress": AttachType.TCX_EGRESS,
}


def attach_tcx(
    program: Program,
    device: str | int,
    direction: Direction,
    *,
    at: Anchor | None = None,
    expected_revision: int = 0,
    by_link: bool = True,
) -> Link:
    """Attach to a device, by default behind the programs that are there.

    `at` is a place of links.anchor. With `expected_revision` (of `query_tcx`) only if nothing has
    changed since, else KernelError ESTALE. Without `by_link` the attachment outlives the process if
    nobody detaches it. Raises KernelError, NotSupportedError.
    """
    ifindex = interface_index(device)
    what = f"program '{program.name}' to tcx {direction} of device '{device}'"
    minimum = "kernel 6.6; attach_tc works before"
    return attach_ordered(
        program,
        ifindex,
        _HOOK[direction],
        what,
        at=at,
        revision=expected_revision,
        by_link=by_link,
        minimum=minimum,
    )


def query_tcx(device: str | int, direction: Direction) -> Attached:
    """The programs of a device in their order. Raises KernelError, NotSupportedError (before 6.6)."""
    what = f"tcx {direction} of device '{device}'"
    return query_hook(interface_index(device), _HOOK[direction], what)
