"""Subject processes over a run of the suite: started before the first check, again after one is lost."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ..subjects.client import Subject
from ..subjects.errors import SubjectLost
from .stream import Stream

START_LIMIT_S = 150.0
"""Seconds until a subject's hello: in an emulated guest an interpreter alone may take half a minute."""


class SubjectKeeper:
    """Keeps one process per subject and tells the stream who they are."""

    def __init__(self, commands: Mapping[str, Sequence[str]], stream: Stream) -> None:
        self._commands = commands
        self._stream = stream
        self._running: dict[str, Subject] = {}
        self._failed: dict[str, SubjectLost] = {}
        self._told: set[str] = set()

    def start(self) -> None:
        """Start every subject that does not run; the time it takes is no check's."""
        for name, argv in self._commands.items():
            running = self._running.get(name)
            if name in self._failed or (running is not None and running.alive):
                continue
            try:
                started = self._running[name] = Subject(argv, limit_s=START_LIMIT_S)
            except SubjectLost as error:
                self._failed[name] = error
                continue
            if name not in self._told:
                self._stream.subject(name, started.version)
                self._told.add(name)

    def subject(self, name: str) -> Subject:
        """The running subject of that name. Raises `SubjectLost` if it could not be started."""
        if name in self._failed:
            raise self._failed[name].with_traceback(None)
        return self._running[name]

    def discard(self) -> None:
        """End all subjects: what they are doing, and what they hold, is not to be trusted any more."""
        for running in self._running.values():
            running.close()
