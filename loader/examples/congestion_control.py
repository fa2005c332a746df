"""A TCP congestion control of your own, as a struct of callbacks.

python3 -m bpflab.loader.examples.congestion_control congestion_control.bpf.o
iperf3 --client SERVER --congestion bpf_example
"""

import sys
import time
from contextlib import suppress

from bpflab.loader import ObjectSpec


def main(path: str) -> None:
    with ObjectSpec.from_file(path).load() as obj:
        obj.attach()
        print("TCP has the congestion control bpf_example", flush=True)
        while True:
            time.sleep(1)
            acknowledged, losses = obj.variables["acknowledged"].value, obj.variables["losses"].value
            print(f"{acknowledged} packets acknowledged, {losses} times slowed down", flush=True)


if __name__ == "__main__":
    with suppress(KeyboardInterrupt):
        main(*sys.argv[1:])
