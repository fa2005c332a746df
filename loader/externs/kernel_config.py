"""The build configuration of the running kernel, where distributions keep it."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from pathlib import Path

from ..errors import NotSupportedError

PROC_CONFIG = Path("/proc/config.gz")
_GZIP = b"\x1f\x8b"


def read_config() -> bytes:
    """The text of ``/boot/config-RELEASE``, else of ``/proc/config.gz``; either may be compressed.

    Raises NotSupportedError if the kernel's configuration is in neither place.
    """
    import gzip  # here, as few objects need it
    import zlib

    places = Path(f"/boot/config-{os.uname().release}"), PROC_CONFIG
    for path in places:
        try:
            data = path.read_bytes()
            return gzip.decompress(data) if data.startswith(_GZIP) else data
        except (OSError, EOFError, zlib.error):
            continue
    raise NotSupportedError(
        "reading the kernel's configuration", f"{places[0]}, or {places[1]} by CONFIG_IKCONFIG_PROC"
    )


def find_values(config: bytes, names: Iterable[str]) -> dict[str, str]:
    """What the configuration says of some options: ``y``, ``m``, ``250``, ``"text"``; the first line counts.

    What is not set is left out, also where a comment says so.
    """
    found = {}
    for name in names:
        if match := re.search(rb"^%b=(.*)$" % re.escape(name.encode()), config, re.MULTILINE):
            found[name] = match[1].decode("utf-8", "replace").rstrip()
    return found
