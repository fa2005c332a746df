"""Handles of what a subject has made: objects, links and readers.

Each is a context manager. Closing one whose subject is gone does nothing: what the subject
owned went with it, and the error that tells why is on its way already.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, Self, TypeVar

from . import answers
from .answers import (
    Attached,
    Events,
    Histogram,
    Json,
    LinkInfo,
    LoadedMap,
    LoadedProgram,
    Measured,
    Opened,
    TestRun,
)

if TYPE_CHECKING:
    from .client import Subject

T = TypeVar("T")

Target = Mapping[str, str | int | Sequence[str] | Sequence[int]]
"""Where to attach, as in PROTOCOL.md: ``{"kind": "xdp", "ifindex": 3}``."""


class HasFileno(Protocol):
    """A socket, a file …"""

    def fileno(self) -> int:
        """Its descriptor."""
        ...


Descriptor = int | HasFileno
"""A file descriptor of this process, or what has one."""

Key = bytes | Descriptor
"""A key as bytes; in storage maps a descriptor."""


class _Handle:
    """Something that the subject knows by an ID and that is closed once."""

    _close_verb: str
    _id_name: str

    def __init__(self, subject: Subject, identifier: int) -> None:
        self._subject = subject
        self._id = identifier
        self._open = True

    def close(self) -> None:
        """Close it; nothing happens if it, or its subject, is closed already."""
        if self._open and self._subject.alive:
            self._subject.ask(self._close_verb, answers.nothing, **{self._id_name: self._id})
        self._open = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()


class SubjectLink(_Handle):
    """An attached program; `number` is what a target's `link` names it by."""

    _close_verb, _id_name = "detach", "link"

    @property
    def number(self) -> int:
        """Its ID."""
        return self._id

    def detach(self) -> None:
        """The same as `close`."""
        self.close()

    def info(self) -> LinkInfo:
        """What the kernel says of it."""
        return self._subject.ask("link_info", LinkInfo.parse, link=self._id)

    def pin(self, path: Path) -> None:
        """Keep it by a file of a BPF file system; closing the link leaves the file alone."""
        self._subject.ask("link_pin", answers.nothing, link=self._id, path=str(path))

    def iterate(self) -> bytes:
        """Run an iterator from its beginning to its end; all that it writes."""
        return self._subject.ask("iterate", answers.data, link=self._id)


class SubjectReader(_Handle):
    """A reader of a ring buffer or a perf event array."""

    _close_verb, _id_name = "events_close", "reader"

    def poll(self, timeout_s: float = 1.0, maximum: int = 1024) -> Events:
        """Wait for events; up to `maximum` of them, none when the time is over."""
        return self._subject.ask(
            "events_poll",
            Events.parse,
            reader=self._id,
            timeout_ms=round(timeout_s * 1000),
            max=maximum,
        )

    def state(self) -> tuple[int, int, int]:
        """Size and the consumer's and the producer's position of the (first) ring buffer, in bytes."""
        return self._subject.ask("events_state", answers.ring_state, reader=self._id)


