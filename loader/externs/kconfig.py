"""Values of ``.kconfig`` externs: the kernel's configuration, and what LINUX_* names tell of the kernel."""

from __future__ import annotations

import sys

from ..btf import Btf, BtfType, IntEncoding, Kind
from ..errors import NotSupportedError, UnresolvedError
from ..lean import TYPE_CHECKING
from .kernel_config import find_values, read_config
from .virtual import VIRTUAL

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ..spec import ExternSpec, ObjectSpec

_TRISTATE = {"n": 0, "y": 1, "m": 2}
"""enum libbpf_tristate."""


def kconfig_contents(spec: ObjectSpec, extra: str = "") -> bytes:
    """The value of the object's ``.kconfig`` map. Raises UnresolvedError.

    `extra` is configuration text that goes before the kernel's own.
    """
    wanted = [extern for extern in spec.externs.values() if extern.kind == "kconfig"]
    contents = bytearray(max(extern.offset + extern.size for extern in wanted))
    texts = _configured([extern for extern in wanted if extern.name.startswith("CONFIG_")], extra)
    for extern in wanted:
        value = _value(spec, extern, texts)
        contents[extern.offset : extern.offset + extern.size] = value
    return bytes(contents)


def _configured(externs: list[ExternSpec], extra: str) -> Mapping[str, str]:
    """The text of each option that is set; the kernel's file is read only if it is needed."""
    names = {extern.name for extern in externs}
    found = find_values(extra.encode(), names) if extra else {}
    missing = names - found.keys()
    if missing:
        try:
            found |= find_values(read_config(), missing)
        except NotSupportedError as error:
            raise UnresolvedError(_words(min(missing)), str(error)) from error
    return found


def _value(spec: ObjectSpec, extern: ExternSpec, texts: Mapping[str, str]) -> bytes:
    """The bytes of one extern; zeros for a weak one that has no value."""
    if extern.name.startswith("CONFIG_"):
        if extern.name in texts:
            return _Encoder(spec, extern).text(texts[extern.name])
    elif extern.name in VIRTUAL:
        return _Encoder(spec, extern).number(VIRTUAL[extern.name]())
    elif not extern.name.startswith("LINUX_") or not extern.weak:
        known = ", ".join(VIRTUAL)
        raise UnresolvedError(
            _words(extern.name), f"neither a CONFIG_ option nor one of {known}; a weak LINUX_ name would be 0"
        )
    if not extern.weak:
        raise UnresolvedError(
            _words(extern.name), "not set in this kernel's configuration; a weak extern would be 0"
        )
    return bytes(extern.size)


def _words(name: str) -> str:
    return f"extern '{name}'"


class _Encoder:
    """Puts a value into the form that one extern is declared in. Raises UnresolvedError."""

    def __init__(self, spec: ObjectSpec, extern: ExternSpec) -> None:
        assert spec.btf is not None  # the reader refuses externs without BTF
        self._extern = extern
        self._btf: Btf = spec.btf
        self._type: BtfType = spec.btf.resolve(extern.type_id)

    def text(self, text: str) -> bytes:
        """A value as a configuration file writes it."""
        if text[:1] in ("y", "n", "m"):
            return self._tristate(text[0])
        if text.startswith('"'):
            return self._string(text)
        try:
            number = int(text, 0)
        except ValueError:
            raise self._error(f"its value '{text}' is neither y, n, m, a number nor a string") from None
        if self._is_bool:
            raise self._unfit(text, "an integer")
        return self.number(number)

    def number(self, number: int) -> bytes:
        """A number in an integer, char or bool."""
        if self._type.kind != Kind.INT:
            raise self._unfit(number, "an integer, char or bool")
        size, signed = self._extern.size, self._btf.signedness(self._type.id)
        low = -1 << (8 * size - 1) if signed else 0
        high = 1 if self._is_bool else (1 << (8 * size - bool(signed))) - 1
        # libbpf lets unsigned numbers of 64 bits wrap.
        if size < 8 and not low <= number <= high:
            raise self._error(f"its value {number} does not fit in {low}…{high}")
        return (number & ((1 << 8 * size) - 1)).to_bytes(size, sys.byteorder)

    def _tristate(self, letter: str) -> bytes:
        if self._type.kind in (Kind.ENUM, Kind.ENUM64):
            return _TRISTATE[letter].to_bytes(self._extern.size, sys.byteorder)
        if self._is_bool and letter != "m":
            return bytes([letter == "y"])
        if self._is_char:
            return letter.encode()
        wanted = "enum libbpf_tristate or char" if letter == "m" else "bool, enum libbpf_tristate or char"
        raise self._unfit(letter, wanted)

    def _string(self, text: str) -> bytes:
        """Without its quotes, cut to the array with a zero byte at the end."""
        if self._type.kind != Kind.ARRAY:
            raise self._unfit(text, "an array of char")
        if len(text) < 2 or not text.endswith('"'):
            raise self._error(f"its value {text} has no closing quote")
        size = self._extern.size
        return text[1:-1].encode()[: size - 1].ljust(size, b"\0")

    @property
    def _is_bool(self) -> bool:
        return self._type.kind == Kind.INT and bool(self._btf.integer(self._type)[0] & IntEncoding.BOOL)

    @property
    def _is_char(self) -> bool:
        return self._type.kind == Kind.INT and self._extern.size == 1 and not self._is_bool

    def _unfit(self, value: object, wanted: str) -> UnresolvedError:
        declared = self._btf.describe(self._type.id)
        return self._error(f"its value {value} wants {wanted}; it is declared as {declared}")

    def _error(self, problem: str) -> UnresolvedError:
        return UnresolvedError(_words(self._extern.name), problem)
