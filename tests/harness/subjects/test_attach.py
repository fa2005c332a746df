"""Programs run and attached by every subject, seen by their effect."""

from __future__ import annotations

import os
import struct
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from bpflab.harness.subjects.client import ErrorClass, Subject, SubjectError, SubjectObject
from bpflab.harness.subjects.handles import Target

LOOPBACK = 1
FRAME = bytes(64)
ZERO = struct.pack("=I", 0)

SEND_UDP = "import socket; socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b'x', ('127.0.0.1', 9))"


InNetwork = Callable[[str], None]


def number(obj: SubjectObject, name: str) -> int:
    return int.from_bytes(obj.variable(name), sys.byteorder)


def refused(caught: pytest.ExceptionInfo[SubjectError]) -> tuple[ErrorClass, int]:
    return caught.value.cls, caught.value.errno


def test_test_run(loaded: SubjectObject) -> None:
    packet = bytes(range(64))
    run = loaded.test_run("pass", packet, repeat=5)
    assert run.retval == 2
    assert run.data_out == packet
    assert number(loaded, "count") == 5


def test_test_run_that_the_kernel_refuses(loaded: SubjectObject) -> None:
    with pytest.raises(SubjectError) as caught:
        loaded.test_run("pass", b"\0")
    assert refused(caught) == (ErrorClass.KERNEL, 22)


@pytest.mark.parametrize(
    ("program", "target"),
    [
        ("pass", {"kind": "xdp", "ifindex": LOOPBACK}),
        ("classify", {"kind": "tc", "ifindex": LOOPBACK, "direction": "ingress"}),
        ("classify", {"kind": "tc", "ifindex": LOOPBACK, "direction": "egress"}),
        ("filter", {"kind": "socket", "ifindex": LOOPBACK}),
    ],
)
def test_attached_programs_see_packets(
    in_network: InNetwork, loaded: SubjectObject, program: str, target: Target
) -> None:
    with loaded.attach(program, target):
        in_network(SEND_UDP)
        seen = number(loaded, "count")
        assert seen > 0
    in_network(SEND_UDP)
    assert number(loaded, "count") == seen


def test_cgroup_program_sees_packets_of_its_cgroup(in_network: InNetwork, loaded: SubjectObject) -> None:
    cgroup = _cgroup_mount() / f"bpflab-test-{os.getpid()}"
    cgroup.mkdir()
    try:
        with loaded.attach("egress", {"kind": "cgroup", "path": str(cgroup)}):
            in_network(SEND_UDP)
            assert number(loaded, "count") == 0
            joined = f"import os; open('{cgroup}/cgroup.procs', 'w').write(str(os.getpid())); {SEND_UDP}"
            in_network(joined)
            assert number(loaded, "count") == 1
    finally:
        cgroup.rmdir()


def _cgroup_mount() -> Path:
    mounts = (line.split() for line in Path("/proc/mounts").read_text().splitlines())
    return next(Path(fields[1]) for fields in mounts if fields[2] == "cgroup2")


def test_two_classifiers_share_a_qdisc(in_network: InNetwork, loaded: SubjectObject) -> None:
    first = loaded.attach("classify", {"kind": "tc", "ifindex": LOOPBACK, "direction": "ingress"})
    second = loaded.attach("classify", {"kind": "tc", "ifindex": LOOPBACK, "direction": "egress"})
    second.detach()
    in_network(SEND_UDP)
    assert number(loaded, "count") > 0
    first.detach()
    shown = "import subprocess; assert b'clsact' not in subprocess.check_output(['tc', 'qdisc', 'show'])"
    in_network(shown)


def test_targets_that_the_kernel_refuses(loaded: SubjectObject) -> None:
    targets: tuple[tuple[str, Target], ...] = (
        ("pass", {"kind": "xdp", "ifindex": 4242}),
        ("classify", {"kind": "tc", "ifindex": 4242, "direction": "ingress"}),
        ("filter", {"kind": "socket", "ifindex": 4242}),
        ("egress", {"kind": "cgroup", "path": "/nowhere"}),
    )
    for program, target in targets:
        with pytest.raises(SubjectError) as caught:
            loaded.attach(program, target)
        assert caught.value.cls is ErrorClass.KERNEL
        assert caught.value.errno > 0


def test_unknown_target_kind(loaded: SubjectObject) -> None:
    with pytest.raises(SubjectError) as caught:
        loaded.attach("pass", {"kind": "moon"})
    assert caught.value.cls is ErrorClass.UNSUPPORTED


def test_closing_an_object_detaches(subject: Subject, objects: Path) -> None:
    target: Target = {"kind": "xdp", "ifindex": LOOPBACK}
    for _ in range(2):
        # The second attachment succeeds because the first is gone.
        opened = subject.open(objects / "all.bpf.o")
        opened.load(["pass"])
        opened.attach("pass", target)
        opened.close()


def test_closing_an_object_closes_every_descriptor(subject: Subject, objects: Path) -> None:
    def descriptors() -> list[str]:
        return sorted(entry.name for entry in Path(f"/proc/{subject.pid}/fd").iterdir())

    def use() -> None:
        opened = subject.open(objects / "all.bpf.o")
        opened.load()
        opened.reader("ring")
        opened.reader("perf")
        opened.attach("pass", {"kind": "xdp", "ifindex": LOOPBACK})
        opened.attach("filter", {"kind": "socket", "ifindex": LOOPBACK})
        opened.attach("classify", {"kind": "tc", "ifindex": LOOPBACK, "direction": "egress"})
        opened.close()
        with subject.open(objects / "rejected.bpf.o") as rejected, pytest.raises(SubjectError):
            rejected.load()

    # What a loader opens once and keeps (the kernel's BTF, say) is open after the first round.
    use()
    before = descriptors()
    use()
    assert descriptors() == before
