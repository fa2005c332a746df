"""The verbs about links."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from ....loader import Link
from ....loader.links.iterator import IteratorLink
from . import network, targets
from .opened import OpenObject
from .requests import Request, UsageError

Answer = dict[str, Any]


class Links:
    """Each verb is a method; `find` gives the open object of a request, `ids` new numbers."""

    def __init__(
        self, objects: Mapping[int, OpenObject], ids: Iterator[int], find: Callable[[Request], OpenObject]
    ) -> None:
        self._objects = objects
        self._ids = ids
        self._find = find
        self.verbs: dict[str, Callable[[Request], Answer]] = {
            "attach": self._attach,
            "detach": self._detach,
            "link_info": self._info,
            "link_update": self._update,
            "link_pin": self._pin,
            "iterate": self._iterate,
            "query": self._query,
        }

    def _attach(self, request: Request) -> Answer:
        opened = self._find(request)
        if "map" in request:
            link = targets.attach_map(opened.map(request.text("map")))
        else:
            program = opened.program(request.text("program"))
            target = request.part("target") if "target" in request else None
            link = program.attach() if target is None else targets.attach(opened, program, target)
        number = next(self._ids)
        opened.links[number] = link
        return {"link": number}

    def _detach(self, request: Request) -> Answer:
        number, links = self._link(request)
        links.pop(number).detach()
        return {}

    def _info(self, request: Request) -> Answer:
        number, links = self._link(request)
        info = links[number].info()
        return {"id": info.id, "type": info.type, "program_id": info.program_id}

    def _update(self, request: Request) -> Answer:
        number, links = self._link(request)
        opened = self._find(request)
        if "map" in request:
            links[number].update(opened.map(request.text("map")))
            return {}
        expected = opened.program(request.text("expected")) if "expected" in request else None
        links[number].update(opened.program(request.text("program")), expected=expected)
        return {}

    def _pin(self, request: Request) -> Answer:
        number, links = self._link(request)
        links[number].pin(request.text("path"))
        return {}

    def _iterate(self, request: Request) -> Answer:
        number, links = self._link(request)
        link = links[number]
        if not isinstance(link, IteratorLink):
            raise UsageError(f"link {number} is no iterator")
        return {"data": link.read().hex()}

    def _query(self, request: Request) -> Answer:
        opened = self._find(request)
        return network.query(opened, opened.program(request.text("program")), request.part("target"))

    def _link(self, request: Request) -> tuple[int, dict[int, Link]]:
        """A link's number, and the links of the object that it belongs to. Raises UsageError."""
        number = request.number("link")
        for opened in self._objects.values():
            if number in opened.links:
                return number, opened.links
        raise UsageError(f"there is no link {number}")
