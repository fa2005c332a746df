"""``python -m bpflab.harness.suite --job job.json``: the suite on the kernel that runs it."""

from __future__ import annotations

import sys

from .run import main

__all__ = ["main"]

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
