"""What it costs to get an object from its file into the kernel, and a program to where it runs."""

from __future__ import annotations

import os
from typing import Any

import pytest

from .job import SuiteJob
from .network import Veth
from .paired import Everywhere, Paired, Restarted

NO_INDEX = {"XDG_CACHE_HOME": os.devnull}
"""Below a device no directory can be made."""

PURE = {"BPFLAB_NATIVE": "0"}


def measure_load(paired: Paired, job: SuiteJob, name: str, title: str, **options: Any) -> None:
    """Time the way of an object of the corpus into the kernel."""
    path = str(job.objects[name])
    paired.run(
        title,
        operations=1,
        measure=lambda subject, loops: (
            subject.measure("bench_load", path=path, rounds=loops, **options).samples
        ),
    )


def bench_xdp(paired: Paired, job: SuiteJob) -> None:
    """A small object."""
    measure_load(paired, job, "programs/xdp", "Load a simple XDP object")


def bench_xdp_pure(restarted: Restarted, job: SuiteJob) -> None:
    """The same without the native module."""
    measure_load(restarted(PURE), job, "programs/xdp", "Load a simple XDP object, without the native module")


def bench_open(paired: Paired, job: SuiteJob) -> None:
    """Only reading the file."""
    measure_load(paired, job, "programs/xdp", "Open a simple XDP object", open_only=True)


def bench_core(paired: Paired, job: SuiteJob) -> None:
    """The kernel's types are known to the process."""
    measure_load(paired, job, "bench/core", "Load 20 CO-RE relocations, types known to the process")


def bench_core_disk(paired: Paired, job: SuiteJob) -> None:
    """The kernel's types are found through an index on disk."""
    measure_load(paired, job, "bench/core", "Load 20 CO-RE relocations, index on disk", cold=True)


def bench_core_first(restarted: Restarted, job: SuiteJob) -> None:
    """The kernel's types are looked for one by one."""
    title = "Load 20 CO-RE relocations, no index"
    measure_load(restarted(NO_INDEX), job, "bench/core", title, cold=True)


def bench_core_pure(restarted: Restarted, job: SuiteJob) -> None:
    """The same without the native module."""
    title = "Load 20 CO-RE relocations, no index and no native module"
    measure_load(restarted(NO_INDEX | PURE), job, "bench/core", title, cold=True)


def bench_core_pure_disk(restarted: Restarted, job: SuiteJob) -> None:
    """What a user without a C compiler has, but for the first time."""
    title = "Load 20 CO-RE relocations, index on disk, no native module"
    measure_load(restarted(PURE), job, "bench/core", title, cold=True)


def bench_large(paired: Paired, job: SuiteJob) -> None:
    """Sixty programs and thirty maps."""
    measure_load(paired, job, "bench/large", "Load 60 programs and 30 maps")


@pytest.mark.lanes("host", "guest")
def bench_attach(paired: Paired, everywhere: Everywhere, veth: Veth) -> None:
    """Devices wait for one another (RCU), so this is no matter of instructions."""
    loaded, target = everywhere("programs/xdp"), {"kind": "xdp", "ifindex": veth.near.ifindex}
    paired.run(
        "Attach an XDP program and detach it",
        operations=1,
        measure=lambda subject, loops: (
            loaded[subject].measure("bench_attach", program="sort", target=target, rounds=loops).samples
        ),
    )
