"""What can go wrong in the loader, each as a type of its own.

Every error is one helpful line as text and keeps the parts as attributes.
"""

from __future__ import annotations

import errno as errno_names
import os

from .lean import TYPE_CHECKING

if TYPE_CHECKING:
    from .programs.source_line import SourceLine


class BpflabError(Exception):
    """Base of every error that the loader raises on purpose."""


class ObjectError(BpflabError):
    """An object file is malformed, or holds something that cannot be supported.

    `file` is the name of the object, `section` the section it is about (empty for
    the file as a whole), `problem` what is wrong with it.
    """

    def __init__(self, file: str, section: str, problem: str) -> None:
        self.file = file
        self.section = section
        self.problem = problem
        super().__init__(f"{file}: section '{section}': {problem}" if section else f"{file}: {problem}")


class BtfError(BpflabError):
    """BTF or BTF.ext data is malformed, or does not hold what was looked for."""


class RelocationError(BpflabError):
    """A CO-RE relocation or an extern cannot be resolved against the target.

    `program` is the program (or subprogram), `insn` the index of the instruction in
    its linked stream, `access` the user's words for what is accessed, for example
    ``struct task_struct.pid (0:5)``.
    """

    def __init__(self, program: str, insn: int, access: str, problem: str) -> None:
        self.program = program
        self.insn = insn
        self.access = access
        self.problem = problem
        super().__init__(f"program '{program}': instruction {insn}: {access}: {problem}")


class UnresolvedError(BpflabError):
    """The running kernel lacks what an object names, or has it in another form.

    `what` is that in the user's words (``extern 'CONFIG_HZ'``), `problem` what is wrong with it.
    """

    def __init__(self, what: str, problem: str) -> None:
        self.what = what
        self.problem = problem
        super().__init__(f"{what}: {problem}")


class KernelError(BpflabError):
    """A system call was refused: `action` in words, `errno`, and a `hint` what to do (may be empty)."""

    def __init__(self, action: str, errno: int, hint: str = "") -> None:
        self.action = action
        self.errno = errno
        self.hint = hint
        text = f"{action}: {errno_name(errno)} ({os.strerror(errno)})"
        super().__init__(f"{text}; {hint}" if hint else text)


class VerifierError(KernelError):
    """The kernel refused a program: `program`, `errno` and the verifier's full `log`.

    `source` is the line of C that it was at, if the object tells and the log does. The text
    shows that, and the last lines of the log that say something.
    """

    def __init__(self, program: str, errno: int, log: str, source: SourceLine | None = None) -> None:
        self.program = program
        self.log = log
        self.source = source
        where = f" (in {source}: {source.text})" if source else ""
        super().__init__(f"program '{program}' refused by the kernel", errno, verdict_lines(log) + where)


class NotSupportedError(BpflabError):
    """The running kernel lacks a feature; `minimum` is the kernel version or option that brings it."""

    def __init__(self, feature: str, minimum: str) -> None:
        self.feature = feature
        self.minimum = minimum
        super().__init__(f"{feature} is not supported by this kernel (needs {minimum})")


def errno_name(number: int) -> str:
    """``EINVAL`` for 22; the bare number where it has no name."""
    return errno_names.errorcode.get(number, str(number))


def verdict_lines(log: str, count: int = 3) -> str:
    """The last `count` lines of a verifier log that carry the verdict, joined by `` | ``.

    The statistics that the kernel writes after the verdict are left out.
    """
    statistics = ("processed ", "verification time ", "stack depth ", "peak_states ", "mark_read ")
    lines = [line.strip() for line in log.splitlines()]
    telling = [line for line in lines if line and not line.startswith(statistics)]
    return " | ".join(telling[-count:])


class TargetError(BpflabError):
    """Nothing says where to attach a program, or what it is for: a target must be given."""


class MissingFeatureError(BpflabError):
    """This loader (not the kernel) cannot do what an object or a caller asks for."""


class ElementError(BpflabError, ValueError):
    """A key or value does not fit: it has the wrong size, type or range."""
