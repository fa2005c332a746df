"""Follow the files that are opened, and keep those of one name from all but root, by a security hook.

    python3 -m bpflab.loader.examples.file_opens file_opens.bpf.o [NAME]

Needs CONFIG_BPF_LSM, and "bpf" in /sys/kernel/security/lsm.
"""

import sys
from contextlib import suppress

from bpflab.loader import ObjectSpec


def main(path: str, secret: str = "") -> None:
    spec = ObjectSpec.from_file(path)
    spec.variables["secret"].value = secret
    with spec.load() as obj, obj.maps["events"].reader() as events:
        obj.attach()
        print("PID      NAME             FILE", flush=True)
        for event in events.records("event"):
            verdict = "  (refused)" if event.verdict else ""
            print(f"{event.pid:<8} {event.comm:16} {event.name}{verdict}", flush=True)


if __name__ == "__main__":
    with suppress(KeyboardInterrupt):
        main(*sys.argv[1:])
