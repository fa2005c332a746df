"""Follow the TCP connections that are made, and how long each handshake takes.

python3 -m bpflab.loader.examples.tcp_connections tcp_connections.bpf.o
"""

import sys
from contextlib import suppress
from ipaddress import IPv4Address

from bpflab.loader import ObjectSpec


def main(path: str) -> None:
    with ObjectSpec.from_file(path).load() as obj, obj.maps["events"].reader() as events:
        obj.attach()
        print("waiting for connections", flush=True)
        for event in events.records("event"):
            source = f"{IPv4Address(event.source)}:{event.source_port}"
            destination = f"{IPv4Address(event.destination)}:{event.destination_port}"
            milliseconds = event.handshake_ns / 1e6
            print(f"{event.comm} ({event.pid}) {source} → {destination} {milliseconds:.2f} ms", flush=True)


if __name__ == "__main__":
    with suppress(KeyboardInterrupt):
        main(*sys.argv[1:])
