"""What it costs to read events that are there already."""

from __future__ import annotations

from collections.abc import Callable

from ..subjects.client import Subject
from ..subjects.handles import SubjectObject
from .network import frame
from .paired import Paired

EVENTS = 3000
"""As many as fit into events/ringbuf at 72 bytes each, with room to spare."""

MOST_LOOPS = 5
"""Making the events takes a hundred times as long as reading them."""


DATA = frame(b"event", size=70)


def bench_ringbuf(paired: Paired, everywhere: Callable[[str], dict[Subject, SubjectObject]]) -> None:
    """Read events of 64 bytes from a ring buffer."""
    loaded = everywhere("events/ringbuf")
    paired.run(
        "ringbuf",
        "Read a 64-byte event from a ring buffer",
        operations=EVENTS,
        most_loops=MOST_LOOPS,
        measure=lambda subject, loops: (
            loaded[subject]
            .measure("bench_events", map="events", program="emit", count=EVENTS, rounds=loops, data=DATA)
            .samples
        ),
    )
