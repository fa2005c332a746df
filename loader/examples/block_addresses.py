"""Drop what comes from some networks, with XDP and a longest-prefix trie.

python3 -m bpflab.loader.examples.block_addresses block_addresses.bpf.o eth0 192.0.2.0/24 …
"""

import sys
import time
from contextlib import suppress
from ipaddress import IPv4Network

from bpflab.loader import ObjectSpec


def main(path: str, device: str, *networks: str) -> None:
    with ObjectSpec.from_file(path).load() as obj:
        blocked = obj.maps["blocked"]
        for network in map(IPv4Network, networks):
            blocked[(network.prefixlen, network.network_address.packed)] = 0
        with obj.programs["block"].attach_xdp(device):
            print(f"blocking {len(networks)} networks on {device}", flush=True)
            while True:
                time.sleep(1)
                for key, packets in blocked.items():
                    dropped = IPv4Network((key.address, key.length))
                    print(f"{dropped}: {packets} packets dropped", flush=True)


if __name__ == "__main__":
    with suppress(KeyboardInterrupt):
        main(*sys.argv[1:])
