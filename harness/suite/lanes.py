"""Lanes of measurement: what is counted where. Figures of different lanes are never put together."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import fmean


@dataclass(frozen=True)
class Lane:
    """How benchmarks are run in one lane.

    A round's measured loop is repeated until it takes `round_ns` (so that the clock's steps do not
    show), or `loops` times if that is set. `sample` makes one figure of a round's repetitions.
    `spawns` are the rounds of what starts a process each time, `single` the operations of a
    distribution. With `floor`, the baseline runs once more beside itself.
    """

    name: str
    unit: str
    rounds: int
    spawns: int
    single: int
    floor: bool = True
    round_ns: float = 10e6
    loops: int = 0
    sample: Callable[[Sequence[float]], float] = fmean


LANES = {
    lane.name: lane
    for lane in (
        Lane("host", "ns", rounds=24, spawns=20, single=1_000_000),
        Lane("guest", "ns", rounds=20, spawns=5, single=50_000),
        # Under -icount a nanosecond of the guest's clock is an instruction, and no round differs
        # from another but by what the kernel does now and then.
        Lane("instructions", "instructions", rounds=3, spawns=0, single=0, floor=False, loops=3, sample=min),
    )
}
