"""The verbs about maps."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from ....loader import KernelError, Map
from .descriptors import descriptor_of
from .opened import OpenObject
from .requests import Request, UsageError

ENOENT = 2

Answer = dict[str, Any]


class Maps:
    """Each verb is a method; `find` gives the open object of a request."""

    def __init__(self, find: Callable[[Request], OpenObject]) -> None:
        self._find = find
        self.verbs: dict[str, Callable[[Request], Answer]] = {
            "lookup": self._lookup,
            "update": self._update,
            "delete": self._delete,
            "pop": self._pop,
            "keys": self._keys,
            "elements": self._elements,
            "update_many": self._update_many,
            "delete_many": self._delete_many,
            "freeze": self._freeze,
            "map_info": self._info,
        }

    def _lookup(self, request: Request) -> Answer:
        table = self._map(request)
        with _key(request) as key:
            value = table.lookup_bytes(key, request.number("flags", 0))
        return {"value": _there(table, "look-up", value).hex()}

    def _update(self, request: Request) -> Answer:
        opened, table = self._find(request), self._map(request)
        flags = request.number("flags", 0)
        with _key(request) as key:
            if "value_fd" in request:
                with descriptor_of(request.part("value_fd")) as fd:
                    table.update(key, fd, flags)
            elif "value_program" in request:
                program = opened.program(request.text("value_program"))
                if "value" in request:
                    number = program.fd.to_bytes(4, sys.byteorder)
                    table.update_bytes(key, request.data("value") + number, flags)
                else:
                    table.update(key, program, flags)
            elif "value_map" in request:
                table.update(key, opened.map(request.text("value_map")), flags)
            else:
                table.update_bytes(key, request.data("value"), flags)
        return {}

    def _delete(self, request: Request) -> Answer:
        table = self._map(request)
        with _key(request) as key:
            if not table.delete_bytes(key):
                raise KernelError(f"map '{table.name}': delete", ENOENT)
        return {}

    def _pop(self, request: Request) -> Answer:
        table = self._map(request)
        with _key(request) as key:
            value = table.pop_bytes(key, request.number("flags", 0))
        return {"value": _there(table, "look-up and delete", value).hex()}

    def _keys(self, request: Request) -> Answer:
        return {"keys": [key.hex() for key in self._map(request).keys_bytes()]}

    def _elements(self, request: Request) -> Answer:
        table = self._map(request)
        found = list(table.pop_items_bytes() if request.flag("delete") else table.items_bytes())
        return {"keys": [key.hex() for key, _ in found], "values": [value.hex() for _, value in found]}

    def _update_many(self, request: Request) -> Answer:
        keys, values = request.many_data("keys"), request.many_data("values")
        if len(keys) != len(values):
            raise UsageError("as many values as keys are needed")
        flags = request.number("flags", 0)
        self._map(request).update_many_bytes(b"".join(keys), b"".join(values), flags)
        return {}

    def _delete_many(self, request: Request) -> Answer:
        return {"deleted": self._map(request).delete_many_bytes(b"".join(request.many_data("keys")))}

    def _freeze(self, request: Request) -> Answer:
        self._map(request).freeze()
        return {}

    def _info(self, request: Request) -> Answer:
        info = self._map(request).info()
        numbers = ("id", "key_size", "value_size", "max_entries", "flags", "map_extra")
        described: Answer = {name: int(getattr(info, name)) for name in numbers}
        return {"name": info.name, "type": info.type.name.lower(), **described}

    def _map(self, request: Request) -> Map:
        return self._find(request).map(request.text("map"))


@contextmanager
def _key(request: Request) -> Iterator[bytes]:
    """A request's key: bytes, or a descriptor of another process, which is ours meanwhile."""
    if "key_fd" not in request:
        yield request.data("key")
        return
    with descriptor_of(request.part("key_fd")) as fd:
        yield fd.to_bytes(4, sys.byteorder)


def _there(table: Map, action: str, value: bytes | None) -> bytes:
    if value is None:
        raise KernelError(f"map '{table.name}': {action}", ENOENT)
    return value
