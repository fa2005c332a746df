"""An object of the subject's, from opening to closing."""

from __future__ import annotations

from collections.abc import Mapping

from ....loader import (
    Link,
    Map,
    Object,
    ObjectSpec,
    PerfBuffer,
    Program,
    ProgramFunction,
    RingBuffer,
    Variable,
    VariableSpec,
)
from .requests import Request, UsageError


class OpenObject:
    """An object that was opened, and perhaps loaded."""

    def __init__(self, spec: ObjectSpec, all_open: Mapping[int, OpenObject]) -> None:
        """`all_open` are all objects that are open, by number."""
        self.spec = spec
        self._all_open = all_open
        self.links: dict[int, Link] = {}
        self.readers: dict[int, RingBuffer | PerfBuffer] = {}
        self._loaded: Object | None = None
        self._tried = False

    def load(
        self,
        programs: list[str] | None,
        log: bool,
        devices: dict[str, int],
        targets: dict[str, Request],
    ) -> Object:
        """Raises UsageError the second time, and what the loader raises."""
        if self._tried:
            raise UsageError("the object was loaded before")
        for name in (*(programs or ()), *devices, *targets):
            if name not in self.spec.programs:
                raise UsageError(f"the object has no program '{name}'")
        self._tried = True
        for name, ifindex in devices.items():
            self.spec.programs[name].bind_to(ifindex)
        functions = {name: self.function_of(target) for name, target in targets.items()}
        self._loaded = self.spec.load(programs=programs, log_level=int(log), targets=functions)
        return self._loaded

    def function_of(self, target: Request) -> ProgramFunction:
        """The function of another object's program that a target names. Raises UsageError."""
        function = target.text("function") if "function" in target else ""
        return ProgramFunction(self.other(target).program(target.text("program")), function)

    def other(self, target: Request) -> OpenObject:
        """The object that a target names. Raises UsageError."""
        number = target.number("object")
        if number not in self._all_open:
            raise UsageError(f"there is no object {number}")
        return self._all_open[number]

    @property
    def loaded(self) -> Object:
        """Raises UsageError."""
        if self._loaded is None:
            raise UsageError("the object is not loaded")
        return self._loaded

    def map(self, name: str) -> Map:
        """Raises UsageError."""
        if name not in self.loaded.maps:
            raise UsageError(f"the object has no map '{name}'")
        return self.loaded.maps[name]

    def program(self, name: str) -> Program:
        """Raises UsageError."""
        if name not in self.loaded.programs:
            raise UsageError(f"the object has no loaded program '{name}'")
        return self.loaded.programs[name]

    def link(self, number: int) -> Link:
        """Raises UsageError."""
        if number not in self.links:
            raise UsageError(f"the object has no link {number}")
        return self.links[number]

    def variable(self, name: str) -> VariableSpec:
        """Raises UsageError."""
        if name not in self.spec.variables:
            raise UsageError(f"the object has no variable '{name}'")
        return self.spec.variables[name]

    def live_variable(self, name: str) -> Variable | None:
        """None before loading. Raises UsageError if loading failed."""
        if self._tried:
            return self.loaded.variables[name]
        return None

    def close(self) -> None:
        """Detach, close and unload everything, the last made first."""
        for reader in reversed(self.readers.values()):
            reader.close()
        for link in reversed(self.links.values()):
            link.close()
        self.readers.clear()
        self.links.clear()
        if self._loaded is not None:
            self._loaded.close()
