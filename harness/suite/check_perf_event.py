"""Perf events: programs that run each time a counter has counted so far."""

from __future__ import annotations

import time
from mmap import PAGESIZE, mmap

import pytest

from ...loader import ObjectSpec
from ...loader.links.perf_event import SoftwareEvent
from ..subjects.errors import ErrorClass, SubjectError
from ..subjects.handles import Target
from .fixtures import Fork, Open
from .job import SuiteJob
from .numbers import u32, unsigned

SOFTWARE, HARDWARE = 1, 0
PAGES = 64


def touch_pages() -> str:
    """An action of a child: it writes to new pages, each of which is a fault."""
    with mmap(-1, PAGES * PAGESIZE) as memory:
        memory.madvise(15)  # MADV_NOHUGEPAGE
        for page in range(PAGES):
            memory[page * PAGESIZE] = 1
    return ""


def compute() -> str:
    """An action of a child: it uses the processor for a while."""
    end = time.process_time() + 0.3
    while time.process_time() < end:
        pass
    return ""


def software(event: SoftwareEvent, **more: int) -> Target:
    """A software event as a target."""
    return {"kind": "perf_event", "type": SOFTWARE, "config": int(event), **more}


@pytest.mark.obj("probes/perf_event")
@pytest.mark.parametrize("period", [1, 16])
def check_period(loaded: Open, fork: Fork, period: int) -> None:
    """A program runs on each n-th event of one thread, and is told n."""
    child, other = fork(touch_pages), fork(touch_pages)
    obj = loaded("probes/perf_event", target_pid=u32(child.pid))
    event = SoftwareEvent.PAGE_FAULTS
    link = obj.attach("on_sample", software(event, period=period, pid=child.pid))
    other.go()
    child.go()
    link.detach()
    calls = unsigned(obj.variable("calls"))
    # The child has other faults too, of code and data that it shares with its parent until then.
    assert PAGES // period <= calls <= 20 * PAGES // period
    assert unsigned(obj.variable("period")) == period
    assert unsigned(obj.variable("others")) == 0


@pytest.mark.obj("probes/perf_event")
def check_frequency(loaded: Open, fork: Fork) -> None:
    """A clock's program runs as often as is asked for, on the CPU that it is asked for."""
    child = fork(compute)
    obj = loaded("probes/perf_event", target_pid=u32(child.pid))
    link = obj.attach("on_sample", software(SoftwareEvent.CPU_CLOCK, frequency=100, cpu=0))
    child.go()
    link.detach()
    seen = unsigned(obj.variable("calls")) + unsigned(obj.variable("others"))
    assert seen >= 1


@pytest.mark.obj("probes/perf_event")
@pytest.mark.needs("attach_cookies")
def check_cookie(opened: Open, fork: Fork) -> None:
    """A program reads the cookie of its attachment."""
    child = fork(touch_pages)
    obj = opened("probes/perf_event")
    obj.load(["with_cookie"])
    target = software(SoftwareEvent.PAGE_FAULTS, period=1, pid=child.pid, cookie=1 << 40 | 7)
    obj.attach("with_cookie", target)
    child.go()
    assert unsigned(obj.variable("calls")) >= PAGES
    assert unsigned(obj.variable("cookie")) == 1 << 40 | 7


@pytest.mark.obj("probes/perf_event")
@pytest.mark.reference_only
def check_every_cpu(job: SuiteJob, fork: Fork) -> None:
    """Without a thread and a CPU, a program is attached on every CPU; a child is seen on whichever."""
    child = fork(compute)
    spec = ObjectSpec.from_file(job.objects["probes/perf_event"])
    spec.variables["target_pid"].value = child.pid
    with spec.load() as obj:
        program = obj.programs["on_sample"]
        with program.attach_perf_event(SoftwareEvent.CPU_CLOCK, frequency=500):
            child.go()
        calls = obj.variables["calls"].value
        assert calls
        compute()
        assert obj.variables["calls"].value == calls


@pytest.mark.obj("probes/perf_event")
def check_missing_counter(loaded: Open) -> None:
    """A counter that no machine has is refused."""
    obj = loaded("probes/perf_event")
    with pytest.raises(SubjectError) as refused:
        obj.attach("on_sample", {"kind": "perf_event", "type": HARDWARE, "config": 99, "period": 1, "pid": 0})
    assert refused.value.cls == ErrorClass.KERNEL
