"""Show what programs read over TLS, in clear, by probes of OpenSSL's functions.

python3 -m bpflab.loader.examples.watch_tls watch_tls.bpf.o [PATH-OF-LIBSSL]
"""

import sys
from contextlib import suppress

from bpflab.loader import ObjectSpec


def main(path: str, library: str = "libssl.so.3") -> None:
    spec = ObjectSpec.from_file(path)
    for program in spec.programs.values():
        program.attach_to = program.attach_to.replace("libssl.so.3", library)
    with spec.load() as obj, obj.maps["events"].reader() as events:
        obj.attach()
        print(f"watching {library}", flush=True)
        for event in events.records("event"):
            shown = event.data[: event.length]
            print(f"{event.comm} ({event.pid}) read {event.length} bytes: {shown!r}", flush=True)


if __name__ == "__main__":
    with suppress(KeyboardInterrupt):
        main(*sys.argv[1:])
