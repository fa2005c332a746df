"""What an object is loaded for: the types of the running kernel, read when they are first needed."""

from __future__ import annotations

from .lean import TYPE_CHECKING
from .module_btf import ModuleBtfs

if TYPE_CHECKING:
    from typing import Self

    from .btf.kernel import KernelBtf


class Target:
    """`relocation` is for CO-RE, `running` for what no other BTF can stand in for: attach targets, externs.

    `modules` has the descriptors of modules' BTF, until `close`.
    """

    def __init__(self, override: KernelBtf | None = None) -> None:
        """`override` takes the place of the running kernel's types in CO-RE relocations."""
        self._override = override
        self._running: KernelBtf | None = None
        self.modules = ModuleBtfs()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Give up all descriptors, and write the index of BTF that was read without one."""
        self.modules.close()
        for kernel in filter(None, (self._override, self._running)):
            kernel.save_index()

    @property
    def running(self) -> KernelBtf:
        """Raises NotSupportedError, BtfError."""
        if self._running is None:
            from .btf.kernel import KernelBtf  # here, as many objects need nothing of it

            self._running = KernelBtf.running()
        return self._running

    @property
    def relocation(self) -> KernelBtf:
        """Raises NotSupportedError, BtfError."""
        return self._override or self.running
