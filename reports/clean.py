"""Untrusted text made harmless: what a guest printed may hold anything."""

from __future__ import annotations

import re
from dataclasses import fields, is_dataclass, replace
from enum import Enum
from typing import Any, TypeVar

_ANSI = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)?|[ -/]*[0-~])")
_FORBIDDEN = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f"  # controls; XML 1.0 forbids most of them
    "\u200e\u200f\u202a-\u202e\u2066-\u2069"  # direction marks, which can show a log in another order
    "\ufffe\uffff]"
)
_SURROGATE = re.compile("[\ud800-\udfff]")

T = TypeVar("T")


def clean(text: str) -> str:
    """`text` without escape sequences, control characters and anything XML or UTF-8 cannot carry.

    Line ends become newlines, so that a console log's ``\\r\\n`` does not double them.
    """
    text = _ANSI.sub("", text).replace("\r\n", "\n").replace("\r", "\n")
    return _SURROGATE.sub("\ufffd", _FORBIDDEN.sub("", text))


def cleaned(value: T) -> T:
    """A copy of a record, or of what it is made of, with every string in it clean."""
    # It rebuilds what it gets, of the same type; a checker cannot see that through asdict-like recursion.
    return _cleaned(value)  # type: ignore[no-any-return]  # as Any as what came in


def _cleaned(value: Any) -> Any:
    if isinstance(value, Enum):
        return value
    if isinstance(value, str):
        return clean(value)
    if isinstance(value, dict):
        return {_cleaned(key): _cleaned(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(_cleaned(item) for item in value)
    if is_dataclass(value) and not isinstance(value, type):
        return replace(value, **{each.name: _cleaned(getattr(value, each.name)) for each in fields(value)})
    return value


def one_line(text: str) -> str:
    """`text` with every run of white space, line ends included, as one space."""
    return " ".join(text.split())


def shortened(text: str, limit: int) -> str:
    """At most about `limit` characters of `text`: its beginning and, more of it, its end."""
    if len(text) <= limit:
        return text
    head = limit // 4
    tail = limit - head
    return (
        f"{text[:head]}\n\n"
        f"[… {len(text) - limit:,} characters left out; the outcome file has them all …]\n\n"
        f"{text[-tail:]}"
    )
