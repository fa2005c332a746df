"""The benchmark verbs of PROTOCOL.md: arguments in, raw samples out."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from ....loader import Link, Map
from . import targets
from .bench_events import Source, delivery_latencies, time_events, time_stream
from .bench_load import time_attachments, time_loads, time_opens
from .bench_maps import Table, lookup_latencies, time_deletes, time_lookups, time_updates
from .requests import Request

if TYPE_CHECKING:
    from .opened import OpenObject

Answer = dict[str, Any]


class Benchmarks:
    """Each verb is a method; `find` gives the open object of a request."""

    def __init__(self, find: Callable[[Request], OpenObject]) -> None:
        self._find = find
        self._last: tuple[tuple[Map, int, int], Table] | None = None
        self.verbs: dict[str, Callable[[Request], Answer]] = {
            "bench_load": self._load,
            "bench_attach": self._attach,
            "bench_lookup": self._lookup,
            "bench_update": self._update,
            "bench_delete": self._delete,
            "bench_latency": self._latency,
            "bench_events": self._events,
            "bench_stream": self._stream,
            "bench_delivery": self._delivery,
        }

    def _load(self, request: Request) -> Answer:
        path, rounds = request.text("path"), request.number("rounds")
        if request.flag("open_only"):
            return {"samples": time_opens(path, rounds)}
        return {"samples": time_loads(path, rounds, cold=request.flag("cold"))}

    def _attach(self, request: Request) -> Answer:
        opened = self._find(request)
        program = opened.program(request.text("program"))
        target = request.part("target") if "target" in request else None

        def attach() -> Link:
            return program.attach() if target is None else targets.attach(opened, program, target)

        return {"samples": time_attachments(attach, request.number("rounds"))}

    def _lookup(self, request: Request) -> Answer:
        way = request.text("way") if "way" in request else "single"
        return {"samples": time_lookups(self._table(request), *_repetitions(request), way)}

    def _update(self, request: Request) -> Answer:
        return {"samples": time_updates(self._table(request), *_repetitions(request))}

    def _delete(self, request: Request) -> Answer:
        return {"samples": time_deletes(self._table(request), *_repetitions(request))}

    def _latency(self, request: Request) -> Answer:
        return _histogram(lookup_latencies(self._table(request), request.number("samples")))

    def _table(self, request: Request) -> Table:
        """The filled map of a request: the last one again if it is the same, as filling takes long."""
        table = self._find(request).map(request.text("map"))
        key = table, request.number("count"), request.number("stride", 1)
        if self._last is None or self._last[0] != key:
            self._last = key, Table(*key)
        return self._last[1]

    def _events(self, request: Request) -> Answer:
        table, source = self._events_of(request)
        numbers = request.number("count"), request.number("rounds")
        return {"samples": time_events(table, source, *numbers, _reader_options(request), _way(request))}

    def _stream(self, request: Request) -> Answer:
        table, source = self._events_of(request)
        numbers = request.number("count"), request.number("rounds")
        samples, lost = time_stream(table, source, *numbers, _reader_options(request), _way(request))
        return {"samples": samples, "lost": lost}

    def _delivery(self, request: Request) -> Answer:
        table, source = self._events_of(request)
        interval_s = request.number("interval_us") / 1e6
        return _histogram(delivery_latencies(table, source, request.number("count"), interval_s))

    def _events_of(self, request: Request) -> tuple[Any, Source]:
        opened = self._find(request)
        data = request.data("data") if "data" in request else None
        return opened.map(request.text("map")), Source(opened.program(request.text("program")), data)


def _repetitions(request: Request) -> tuple[int, int]:
    return request.number("loops"), request.number("rounds")


def _way(request: Request) -> str:
    return request.text("way") if "way" in request else "object"


def _reader_options(request: Request) -> dict[str, int]:
    return {name: request.number(name) for name in ("pages", "wakeup_events") if name in request}


def _histogram(histogram: dict[int, int]) -> Answer:
    return {"histogram": sorted(histogram.items())}