class SubjectObject(_Handle):
    """An opened object; `programs`, `maps` and `variables` are what it holds, by name."""

    _close_verb, _id_name = "close", "object"

    def __init__(self, subject: Subject, opened: Opened) -> None:
        super().__init__(subject, opened.object)
        self.programs = opened.programs
        self.maps = opened.maps
        self.variables = opened.variables

    def close(self) -> None:
        """Close it with its links and readers; their handles must not be used any more."""
        super().close()

    def named(self, program: str) -> dict[str, str | int]:
        """How a target names one of these programs."""
        return {"object": self._id, "program": program}

    def load(
        self,
        programs: Iterable[str] | None = None,
        log: bool = False,
        devices: Mapping[str, int] | None = None,
        targets: Mapping[str, Target] | None = None,
    ) -> dict[str, LoadedProgram]:
        """Load these programs (default: those the object wants loaded), with the verifier's log if asked.

        `devices` binds XDP programs to devices by their index. `targets` says which loaded
        programs' functions programs are for, each as `named` names it.
        """
        arguments: Json = {} if programs is None else {"programs": list(programs)}
        if log:
            arguments["log"] = True
        if devices is not None:
            arguments["devices"] = dict(devices)
        if targets is not None:
            arguments["targets"] = {name: dict(target) for name, target in targets.items()}
        return self._ask("load", answers.loaded_programs, **arguments)

    def attach(self, program: str, target: Target | None = None) -> SubjectLink:
        """Attach a loaded program to a target, or where its SEC() name says."""
        arguments: Json = {} if target is None else {"target": dict(target)}
        link = self._ask("attach", answers.link, program=program, **arguments)
        return SubjectLink(self._subject, link)

    def query(self, program: str, target: Target) -> Attached:
        """What is attached where `attach` would attach this program."""
        return self._ask("query", Attached.parse, program=program, target=dict(target))

    def update_link(self, link: SubjectLink, program: str, expected: str = "") -> None:
        """Put another program in the place of a link's; with `expected` only if that is there now."""
        arguments: Json = {"expected": expected} if expected else {}
        self._ask("link_update", answers.nothing, link=link.number, program=program, **arguments)

    def update_link_map(self, link: SubjectLink, name: str) -> None:
        """Put a loaded struct_ops map in the place of a link's."""
        self._ask("link_update", answers.nothing, link=link.number, map=name)

    def attach_map(self, name: str) -> SubjectLink:
        """Give a loaded struct_ops map to its subsystem."""
        return SubjectLink(self._subject, self._ask("attach", answers.link, map=name))

    def lookup(self, name: str, key: Key, flags: int = 0) -> bytes:
        """The value of a key of map `name`; of per-CPU maps, those of all possible CPUs."""
        return self._ask("lookup", answers.value, map=name, **_key(key), **_flags(flags))

    def update(self, name: str, key: Key, value: bytes | Descriptor, flags: int = 0) -> None:
        """Set the value of a key; `flags` as BPF_NOEXIST (1) and BPF_EXIST (2).

        A descriptor is put into a map of sockets or control groups.
        """
        given = {"value": value.hex()} if isinstance(value, bytes) else {"value_fd": _ours(value)}
        self._ask("update", answers.nothing, map=name, **_key(key), **given, flags=flags)

    def update_program(self, name: str, key: bytes, program: str, before: bytes = b"") -> None:
        """Put a program of this object into a program array, or behind `before` into a map of devices."""
        given = {"value": before.hex()} if before else {}
        self._ask("update", answers.nothing, map=name, key=key.hex(), value_program=program, **given)

    def update_map(self, name: str, key: bytes, inner: str) -> None:
        """Put a map of this object into a map of maps."""
        self._ask("update", answers.nothing, map=name, key=key.hex(), value_map=inner)

    def update_socket(self, name: str, key: bytes, sock: socket.socket) -> None:
        """Put a socket of this process into a map of sockets."""
        self.update(name, key, sock)

    def delete(self, name: str, key: Key) -> None:
        """Delete a key of map `name`."""
        self._ask("delete", answers.nothing, map=name, **_key(key))

    def pop(self, name: str, key: bytes = b"", flags: int = 0) -> bytes:
        """Look up and delete at once."""
        return self._ask("pop", answers.value, map=name, key=key.hex(), **_flags(flags))

    def elements(self, name: str, *, delete: bool = False) -> dict[bytes, bytes]:
        """All elements of map `name`, read together; deleted as they are read if `delete`."""
        given = {"delete": True} if delete else {}
        return self._ask("elements", answers.elements, map=name, **given)

    def update_many(self, name: str, elements: Mapping[bytes, bytes], flags: int = 0) -> None:
        """Set elements together."""
        keys, values = [key.hex() for key in elements], [value.hex() for value in elements.values()]
        self._ask("update_many", answers.nothing, map=name, keys=keys, values=values, flags=flags)

    def delete_many(self, name: str, keys: Iterable[bytes]) -> int:
        """Delete elements together; how many were there."""
        return self._ask("delete_many", answers.deleted, map=name, keys=[key.hex() for key in keys])

    def freeze(self, name: str) -> None:
        """Let user space write no more."""
        self._ask("freeze", answers.nothing, map=name)

    def map_info(self, name: str) -> LoadedMap:
        """What the kernel says of map `name`."""
        return self._ask("map_info", LoadedMap.parse, map=name)

    def keys(self, name: str) -> list[bytes]:
        """All keys of map `name`."""
        return self._ask("keys", answers.keys, map=name)

    def variable(self, name: str) -> bytes:
        """The value of a global variable: the initial one before `load`, the live one after it."""
        return self._ask("variable_get", answers.value, name=name)

    def set_variable(self, name: str, value: bytes) -> None:
        """Set a global variable, before or after `load`."""
        self._ask("variable_set", answers.nothing, name=name, value=value.hex())

    def reader(self, name: str, *more: str) -> SubjectReader:
        """Open a reader of a ring buffer, or of several, or of a perf event array."""
        several: Json = {"more": list(more)} if more else {}
        return SubjectReader(self._subject, self._ask("events_open", answers.reader, map=name, **several))

    def write_events(self, name: str, *samples: bytes, discard: bool = False) -> None:
        """Write samples to a user ring buffer, and submit or discard them."""
        given: Json = {"samples": [sample.hex() for sample in samples]}
        if discard:
            given["discard"] = True
        self._ask("events_write", answers.nothing, map=name, **given)

    def test_run(
        self,
        program: str,
        data: bytes | None = None,
        ctx: bytes | None = None,
        repeat: int | None = None,
        **options: int,
    ) -> TestRun:
        """Run a program by BPF_PROG_TEST_RUN; what is None is left out of the system call.

        `options` are `cpu`, `live_frames` and `batch_size`, see PROTOCOL.md.
        """
        given: Json = {name: each.hex() for name, each in (("data", data), ("ctx", ctx)) if each is not None}
        if repeat is not None:
            given["repeat"] = repeat
        return self._ask("test_run", TestRun.parse, program=program, **given, **options)

    def measure(self, verb: str, *, limit_s: float | None = None, **arguments: Any) -> Measured:
        """One of PROTOCOL.md's benchmarks of a loaded object; bytes among the arguments become hex."""
        return self._ask(verb, Measured.parse, limit_s=limit_s, **_encoded(arguments))

    def distribution(self, verb: str, *, limit_s: float | None = None, **arguments: Any) -> Histogram:
        """One of those that answer how often something took how many nanoseconds."""
        return self._ask(verb, answers.histogram, limit_s=limit_s, **_encoded(arguments))

    def _ask(self, verb: str, parse: Callable[[Json], T], **arguments: Any) -> T:
        return self._subject.ask(verb, parse, object=self._id, **arguments)


def _key(key: Key) -> Json:
    return {"key": key.hex()} if isinstance(key, bytes) else {"key_fd": _ours(key)}


def _flags(flags: int) -> Json:
    return {"flags": flags} if flags else {}


def _ours(descriptor: Descriptor) -> dict[str, int]:
    """How a subject is told of a descriptor of this process."""
    fd = descriptor if isinstance(descriptor, int) else descriptor.fileno()
    return {"pid": os.getpid(), "fd": fd}


def _encoded(arguments: Json) -> Json:
    return {name: value.hex() if isinstance(value, bytes) else value for name, value in arguments.items()}
