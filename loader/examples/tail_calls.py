"""A packet filter in parts: one program for each protocol, put in place while packets flow.

    python3 -m bpflab.loader.examples.tail_calls tail_calls.bpf.o eth0

Then each line of input is PROTOCOL pass, PROTOCOL drop or PROTOCOL unknown; the answer is what was seen.
"""

import socket
import sys
from contextlib import suppress

from bpflab.loader import ObjectSpec


def main(path: str, device: str) -> None:
    with ObjectSpec.from_file(path).load() as obj, obj.programs["dispatch"].attach_xdp(device):
        protocols = obj.maps["protocols"]
        print(f"filtering on {device}", flush=True)
        for line in sys.stdin:
            protocol, action = line.split()
            number = socket.getprotobyname(protocol) if protocol.isalpha() else int(protocol)
            if action == "unknown":
                protocols.delete(number)
            else:
                protocols[number] = obj.programs[action]
            seen = {name: obj.variables[name].value for name in ("passed", "dropped", "unknown")}
            print(f"{protocol}: {action}; so far {seen}", flush=True)


if __name__ == "__main__":
    with suppress(KeyboardInterrupt):
        main(*sys.argv[1:])
