"""Flavors: what follows the last ``___`` of a type's name tells versions of one type apart."""

from __future__ import annotations


def essential_name(name: str) -> str:
    """A name without its flavor: cut at the last ``___`` that has other characters on both sides."""
    at = name.rfind("___")
    while at > 0:
        if name[at - 1] != "_" and name[at + 3 : at + 4] not in ("_", ""):
            return name[:at]
        at = name.rfind("___", 0, at + 2)
    return name
