"""A global variable of a loaded object, where its programs see it."""

from __future__ import annotations

import errno

from .errors import ElementError, KernelError
from .lean import TYPE_CHECKING, replace

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from .maps.map import Map
    from .spec import ObjectSpec, VariableSpec


def live_variables(
    spec: ObjectSpec, maps: Mapping[str, Map], arenas: Mapping[str, int]
) -> dict[str, Variable]:
    """The variables of these maps; `arenas` says where in each arena its variables start."""
    variables = {}
    for one in spec.variables.values():
        if one.map in maps:
            start = arenas.get(one.map, 0)
            placed = replace(one, offset=one.offset + start) if start else one
            variables[one.name] = Variable(placed, maps[one.map])
    return variables


class Variable:
    """Reads and writes the memory of the section's map (5.5), else the map's one value.

    Programs on other CPUs may write at the same time; only integers through memory
    are safe from being torn.
    """

    def __init__(self, spec: VariableSpec, section: Map) -> None:
        self.name = spec.name
        self.size = spec.size
        self._spec = spec
        self._map = section
        self._place = slice(spec.offset, spec.offset + spec.size)

    @property
    def value(self) -> Any:
        """By its BTF type (`values.typed`): a number, text, a record …; else bytes. Raises KernelError.

        Setting it takes the same, or bytes; a frozen constant is KernelError EPERM, a value that
        does not fit ElementError.
        """
        return self._spec.codec.decode(self.read_bytes())

    @value.setter
    def value(self, value: Any) -> None:
        self.write_bytes(self._spec.encode(value))

    def read_bytes(self) -> bytes:
        """The variable's bytes now. Raises KernelError."""
        memory = self._map.memory()
        return memory[self._place] if memory is not None else self._section()[self._place]

    def write_bytes(self, data: bytes) -> None:
        """Set all of the variable's bytes. Raises KernelError, ElementError for another number of them."""
        if len(data) != self.size:
            raise ElementError(f"variable '{self.name}' has {self.size} bytes, not {len(data)}")
        if self._map.frozen:
            raise KernelError(
                f"setting variable '{self.name}'", errno.EPERM, "a constant can be set before loading only"
            )
        memory = self._map.memory()
        if memory is not None:
            memory[self._place] = data
        else:
            section = bytearray(self._section())
            section[self._place] = data
            self._map.update_bytes(bytes(self._map.key_size), bytes(section))

    def _section(self) -> bytes:
        """All of the section, the one value of its map."""
        value = self._map.lookup_bytes(bytes(self._map.key_size))
        if value is None:
            raise KernelError(f"reading variable '{self.name}'", errno.ENOENT)
        return value

    def __repr__(self) -> str:
        return f"<Variable '{self.name}' of {self.size} bytes in '{self._map.name}'>"
