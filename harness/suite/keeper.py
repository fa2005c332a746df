"""Subject processes over a run of the suite: started when first asked for, again after one is lost."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ..subjects.client import Subject
from .stream import Stream


class SubjectKeeper:
    """Keeps one process per subject and tells the stream who they are."""

    def __init__(self, commands: Mapping[str, Sequence[str]], stream: Stream, limit_s: float) -> None:
        self._commands = commands
        self._stream = stream
        self._limit_s = limit_s
        self._running: dict[str, Subject] = {}
        self._told: set[str] = set()

    def subject(self, name: str) -> Subject:
        """The running subject of that name. Raises `SubjectLost` if it cannot be started."""
        running = self._running.get(name)
        if running is None or not running.alive:
            running = self._running[name] = Subject(self._commands[name], limit_s=self._limit_s)
            if name not in self._told:
                self._stream.subject(name, running.version)
                self._told.add(name)
        return running

    def discard(self) -> None:
        """End all subjects: what they are doing, and what they hold, is not to be trusted any more."""
        for running in self._running.values():
            running.close()
        self._running.clear()
