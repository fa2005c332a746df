"""The order of Debian package versions, as deb-version(7) defines it."""

from __future__ import annotations

import re

_PART = re.compile(r"(\D*)(\d*)")
_END = 0
_TILDE = -1
_AFTER_LETTERS = 256

Part = tuple[tuple[int, ...], int]
Key = tuple[int, tuple[Part, ...], tuple[Part, ...]]


def version_key(version: str) -> Key:
    """A key that sorts package versions: '6.12.95-1~bpo12+1' before '6.12.95-1' before '6.12.95-2'."""
    epoch, colon, rest = version.rpartition(":")
    upstream, _, revision = rest.rpartition("-") if "-" in rest else (rest, "", "0")
    return int(epoch) if colon else 0, _parts(upstream), _parts(revision)


def _parts(text: str) -> tuple[Part, ...]:
    return tuple((_weights(letters), int(digits or 0)) for letters, digits in _PART.findall(text))


def _weights(letters: str) -> tuple[int, ...]:
    return (*(_weight(character) for character in letters), _END)


def _weight(character: str) -> int:
    if character == "~":
        return _TILDE
    return ord(character) + (0 if character.isalpha() else _AFTER_LETTERS)
