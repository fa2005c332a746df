"""An engine that lets no kernel into a guest before it has come up once by itself."""

from __future__ import annotations

from collections.abc import Callable

from ...kernels.errors import KernelsError
from ...kernels.kernel import Kernel
from ...kernels.smoke import smoke_boot
from .engine import End, Engine, GuestSetupError, Job, Limits


class SmokeBooted:
    """Hands jobs on to another engine after a smoke boot, whose success is remembered with the kernel.

    A kernel that does not come up costs its own results, and no other kernel's.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self.name = engine.name

    def stop(self) -> None:
        """See `Engine.stop`."""
        self._engine.stop()

    def run(self, kernel: Kernel, job: Job, limits: Limits, on_line: Callable[[str], None]) -> End:
        """See `Engine.run`."""
        try:
            smoke_boot(kernel)
        except KernelsError as error:
            raise GuestSetupError(f"{kernel.release} did not pass its first boot: {error}") from error
        return self._engine.run(kernel, job, limits, on_line)
