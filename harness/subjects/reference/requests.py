"""Requests with typed access to their arguments."""

from __future__ import annotations

from typing import Any


class UsageError(Exception):
    """The request is wrong."""


class Request:
    """One request's arguments. Every getter raises UsageError for what is missing or malformed."""

    def __init__(self, arguments: dict[str, Any]) -> None:
        self._arguments = arguments

    def __contains__(self, name: str) -> bool:
        return name in self._arguments

    def text(self, name: str) -> str:
        """A string."""
        value: str = self._get(name, str, "a string")
        return value

    def number(self, name: str, default: int | None = None) -> int:
        """An integer that is not negative."""
        value: int = self._get(name, int, "a number", default)
        if isinstance(value, bool) or value < 0:
            raise UsageError(f"'{name}' is not a number from 0 on")
        return value

    def integer(self, name: str, default: int | None = None) -> int:
        """An integer of either sign."""
        value: int = self._get(name, int, "a number", default)
        return value

    def word(self, name: str, *known: str, default: str | None = None) -> str:
        """One of a few strings."""
        value: str = self._get(name, str, "a string", default)
        if value not in known and value != default:
            raise UsageError(f"'{name}' is one of {', '.join(known)}, not '{value}'")
        return value

    def flag(self, name: str) -> bool:
        """A boolean, false if left out."""
        value: bool = self._get(name, bool, "true or false", False)
        return value

    def data(self, name: str) -> bytes:
        """Bytes, which travel as hex."""
        return decode(self.text(name), name)

    def names(self, name: str) -> list[str] | None:
        """A list of strings; None if left out."""
        if name not in self:
            return None
        values: list[Any] = self._get(name, list, "a list")
        if not all(isinstance(value, str) for value in values):
            raise UsageError(f"'{name}' is not a list of strings")
        return values

    def numbers(self, name: str) -> list[int]:
        """A list of numbers from 0 on, empty if left out."""
        values: list[Any] = self._get(name, list, "a list", [])
        if not all(isinstance(value, int) and value >= 0 for value in values):
            raise UsageError(f"'{name}' is not a list of numbers from 0 on")
        return values

    def part(self, name: str) -> Request:
        """The arguments in an object."""
        return Request(self._get(name, dict, "an object"))

    def named_parts(self, name: str) -> dict[str, Request]:
        """Arguments in objects by name, empty if left out."""
        values = Request(self._get(name, dict, "an object", {}))
        return {key: values.part(key) for key in values._arguments}

    def named_numbers(self, name: str) -> dict[str, int]:
        """An object of numbers from 0 on by name, empty if left out."""
        values = Request(self._get(name, dict, "an object", {}))
        return {key: values.number(key) for key in values._arguments}

    def many_data(self, name: str) -> list[bytes]:
        """A list of bytes."""
        return [decode(value, name) for value in self.names(name) or ()]

    def named_data(self, name: str) -> dict[str, bytes]:
        """An object of bytes by name, empty if left out."""
        values: dict[str, Any] = self._get(name, dict, "an object", {})
        return {key: decode(value, name) for key, value in values.items()}

    def _get(self, name: str, kind: type[Any], words: str, default: Any = None) -> Any:
        value = self._arguments.get(name, default)
        if value is None:
            raise UsageError(f"argument '{name}' is missing")
        if not isinstance(value, kind):
            raise UsageError(f"argument '{name}' is not {words}")
        return value


def decode(value: object, name: str) -> bytes:
    """Hex to bytes. Raises UsageError."""
    try:
        if isinstance(value, str) and not any(map(str.isspace, value)):
            return bytes.fromhex(value)
    except ValueError:
        pass
    raise UsageError(f"'{name}' is not bytes in hex")
