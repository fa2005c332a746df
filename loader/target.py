"""What an object is loaded for: the types of the running kernel, read when they are first needed."""

from __future__ import annotations

from functools import cached_property
from typing import Self

from .btf.kernel import KernelBtf
from .module_btf import ModuleBtfs


class Target:
    """`relocation` is for CO-RE, `running` for what no other BTF can stand in for: attach targets, externs.

    `modules` has the descriptors of modules' BTF; they are closed at the end of the ``with``.
    """

    def __init__(self, override: KernelBtf | None = None) -> None:
        """`override` takes the place of the running kernel's types in CO-RE relocations."""
        self._override = override
        self.modules = ModuleBtfs()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.modules.close()

    @cached_property
    def running(self) -> KernelBtf:
        """Raises NotSupportedError, BtfError."""
        return KernelBtf.running()

    @property
    def relocation(self) -> KernelBtf:
        """Raises NotSupportedError, BtfError."""
        return self._override or self.running
