"""List all tasks with an iterator: one program, run for each task inside the kernel.

python3 -m bpflab.loader.examples.list_tasks list_tasks.bpf.o [PID]
"""

import sys

from bpflab.loader import ObjectSpec


def main(path: str, pid: str = "0") -> None:
    """List the threads of one process, or all of them."""
    spec = ObjectSpec.from_file(path)
    with spec.load() as obj, obj.programs["list"].attach_iterator(pid=int(pid)) as tasks:
        print(tasks.read().decode(), end="")


if __name__ == "__main__":
    main(*sys.argv[1:])
