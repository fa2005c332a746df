"""The kinds of CO-RE relocations, from linux/bpf.h."""

from __future__ import annotations

from ..lean import IntEnum


class RelocationKind(IntEnum):
    """enum bpf_core_relo_kind."""

    FIELD_BYTE_OFFSET = 0
    FIELD_BYTE_SIZE = 1
    FIELD_EXISTS = 2
    FIELD_SIGNED = 3
    FIELD_LSHIFT_U64 = 4
    FIELD_RSHIFT_U64 = 5
    TYPE_ID_LOCAL = 6
    TYPE_ID_TARGET = 7
    TYPE_EXISTS = 8
    TYPE_SIZE = 9
    ENUMVAL_EXISTS = 10
    ENUMVAL_VALUE = 11
    TYPE_MATCHES = 12

    @property
    def is_field(self) -> bool:
        """About a field of a struct or union."""
        return self <= RelocationKind.FIELD_RSHIFT_U64

    @property
    def is_enumerator(self) -> bool:
        """About an enumerator."""
        return self in (RelocationKind.ENUMVAL_EXISTS, RelocationKind.ENUMVAL_VALUE)

    @property
    def is_type(self) -> bool:
        """About a type as a whole."""
        return not self.is_field and not self.is_enumerator
