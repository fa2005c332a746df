"""Show where the CPUs spend their time: a clock samples their stacks.

python3 -m bpflab.loader.examples.profile_cpu profile_cpu.bpf.o
"""

import sys
import time
from bisect import bisect
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from bpflab.loader import ObjectSpec
from bpflab.loader.links.perf_event import SoftwareEvent

SAMPLES_PER_SECOND = 99
"""Not 100: a program that wakes up with every tick would be seen always, or never."""


def main(path: str) -> None:
    symbols = sorted(kernel_symbols())
    with ObjectSpec.from_file(path).load() as obj:
        stacks, samples = obj.maps["stacks"], obj.maps["samples"]
        with obj.programs["on_tick"].attach_perf_event(SoftwareEvent.CPU_CLOCK, frequency=SAMPLES_PER_SECOND):
            print(f"{SAMPLES_PER_SECOND} samples per second of each CPU", flush=True)
            while True:
                time.sleep(1)
                most = sorted(samples.pop_items(), key=lambda item: -item[1])[:5]
                for place, count in most:
                    # A negative number says why there is no stack: the task was not in the kernel.
                    kernel, user = (
                        stacks.get(stack, ()) if stack >= 0 else ()
                        for stack in (place.kernel_stack, place.user_stack)
                    )
                    names = " < ".join(symbol(symbols, address) for address in kernel)
                    print(f"{count:4} × {place.comm} ({place.pid}): {len(user)} of its own, {names}")
                print(flush=True)


def kernel_symbols() -> Iterator[tuple[int, str]]:
    """Addresses and names of the kernel's functions."""
    for line in Path("/proc/kallsyms").read_text().splitlines():
        address, _, name = line.split()[:3]
        yield int(address, 16), name


def symbol(symbols: list[tuple[int, str]], address: int) -> str:
    """The function that an address is in."""
    return symbols[bisect(symbols, (address, "\x7f")) - 1][1]


if __name__ == "__main__":
    with suppress(KeyboardInterrupt):
        main(*sys.argv[1:])
