"""Structs of callbacks that the kernel takes from an object: congestion controls, and its own for tests."""

from __future__ import annotations

import errno
import socket
import time
from pathlib import Path

import pytest

from ...loader.errors import KernelError
from ...loader.maps.struct_ops import StructOpsMap
from ...loader.spec import ObjectSpec
from ..subjects.errors import ErrorClass
from ..subjects.handles import SubjectObject
from .fixtures import Fork, Open, Refused, each_object
from .job import SuiteJob
from .network import bring_up, frame
from .numbers import u32, unsigned

SCHEDULER = Path("/sys/kernel/sched_ext")
AVAILABLE = Path("/proc/sys/net/ipv4/tcp_available_congestion_control")


@pytest.mark.obj("struct_ops/congestion")
def check_congestion_control(obj: SubjectObject) -> None:
    """TCP calls the callbacks of a congestion control of ours, as long as it is attached."""
    assert "bpflab" not in _available()
    link = obj.attach_map("control")
    assert "bpflab" in _available()
    _transfer("bpflab")
    assert unsigned(obj.variable("inits")) >= 1
    assert unsigned(obj.variable("avoided")) >= 1
    assert unsigned(obj.variable("acked")) >= 1
    assert unsigned(obj.variable("window")) >= 2
    link.detach()
    assert "bpflab" not in _available()


@pytest.mark.obj("struct_ops/newer")
def check_newer_struct(obj: SubjectObject) -> None:
    """Members that this kernel lacks are left out if they are empty."""
    obj.attach_map("control")
    _transfer("bpflab_newer")


@pytest.mark.obj("struct_ops/link")
@pytest.mark.needs("struct_ops_links")
def check_struct_ops_links(obj: SubjectObject) -> None:
    """Two structs share their programs; each is attached by a link of its own."""
    first, second = obj.attach_map("first"), obj.attach_map("second")
    assert {"bpflab_first", "bpflab_second"} <= _available()
    first.detach()
    _transfer("bpflab_second")
    assert "bpflab_first" not in _available()
    second.detach()
    assert "bpflab_second" not in _available()


@pytest.mark.obj("struct_ops/link")
@pytest.mark.needs("struct_ops_association")
@pytest.mark.reference_only
def check_association(job: SuiteJob) -> None:
    """A program that is no callback is told which struct the kernel functions are about that it calls."""
    spec = ObjectSpec.from_file(job.objects["struct_ops/link"])
    with spec.load(programs=list(spec.programs)) as obj:
        first, second, program = obj.maps["first"], obj.maps["second"], obj.programs["outsider"]
        assert isinstance(first, StructOpsMap) and isinstance(second, StructOpsMap)
        first.associate(program)
        first.associate(program)
        with pytest.raises(KernelError, match="it has another struct already") as refusal:
            second.associate(program)
        assert refusal.value.errno == errno.EBUSY
        with pytest.raises(KernelError, match="callbacks have their own struct"):
            first.associate(obj.programs["keep_window"])


@pytest.mark.obj("struct_ops/update")
@pytest.mark.needs("struct_ops_links")
def check_link_update(obj: SubjectObject) -> None:
    """A struct takes the place of another of its name; connections in use change over."""
    link = obj.attach_map("first")
    _transfer("bpflab_update")
    before = unsigned(obj.variable("old_calls"))
    assert before >= 1
    assert unsigned(obj.variable("new_calls")) == 0
    obj.update_link_map(link, "second")
    _transfer("bpflab_update")
    assert unsigned(obj.variable("old_calls")) == before
    assert unsigned(obj.variable("new_calls")) >= 1
    link.detach()
    assert "bpflab_update" not in _available()


@pytest.mark.obj("struct_ops/scheduler")
@pytest.mark.needs("sched_ext")
def check_scheduler(loaded: Open, fork: Fork) -> None:
    """A scheduler of ours gives tasks the CPU as long as it is attached."""

    def sleep_often() -> str:
        for _ in range(20):
            time.sleep(0.001)
        return ""

    child, later = fork(sleep_often), fork(sleep_often)
    obj = loaded("struct_ops/scheduler", target_pid=u32(child.pid))
    link = obj.attach_map("scheduler")
    assert (SCHEDULER / "state").read_text().strip() == "enabled"
    assert (SCHEDULER / "root/ops").read_text().strip().startswith("bpflab")
    child.go()
    assert unsigned(obj.variable("of_target")) >= 1
    link.detach()
    assert (SCHEDULER / "state").read_text().strip() == "disabled"
    before = unsigned(obj.variable("enqueued"))
    later.go()
    assert unsigned(obj.variable("enqueued")) == before


@pytest.mark.obj("struct_ops/kfunc")
@pytest.mark.needs("kernel_functions_for_congestion_control")
def check_struct_ops_kernel_functions(obj: SubjectObject) -> None:
    """Callbacks call functions of the kernel."""
    obj.attach_map("control")
    _transfer("bpflab_reno")
    assert unsigned(obj.variable("avoided")) >= 1


@pytest.mark.obj("struct_ops/dummy")
@pytest.mark.needs("bpf_dummy_ops")
def check_struct_ops_test_run(obj: SubjectObject) -> None:
    """A callback runs on request."""
    assert obj.test_run("count", ctx=bytes(8)).retval == 23
    assert unsigned(obj.variable("runs")) == 1


@pytest.mark.obj("struct_ops/optional")
def check_optional_struct(opened: Open) -> None:
    """A struct in ?.struct_ops is not created, and its programs are not loaded."""
    obj = opened("struct_ops/optional")
    assert set(obj.load()) == {"other"}
    assert obj.test_run("other", frame()).retval == 3


@each_object("struct_ops", "unknown", "newer_callback", "newer_value")
def check_unknown_struct(name: str, refused: Refused) -> None:
    """A struct, or something in it, that the kernel has no place for is refused."""
    assert refused(name).cls == ErrorClass.RELOCATION


def _available() -> set[str]:
    return set(AVAILABLE.read_text().split())


def _transfer(congestion_control: str) -> None:
    """Send bytes over a TCP connection that uses a congestion control."""
    bring_up("lo")
    with socket.create_server(("127.0.0.1", 0)) as server, socket.socket() as client:
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_CONGESTION, congestion_control.encode())
        client.settimeout(5)
        client.connect(server.getsockname())
        with server.accept()[0] as accepted:
            accepted.settimeout(5)
            for _ in range(4):
                client.sendall(bytes(1000))
                received = 0
                while received < 1000:
                    received += len(accepted.recv(1000))
