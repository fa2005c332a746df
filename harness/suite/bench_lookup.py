"""What it costs to look a value up in a map."""

from __future__ import annotations

from collections.abc import Callable

from ..subjects.client import Subject
from ..subjects.handles import SubjectObject
from .paired import Paired

KEYS = 1000


def bench_lookup(paired: Paired, everywhere: Callable[[str], dict[Subject, SubjectObject]]) -> None:
    """Look single keys up in a hash map."""
    loaded = everywhere("maps/hash")
    paired.run(
        "lookup",
        f"Look one of {KEYS} keys up in a hash map",
        operations=KEYS,
        measure=lambda subject, loops: (
            loaded[subject].measure("bench_lookup", map="counts", count=KEYS, loops=loops, rounds=1).samples
        ),
    )
