"""A program at a hook that no bpf_link holds: BPF_PROG_ATTACH and BPF_PROG_DETACH."""

from __future__ import annotations

import errno
import os
from typing import TYPE_CHECKING

from .. import syscall
from ..errors import KernelError
from .anchor import ANYWHERE, REPLACE, Anchor, anchor_hint
from .link import Link

if TYPE_CHECKING:
    from ..programs.program import Program
    from .link import HasDescriptor

ALONE = 0
"""For `update_flags`: the hook has one program, and attaching another replaces it."""


class HookAttachment(Link):
    """It stays attached until it is detached, or what it is attached to goes; also when the process ends.

    It holds descriptors of the program and of what it is attached to, to name them again.
    """

    def __init__(
        self, program: Program, target: int, hook: int, what: str, update_flags: int | None = None
    ) -> None:
        """Of a program that is attached to `target`, a descriptor or a device's index.

        `update_flags` are those with which another program takes its place, None if none can.
        """
        super().__init__(what, self._end)
        self._hook, self._update_flags = hook, update_flags
        self._target, self._program = target, os.dup(program.fd)

    def update(self, new: HasDescriptor, *, expected: HasDescriptor | None = None) -> None:
        """Put another program in its place without a gap.

        At hooks of many programs that is the place of `expected`, by default of what was attached here;
        the others cannot expect one. Raises KernelError, NotSupportedError.
        """
        flags = self._update_flags
        if flags is None or (expected and not flags & REPLACE):
            return super().update(new, expected=expected)
        replaced = (expected.fd if expected else self._program) if flags & REPLACE else 0
        error = syscall.prog_attach(self._target, new.fd, self._hook, flags, replace_fd=replaced)
        if error:
            raise KernelError(f"updating {self.what} to '{new.name}'", -error, anchor_hint(-error))
        os.close(self._program)
        self._program = os.dup(new.fd)
        return None

    def _end(self) -> None:
        try:
            syscall.prog_detach(self._target, self._program, self._hook, self.what)
        except KernelError as error:
            if error.errno != errno.ENODEV:  # the device has gone, and the program with it
                raise
        finally:
            os.close(self._program)
            self._release()

    def _release(self) -> None:
        """Give up what it is attached to."""


class FileAttachment(HookAttachment):
    """The same to a control group, a map or a device file: it holds a descriptor of it."""

    def __init__(
        self, program: Program, target: int, hook: int, what: str, update_flags: int | None = None
    ) -> None:
        """Of a program that is attached to the descriptor `target`, which stays the caller's."""
        super().__init__(program, os.dup(target), hook, what, update_flags)

    def _release(self) -> None:
        os.close(self._target)


def attach_to_hook(
    program: Program, target: int, hook: int, *, flags: int = 0, place: Anchor = ANYWHERE, revision: int = 0
) -> int:
    """BPF_PROG_ATTACH in a place; 0 or -errno."""
    flags |= place.flags
    replaced, relative = (place.number, 0) if flags & REPLACE else (0, place.number)
    return syscall.prog_attach(
        target, program.fd, hook, flags, replace_fd=replaced, relative=relative, revision=revision
    )
