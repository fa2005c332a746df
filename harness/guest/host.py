"""The host's own kernel as a guest: no isolation but a network and a mount namespace."""

from __future__ import annotations

import os
import shlex
import shutil
import sys
import tempfile
import threading
from collections.abc import Callable
from pathlib import Path

from ...kernels.kernel import Kernel
from .agent import Order, encode_files
from .console import Console
from .engine import End, GuestSetupError, Job, Limits
from .process import GuestProcess
from .stream import new_token
from .supervise import Descriptor, GrowingFile, Supervisor


class HostEngine:
    """Runs jobs on the running kernel, as root. A job that brings the kernel down brings the host down."""

    name = "host"

    def __init__(self) -> None:
        self._stopped = threading.Event()

    def stop(self) -> None:
        """See `Engine.stop`."""
        self._stopped.set()

    def run(self, kernel: Kernel, job: Job, limits: Limits, on_line: Callable[[str], None]) -> End:
        """See `Engine.run`."""
        if not kernel.is_host:
            raise GuestSetupError(
                f"the engine 'host' runs the host's kernel only, not {kernel.label}: choose another engine"
            )
        if os.geteuid() != 0:
            raise GuestSetupError(
                f"the engine 'host' needs root for BPF and namespaces. Run:\n  {_sudo_command()}"
            )
        unshare = shutil.which("unshare")
        if unshare is None:
            raise GuestSetupError("the engine 'host' needs the program 'unshare' (package util-linux)")
        with tempfile.TemporaryDirectory(prefix="bpflab-") as directory:
            return self._run(unshare, Path(directory), job, limits, on_line)

    def _run(
        self, unshare: str, directory: Path, job: Job, limits: Limits, on_line: Callable[[str], None]
    ) -> End:
        order = Order(
            engine=self.name,
            directory=str(directory / "job"),
            stream=str(directory / "stream"),
            token=new_token(),
            module=job.module,
            args=job.args,
            files=encode_files(job.files),
            # /sys belongs to a network namespace, and brings what is mounted below it with it.
            fresh=("sysfs",),
        )
        (directory / "order").write_bytes(order.encode())
        (directory / "stream").touch()
        command = [unshare, "--net", "--mount", "--"]
        command += [sys.executable, "-m", "bpflab.harness.guest.agent", "run", str(directory / "order")]
        reading, writing = os.pipe()
        console = Console()
        try:
            with GuestProcess(command, writing, directory=directory) as process:
                watched = Supervisor(
                    process=process,
                    stream=GrowingFile(directory / "stream"),
                    console_feed=Descriptor(reading),
                    console=console,
                    token=order.token,
                    limits=limits,
                    stopped=self._stopped,
                    on_line=on_line,
                    crashes=False,
                ).watch()
        finally:
            os.close(reading)
            os.close(writing)
        return watched.end(command, console, "none", ("in a network and a mount namespace of its own",))


def _sudo_command() -> str:
    program = sys.argv[0] if not sys.argv[0].endswith("__main__.py") else f"{sys.executable} -m bpflab"
    return f"sudo {program} {shlex.join(sys.argv[1:])}".strip()
