"""A live struct_ops map: a struct of callbacks that the kernel takes into use when it is attached."""

from __future__ import annotations

import errno
import os
from struct import Struct, pack

from .. import syscall
from ..enums import AttachType, MapFlags, ProgType
from ..errors import KernelError, NotSupportedError
from ..lean import TYPE_CHECKING
from ..links.link import FdLink, HasDescriptor, Link
from ..native import native
from ..syscall import Command
from .map import Map

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ..module_btf import ModuleBtfs
    from ..programs.program import Program
    from ..spec import MapSpec
    from ..struct_ops import KernelStruct

_KEY = bytes(4)
_ENOTSUPP = 524
_ASSOCIATION = Struct("=iiI")
"""Descriptors of map and program, flags."""


class StructOpsMap(Map):
    """Holds one struct, whose callbacks are programs. Attach it, or nothing happens."""

    _struct: KernelStruct
    _bytes: bytes

    @classmethod
    def from_struct(
        cls, spec: MapSpec, struct: KernelStruct, btf_fd: int | None, modules: ModuleBtfs
    ) -> StructOpsMap:
        """Create the map for a struct that was fitted to the kernel; `btf_fd` is the object's BTF.

        Raises KernelError, UnresolvedError.
        """
        module_fd, size = modules.fd(struct.module), len(struct.contents)
        flags = spec.flags | (MapFlags.VTYPE_BTF_OBJ_FD if module_fd else 0)

        def create() -> int:
            return syscall.map_create(
                spec.type,
                spec.key_size,
                size,
                spec.max_entries,
                flags,
                name=spec.name,
                btf_fd=btf_fd or 0,
                kernel_value_type_id=struct.value_type_id,
                value_type_btf_fd=module_fd,
            )

        try:
            try:
                fd = create()
            except KernelError as error:
                if error.errno != _ENOTSUPP:
                    raise
                _have_types_read()
                fd = create()
        except KernelError as error:
            action = f"creating map '{spec.name}' (STRUCT_OPS)"
            raise KernelError(action, error.errno, error.hint or _create_hint(flags)) from None
        made = cls(fd, spec.name, spec.type, spec.key_size, size, spec.max_entries, flags)
        made._struct = struct
        return made

    def set_programs(self, programs: Mapping[str, Program]) -> None:
        """Fix what will be attached: the struct with these programs in it."""
        self._bytes = self._struct.value(programs)

    def attach(self) -> Link:
        """Give the struct to its subsystem, by a bpf_link for ``.struct_ops.link`` (6.4).

        Such a link takes another map of that kind by `update`. Raises KernelError.
        """
        what = f"struct_ops map '{self.name}'"
        self.fill(f"attaching {what}")
        if not self.flags & MapFlags.LINK:
            return Link(what, lambda: self._unregister(what))
        fd = syscall.link_create(self.fd, 0, AttachType.STRUCT_OPS)
        if fd < 0:
            raise KernelError(f"attaching {what}", -fd, _hint(-fd))
        return StructOpsLink(what, fd)

    def fill(self, action: str) -> None:
        """Set the struct; without a link that registers it. Raises KernelError, `action` its words."""
        try:
            self.update_bytes(_KEY, self._bytes)
        except KernelError as error:
            # The struct cannot change once it is set, which it is after an earlier link.
            if not (self.flags & MapFlags.LINK and error.errno == errno.EBUSY):
                raise KernelError(action, error.errno, _hint(error.errno)) from None

    def associate(self, program: Program) -> None:
        """Let kernel functions that want a struct take this one when `program` calls them (7.0).

        For programs that are no callbacks of a struct themselves, which have theirs; each has
        one struct for good. Raises NotSupportedError, KernelError.
        """
        attr = _ASSOCIATION.pack(self.fd, program.fd, 0)
        result = native.bpf(Command.PROG_ASSOC_STRUCT_OPS, bytearray(attr))
        is_callback = program.type == ProgType.STRUCT_OPS
        if result == -errno.EINVAL and not is_callback:
            raise NotSupportedError("associating a program with a struct", "7.0")
        if result < 0:
            hint = "callbacks have their own struct" if is_callback else ""
            if result == -errno.EBUSY:
                hint = "it has another struct already"
            raise KernelError(f"associating program '{program.name}' with '{self.name}'", -result, hint)

    def _unregister(self, what: str) -> None:
        if not self.delete_bytes(_KEY):
            raise KernelError(f"detaching {what}", errno.ENOENT)


class StructOpsLink(FdLink):
    """A struct that its subsystem uses."""

    def update(self, new: HasDescriptor, *, expected: HasDescriptor | None = None) -> None:
        """Put another struct_ops map in its place (6.4), as far as its subsystem can.

        TCP wants it to be of the same name. Raises KernelError.
        """
        if isinstance(new, StructOpsMap):
            new.fill(f"updating {self.what} to '{new.name}'")
        super().update(new, expected=expected)


def _have_types_read() -> None:
    """Make the kernel read its own types: older ones (5.10) do so with the first program after boot only.

    Until then they know no struct to make a map of.
    """
    return_zero = pack("=BBhiBBhi", 0xB7, 0, 0, 0, 0x95, 0, 0, 0)
    fd = syscall.prog_load(ProgType.SOCKET_FILTER, return_zero, b"GPL\0")
    if fd >= 0:
        os.close(fd)


def _create_hint(flags: int) -> str:
    if flags & MapFlags.VTYPE_BTF_OBJ_FD:
        return "structs of modules need 6.9"
    return "sections .struct_ops.link need 6.4" if flags & MapFlags.LINK else "struct_ops need 5.6"


def _hint(number: int) -> str:
    if number == errno.EEXIST:
        return "one of that name is registered already"
    if number == errno.EOPNOTSUPP:
        return "its subsystem takes none"
    if number == errno.EINVAL:
        return "its subsystem refused it: is a callback missing that it must have?"
    return ""
