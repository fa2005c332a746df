"""Tracepoints of the kernel's static events (``SEC("tp/CATEGORY/NAME")``, kernel 4.7)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .. import perf_event
from .link import Link
from .perf_link import attach_event
from .tracefs import event_id

if TYPE_CHECKING:
    from ..programs.program import Program


def attach_tracepoint(program: Program, category: str, name: str, *, cookie: int = 0) -> Link:
    """Run a program whenever the tracepoint is hit, on any CPU.

    Programs read `cookie` by bpf_get_attach_cookie() (5.15). Raises KernelError, NotSupportedError.
    """
    what = f"program '{program.name}' to tracepoint '{category}/{name}'"
    # pid -1 and one CPU: BPF programs run on every CPU, whatever CPU the event is of.
    action = f"attaching {what}"
    number = event_id(category, name, action)
    event = perf_event.open_event(action, perf_event.TYPE_TRACEPOINT, number, sample_period=1)
    return attach_event(program.fd, event, what, cookie=cookie)
