"""Patterns of function names, as in ``SEC("kprobe.multi/tcp_*")``: ``*`` is any text, ``?`` any character."""

from __future__ import annotations

from collections.abc import Callable


def is_pattern(text: str) -> bool:
    """Whether it may stand for more than one name."""
    return "*" in text or "?" in text


def matcher(pattern: str) -> Callable[[str], bool]:
    """Says of a name whether it fits."""
    import re

    compiled = re.compile(as_expression(pattern), re.DOTALL)
    return lambda name: compiled.fullmatch(name) is not None


def as_expression(pattern: str) -> str:
    """The pattern as a regular expression; nothing but ``*`` and ``?`` is special."""
    import re

    return "".join({"*": ".*", "?": "."}.get(each, re.escape(each)) for each in pattern)
