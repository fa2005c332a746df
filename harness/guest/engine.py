"""The guest interface: a kernel and a job in, lines and an end out.

An engine boots a throw-away guest of a kernel, runs one job in it and passes
on every line that the job writes to its stream, as it is written. What a job
is about (checks, subjects, objects) is no concern of an engine.

The contract that a job can rely on in every engine:

- it runs as ``python -m MODULE ARGS…`` (its ``main(ARGS)``), as root, in a
  working directory of its own that holds `Job.files`;
- every path of the host in `Job.payload`, and the Python that runs bpflab with
  everything importable there, is visible at the same absolute path, read-only;
- ``BPFLAB_STREAM`` names the file to append lines to; ``BPFLAB_GUEST`` is the
  engine's name; the rest of the environment is ``PATH``, ``HOME`` and ``LANG``;
- /proc, /sys, bpffs on /sys/fs/bpf, tracefs on /sys/kernel/tracing, a cgroup2
  hierarchy, a writable /tmp, and the loopback interface up;
- the modules in `MODULES` that the kernel ships as modules are loaded (on the
  host's kernel, by the kernel itself when they are first needed);
- the kernel's configuration is /boot/config-RELEASE (on the host's kernel, if it is there);
- what it and its children write to stdout and stderr ends up on the console.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Protocol

from ...kernels.kernel import Kernel

MODULES = ("veth", "dummy", "cls_bpf", "sch_ingress", "crc32c_generic", "nf_conntrack")
"""Kernel modules that checks may ask for, where a kernel has them as modules.

Until 6.14 nf_conntrack asks for crc32c_generic by its algorithm, which no list of dependencies shows.
"""


class EndKind(StrEnum):
    """How a guest ended."""

    FINISHED = "finished"
    """The job's last line arrived."""
    CRASHED = "crashed"
    """The kernel panicked or oopsed."""
    TIMED_OUT = "timed out"
    """Nothing came within the limit of the phase."""
    LOST = "lost"
    """The guest is gone, without a panic and without the last line."""


@dataclass(frozen=True)
class Limit:
    """CPU seconds of the guest (where it can be told, as under TCG) and wall seconds.

    The wall limit is generous: on a loaded machine 4 CPU seconds of boot take 29 s.
    """

    cpu_s: float
    wall_s: float


@dataclass(frozen=True)
class Limits:
    """`boot` runs until the job's first line, `silence` from each line to the next."""

    boot: Limit = Limit(120, 300)
    silence: Limit = Limit(60, 180)


@dataclass(frozen=True)
class Job:
    """``python -m module args`` in a guest. `files` (name → content) lie in its working directory."""

    module: str
    args: tuple[str, ...] = ()
    files: Mapping[str, bytes] = field(default_factory=dict)
    payload: tuple[Path, ...] = ()


@dataclass(frozen=True)
class End:
    """How a guest ended, in which phase ('boot' or 'run'), and what it took.

    `command` is the exact shell line that starts this guest by hand; `console`
    the end of its console (untrusted); `exit_code` the job's own, if it finished.
    """

    kind: EndKind
    phase: str
    reason: str
    command: str
    console: str
    accelerator: str
    boot_s: float
    run_s: float
    cpu_s: float
    exit_code: int | None = None
    notes: tuple[str, ...] = ()


class Engine(Protocol):
    """Boots guests. Safe to use from several threads at once."""

    name: str

    def run(self, kernel: Kernel, job: Job, limits: Limits, on_line: Callable[[str], None]) -> End:
        """Run a job in a fresh guest; `on_line` gets each line without its newline.

        Never leaves a process behind, whatever is raised, KeyboardInterrupt
        included. Raises `GuestSetupError` if no guest can be started at all.
        """
        ...

    def stop(self) -> None:
        """End every guest, from any thread: each `run` returns soon, with `EndKind.LOST`.

        Guests live in process groups of their own, so a terminal's Ctrl-C does not
        reach them: who catches it has to call this. The engine starts no guest after it.
        """
        ...


class GuestSetupError(Exception):
    """This machine cannot start such a guest; says what is missing and what to do (exit code 69)."""
