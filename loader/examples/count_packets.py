"""Count the packets of each IP protocol that arrive at a network device, with XDP.

python3 -m bpflab.loader.examples.count_packets count_packets.bpf.o eth0
"""

import sys
import time
from contextlib import suppress

from bpflab.loader import ObjectSpec


def main(path: str, device: str) -> None:
    with ObjectSpec.from_file(path).load() as obj, obj.programs["count"].attach_xdp(device):
        print(f"counting on {device}", flush=True)
        while True:
            time.sleep(1)
            for protocol, cpus in obj.maps["protocols"].items():
                packets, size = sum(cpu.packets for cpu in cpus), sum(cpu.bytes for cpu in cpus)
                if packets:
                    print(f"protocol {protocol}: {packets} packets, {size} bytes", flush=True)


if __name__ == "__main__":
    with suppress(KeyboardInterrupt):
        main(*sys.argv[1:])
