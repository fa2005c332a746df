"""The verbs of PROTOCOL.md, done with the reference loader."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

from ....loader import (
    Map,
    ObjectError,
    ObjectSpec,
    PerfBuffer,
    RingBuffer,
    UserRingBuffer,
    VariableSpec,
)
from . import targets
from .bench import Benchmarks
from .links import Links
from .maps import Maps
from .opened import OpenObject
from .requests import Request, UsageError, decode

Answer = dict[str, Any]


class ReferenceSubject:
    """Holds the open objects; each verb is a method that takes a request and gives an answer."""

    def __init__(self, version: str) -> None:
        self._version = version
        self._ids = itertools.count(1)
        self._objects: dict[int, OpenObject] = {}
        self._lost: dict[int, int] = {}
        """Reader → losses that were reported."""
        self.verbs: dict[str, Callable[[Request], Answer]] = {
            "hello": self._hello,
            "open": self._open,
            "load": self._load,
            "variable_get": self._variable_get,
            "variable_set": self._variable_set,
            "events_open": self._events_open,
            "events_poll": self._events_poll,
            "events_state": self._events_state,
            "events_close": self._events_close,
            "events_write": self._events_write,
            "test_run": self._test_run,
            "close": self._close,
            **Links(self._objects, self._ids, self._object).verbs,
            **Maps(self._object).verbs,
            **Benchmarks(self._object).verbs,
        }

    def close(self) -> None:
        """Close every object, the last opened first."""
        while self._objects:
            self._objects.popitem()[1].close()

    def _hello(self, request: Request) -> Answer:
        attach = [f"attach:{kind}" for kind in ("section", "map", *targets.KINDS)]
        return {
            "name": "reference",
            "version": self._version,
            "protocol": 1,
            "capabilities": [*self.verbs, *attach],
        }

    def _open(self, request: Request) -> Answer:
        path = request.text("path")
        try:
            opened = OpenObject(ObjectSpec.from_file(path), self._objects)
        except OSError as error:
            raise ObjectError(path, "", f"cannot be read: {error.strerror}") from None
        for name, data in request.named_data("variables").items():
            _set_initial(opened.variable(name), data)
        number = next(self._ids)
        self._objects[number] = opened
        spec = opened.spec
        return {
            "object": number,
            "programs": [
                {"name": program.name, "section": program.section, "type": program.type.name.lower()}
                for program in spec.programs.values()
            ],
            "maps": [
                {
                    "name": one.name,
                    "type": one.type.name.lower(),
                    "key_size": one.key_size,
                    "value_size": one.value_size,
                    "max_entries": one.max_entries,
                }
                for one in spec.maps.values()
                if one.kind in ("user", "struct_ops")
            ],
            "variables": [
                {"name": variable.name, "section": variable.map, "size": variable.size}
                for variable in spec.variables.values()
            ],
        }

    def _load(self, request: Request) -> Answer:
        loaded = self._object(request).load(
            request.names("programs"),
            request.flag("log"),
            request.named_numbers("devices"),
            request.named_parts("targets"),
        )
        return {
            "programs": {
                program.name: {
                    "id": program.info().id,
                    "tag": program.info().tag,
                    "insns": program.insns.hex(),
                    "log": program.log,
                }
                for program in loaded.programs.values()
            }
        }

    def _variable_get(self, request: Request) -> Answer:
        opened, name = self._object(request), request.text("name")
        initial, live = opened.variable(name), opened.live_variable(name)
        data = live.read_bytes() if live is not None else initial.read_bytes()
        return {"value": data.hex()}

    def _variable_set(self, request: Request) -> Answer:
        opened, name, data = self._object(request), request.text("name"), request.data("value")
        initial, live = opened.variable(name), opened.live_variable(name)
        if live is None:
            _set_initial(initial, data)
        else:
            _check_size(initial, data)
            live.write_bytes(data)
        return {}

    def _events_open(self, request: Request) -> Answer:
        opened = self._object(request)
        reader = self._map(request).reader()
        number = next(self._ids)
        opened.readers[number] = reader
        for name in request.names("more") or ():
            if not isinstance(reader, RingBuffer):
                raise UsageError(f"map '{request.text('map')}' is no ring buffer to read others with")
            reader.add(opened.map(name))
        self._lost[number] = 0
        return {"reader": number}

    def _events_poll(self, request: Request) -> Answer:
        number = request.number("reader")
        reader = self._readers_of(number)[number]
        events = reader.poll(request.number("timeout_ms") / 1000, request.number("max"))
        lost = reader.lost - self._lost[number]
        self._lost[number] += lost
        return {"events": [event.hex() for event in events], "lost": lost}

    def _events_state(self, request: Request) -> Answer:
        number = request.number("reader")
        reader = self._readers_of(number)[number]
        if not isinstance(reader, RingBuffer):
            raise UsageError(f"reader {number} reads no ring buffer")
        state = reader.state()
        return {"size": state.size, "consumer": state.consumer, "producer": state.producer}

    def _events_close(self, request: Request) -> Answer:
        number = request.number("reader")
        self._readers_of(number).pop(number).close()
        return {}

    def _events_write(self, request: Request) -> Answer:
        samples = [decode(sample, "samples") for sample in request.names("samples") or ()]
        discarded = request.flag("discard")
        with UserRingBuffer(self._map(request)) as writer:
            for content in samples:
                sample = writer.reserve(len(content))
                sample.data[:] = content
                if discarded:
                    sample.discard()
                else:
                    sample.submit()
        return {}

    def _test_run(self, request: Request) -> Answer:
        program = self._object(request).program(request.text("program"))
        result = program.test_run(
            request.data("data") if "data" in request else None,
            ctx=request.data("ctx") if "ctx" in request else None,
            repeat=request.number("repeat", 0),
            cpu=request.number("cpu") if "cpu" in request else None,
            live_frames=request.flag("live_frames"),
            batch_size=request.number("batch_size", 0),
        )
        return {
            "retval": result.retval,
            "data_out": result.data_out.hex(),
            "ctx_out": result.ctx_out.hex(),
            "duration_ns": result.duration_ns,
        }

    def _close(self, request: Request) -> Answer:
        self._object(request)
        self._objects.pop(request.number("object")).close()
        return {}

    def _object(self, request: Request) -> OpenObject:
        number = request.number("object")
        if number not in self._objects:
            raise UsageError(f"there is no object {number}")
        return self._objects[number]

    def _map(self, request: Request) -> Map:
        return self._object(request).map(request.text("map"))

    def _readers_of(self, number: int) -> dict[int, RingBuffer | PerfBuffer]:
        """The readers of the object that a reader belongs to."""
        for opened in self._objects.values():
            if number in opened.readers:
                return opened.readers
        raise UsageError(f"there is no reader {number}")


def _check_size(variable: VariableSpec, data: bytes) -> None:
    if len(data) != variable.size:
        raise UsageError(f"variable '{variable.name}' has {variable.size} bytes, not {len(data)}")


def _set_initial(variable: VariableSpec, data: bytes) -> None:
    _check_size(variable, data)
    variable.write_bytes(data)
