"""The client of the subject protocol: a process that is asked, one request at a time.

PROTOCOL.md says what each verb means. Every call raises `SubjectError` for an error that the
subject reports, and a `SubjectLost` when it gives no usable answer; then the subject is gone.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NoReturn, Self, TypeVar

from . import answers
from .answers import Json, Measured
from .channel import GRACE_S, Channel
from .errors import ErrorClass, SubjectDied, SubjectError, SubjectLost, SubjectProtocolError, SubjectTimeout
from .handles import SubjectLink, SubjectObject, SubjectReader

__all__ = [
    "PROTOCOL",
    "ErrorClass",
    "Subject",
    "SubjectDied",
    "SubjectError",
    "SubjectLink",
    "SubjectLost",
    "SubjectObject",
    "SubjectProtocolError",
    "SubjectReader",
    "SubjectTimeout",
]

PROTOCOL = 1
"""The version of PROTOCOL.md that this client speaks."""

DEFAULT_LIMIT_S = 60.0
"""Seconds for one request; emulated guests are slow."""

T = TypeVar("T")


class Subject:
    """A running subject, with `name`, `version` and `capabilities`; ends with the ``with`` block.

    Raises `SubjectLost` if it cannot be started or says no proper hello within `limit_s`
    seconds, which is also the limit of each request that does not give its own.
    `environment` has what its environment is to have besides ours.
    """

    def __init__(
        self,
        argv: Sequence[str],
        limit_s: float = DEFAULT_LIMIT_S,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self._limit_s = limit_s
        self._last_id = 0
        self._channel = Channel(argv, environment)
        hello = self.ask("hello", answers.Hello.parse)
        if hello.protocol != PROTOCOL:
            self._broken(f"speaks protocol {hello.protocol}; this harness speaks {PROTOCOL}")
        self.name, self.version, self.capabilities = hello.name, hello.version, hello.capabilities

    @property
    def alive(self) -> bool:
        """Whether it can be asked for anything still."""
        return self._channel.open

    @property
    def pid(self) -> int:
        """The process id, also that of its process group."""
        return self._channel.pid

    def open(self, path: Path, variables: Mapping[str, bytes] | None = None) -> SubjectObject:
        """Open an object file, with initial values of variables."""
        arguments: Json = {"path": str(path)}
        if variables:
            arguments["variables"] = {name: value.hex() for name, value in variables.items()}
        return SubjectObject(self, self.ask("open", answers.Opened.parse, **arguments))

    def measure(self, verb: str, *, limit_s: float | None = None, **arguments: Any) -> Measured:
        """One of PROTOCOL.md's benchmarks that need no open object."""
        return self.ask(verb, Measured.parse, limit_s=limit_s, **arguments)

    def ask(
        self, verb: str, parse: Callable[[Json], T], *, limit_s: float | None = None, **arguments: Any
    ) -> T:
        """Send one request, and parse what its answer has under "ok"."""
        self._last_id += 1
        request = {"id": self._last_id, "verb": verb, **arguments}
        line = json.dumps(request, separators=(",", ":")).encode()
        raw = self._channel.exchange(line, limit_s or self._limit_s)
        try:
            answer = json.loads(raw.decode(errors="replace"))
            if "error" in answer and answer["id"] in (self._last_id, None):
                error = _subject_error(answer["error"])
            elif answer["id"] == self._last_id:
                return parse(answer["ok"])
            else:
                raise ValueError(f"answers request {answer['id']} instead of {self._last_id}")
        except (ValueError, KeyError, TypeError, AttributeError) as reason:
            self._broken(f"{verb!r} was answered with {raw[:200]!r}: {type(reason).__name__}: {reason}")
        raise error

    def close(self) -> None:
        """End its input, wait for it to close everything, end its whole process group."""
        self._channel.end(GRACE_S)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def _broken(self, what: str) -> NoReturn:
        stderr = self._channel.end()
        raise SubjectProtocolError(f"subject {self._channel.command}: {what}", stderr) from None


def _subject_error(error: Json) -> SubjectError:
    return SubjectError(
        ErrorClass(error["class"]), int(error["errno"]), str(error["message"]), str(error["log"])
    )
