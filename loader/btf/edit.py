"""Changing BTF: a copy that records are overwritten in and appended to."""

from __future__ import annotations

from struct import error as StructError
from struct import pack, pack_into

from ..errors import BtfError
from ..lean import as_words
from . import Btf
from .records import HEADER_WORDS, Kind, SectionVariable, make_info


class BtfEdit:
    """A changeable copy of a piece of BTF; `finish` makes BTF of it again."""

    def __init__(self, btf: Btf) -> None:
        self.btf = btf
        self.words = bytearray(btf.words.tobytes())
        self.strings = bytearray(btf.strings)
        self._next_id = btf.end_id
        self._known: dict[str, int] = {}
        """Offsets of the strings that were asked for."""

    def add_string(self, text: str) -> int:
        """Offset of a string, added if it is not there yet."""
        at = self._known.get(text)
        if at is None:
            raw = text.encode() + b"\0"
            at = self.strings.find(b"\0" + raw) + 1
            if not at:
                at = len(self.strings)
                self.strings += raw
            self._known[text] = at
        return self.btf.first_string + at

    def append(self, name: str, info: int, size_or_type: int, *extra: int) -> int:
        """Add a record and return its id."""
        at = self.add_string(name) if name else 0
        self.words += pack(f"={HEADER_WORDS + len(extra)}I", at, info, size_or_type, *extra)
        self._next_id += 1
        return self._next_id - 1

    def set_name(self, type_id: int, name: str) -> None:
        """Give a type another name."""
        self._set(type_id, 0, self.add_string(name) if name else 0)

    def set_info(self, type_id: int, kind: int, vlen: int = 0, kflag: bool = False) -> None:
        """Change kind, element count and flag of a type; its length must stay the same."""
        self._set(type_id, 1, make_info(kind, vlen, kflag))

    def set_linkage(self, type_id: int, linkage: int) -> None:
        """Change the linkage of a VAR or FUNC."""
        if self.btf.type(type_id).kind == Kind.VAR:
            self.set_extra(type_id, 0, linkage)
        else:
            self.set_info(type_id, Kind.FUNC, linkage)

    def set_type(self, type_id: int, size_or_type: int) -> None:
        """Change what a type refers to, or its size."""
        self._set(type_id, 2, size_or_type)

    def set_extra(self, type_id: int, index: int, word: int) -> None:
        """Change one of the words that follow a record's first three."""
        self._set(type_id, HEADER_WORDS + index, word)

    def _set(self, type_id: int, index: int, word: int) -> None:
        """Overwrite one word of a record; BtfError for a number that BTF cannot hold."""
        self._set_from(type_id, index, [word])

    def _set_from(self, type_id: int, index: int, words: list[int]) -> None:
        at = 4 * (self.btf.word_offset(type_id) + index)
        try:
            pack_into(f"={len(words)}I", self.words, at, *words)
        except StructError:
            raise BtfError(f"{words} do not fit in the 32 bits each that BTF type {type_id} has") from None

    def set_section(self, type_id: int, size: int, variables: list[SectionVariable]) -> None:
        """Change size and entries of a DATASEC; the number of entries must stay the same."""
        self._set_from(type_id, 2, [size, *(number for variable in variables for number in variable)])

    def finish(self) -> Btf:
        """The changed BTF."""
        btf = self.btf
        return Btf(as_words(self.words), bytes(self.strings), btf.byte_order, btf.base, layout=btf.layout)
