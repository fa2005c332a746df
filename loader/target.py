"""What an object is loaded for: the types of the running kernel, read when they are first needed."""

from __future__ import annotations

from functools import cached_property

from .btf.kernel import KernelBtf


class Target:
    """`relocation` is for CO-RE, `running` for attach targets, which no other BTF can stand in for."""

    def __init__(self, override: KernelBtf | None = None) -> None:
        """`override` takes the place of the running kernel's types in CO-RE relocations."""
        self._override = override

    @cached_property
    def running(self) -> KernelBtf:
        """Raises NotSupportedError, BtfError."""
        return KernelBtf.running()

    @property
    def relocation(self) -> KernelBtf:
        """Raises NotSupportedError, BtfError."""
        return self._override or self.running
