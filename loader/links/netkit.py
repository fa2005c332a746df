"""netkit: programs of a pair of devices that containers use in place of veth (kernel 6.7)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from ..enums import AttachType
from .anchor import Anchor
from .device import interface_index
from .mprog import attach_ordered
from .query import Attached, query_hook

if TYPE_CHECKING:
    from ..programs.program import Program
    from .link import Link

End = Literal["primary", "peer"]

_HOOK: dict[End, AttachType] = {"primary": AttachType.NETKIT_PRIMARY, "peer": AttachType.NETKIT_PEER}


def attach_netkit(
    program: Program,
    device: str | int,
    end: End,
    *,
    at: Anchor | None = None,
    expected_revision: int = 0,
    by_link: bool = True,
) -> Link:
    """Run a program on what one end of a pair sends; `device` is the primary device in both cases.

    `at`, `expected_revision` and `by_link` as of links.tcx. Raises KernelError (EACCES: `device` is no
    primary one), NotSupportedError.
    """
    ifindex = interface_index(device)
    what = f"program '{program.name}' to the {end} end of netkit '{device}'"
    minimum = "kernel 6.7 with CONFIG_NETKIT, and a netkit device"
    return attach_ordered(
        program,
        ifindex,
        _HOOK[end],
        what,
        at=at,
        revision=expected_revision,
        by_link=by_link,
        minimum=minimum,
    )


def query_netkit(device: str | int, end: End) -> Attached:
    """The programs of one end in their order. Raises KernelError, NotSupportedError (before 6.7)."""
    what = f"the {end} end of netkit '{device}'"
    return query_hook(interface_index(device), _HOOK[end], what)
