"""``python -m bpflab``: the same as ``bpflab``."""

import sys

from bpflab.harness.cli import main

sys.exit(main())
