"""The suite's side of the stream: one JSON line per event, out before anything else happens."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from typing import Any

from ..outcomes import Outcome

MAX_TEXT = 64 * 1024
"""Characters of one text in a check's detail; a serial port carries 1 MB/s. Ends matter most."""


class Stream:
    """Appends events to the file that ``BPFLAB_STREAM`` names; to standard output if it names none.

    Each line is one unbuffered write, so that nothing said is lost to a panic in the next moment.
    """

    def __init__(self, path: str | None = None) -> None:
        path = path or os.environ.get("BPFLAB_STREAM")
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NOCTTY
        self._fd = os.open(path, flags, 0o644) if path else os.dup(1)

    def subject(self, name: str, version: str) -> None:
        """The subject has said hello."""
        self._write("subject", name=name, version=version)

    def check_started(self, check: str) -> None:
        """From here on, whatever happens to the guest happens to this check."""
        self._write("check-started", check=check)

    def check_finished(
        self, check: str, outcome: Outcome, seconds: float, reason: str, detail: Mapping[str, Any]
    ) -> None:
        """A check's outcome."""
        bounded = {name: _bounded(value) for name, value in detail.items() if value not in ("", None)}
        seconds = round(seconds, 4)
        self._write(
            "check-finished", check=check, outcome=outcome, seconds=seconds, reason=reason, detail=bounded
        )

    def benchmark(self, name: str, title: str, unit: str, samples: Mapping[str, Sequence[float]]) -> None:
        """A benchmark's raw samples by subject, in order of measurement."""
        self._write("benchmark", benchmark=name, title=title, unit=unit, samples=samples)

    def distribution(
        self, name: str, title: str, unit: str, histograms: Mapping[str, Mapping[int, int]]
    ) -> None:
        """How often single operations took how long, by subject."""
        pairs = {subject: sorted(each.items()) for subject, each in histograms.items()}
        self._write("distribution", benchmark=name, title=title, unit=unit, histograms=pairs)

    def finished(self, code: int) -> None:
        """The last line; `code` is 0 if everything asked for was run, whatever its outcome."""
        self._write("suite-finished", exit=code)

    def close(self) -> None:
        """Close the file."""
        os.close(self._fd)

    def _write(self, event: str, **fields: Any) -> None:
        line = json.dumps({"event": event, **fields}, separators=(",", ":")).encode() + b"\n"
        while line:
            line = line[os.write(self._fd, line) :]


def _bounded(value: Any) -> Any:
    if isinstance(value, str) and len(value) > MAX_TEXT:
        return f"… {len(value) - MAX_TEXT} characters before …\n{value[-MAX_TEXT:]}"
    return value
