"""What it costs to get an object from its file into the kernel."""

from __future__ import annotations

from .job import SuiteJob
from .paired import Paired


def bench_load(paired: Paired, job: SuiteJob) -> None:
    """Load a simple XDP object."""
    path = job.objects["programs/xdp"]
    paired.run(
        "load",
        "Load a simple XDP object",
        operations=1,
        measure=lambda subject, loops: subject.measure("bench_load", path=str(path), rounds=loops).samples,
    )


def bench_load_core(paired: Paired, job: SuiteJob) -> None:
    """Load an object with CO-RE relocations."""
    path = job.objects["core/kinds"]
    paired.run(
        "load-core",
        "Load an object with 11 CO-RE relocations",
        operations=1,
        measure=lambda subject, loops: subject.measure("bench_load", path=str(path), rounds=loops).samples,
    )
