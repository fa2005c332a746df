"""Show every program that is executed, by a tracepoint and a ring buffer.

python3 -m bpflab.loader.examples.trace_exec trace_exec.bpf.o
"""

import sys
from contextlib import suppress

from bpflab.loader import ObjectSpec


def main(path: str) -> None:
    with ObjectSpec.from_file(path).load() as obj, obj.maps["events"].reader() as events:
        obj.attach()
        print("USER     PID      NAME             FILE", flush=True)
        for event in events.records("event"):
            print(f"{event.uid:<8} {event.pid:<8} {event.comm:16} {event.filename}", flush=True)


if __name__ == "__main__":
    with suppress(KeyboardInterrupt):
        main(*sys.argv[1:])
