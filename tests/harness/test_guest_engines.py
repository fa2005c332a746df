"""Jobs in real guests. Under TCG a guest of virtme-ng takes about ten seconds, so there are few of them."""

from __future__ import annotations

import hashlib
import json
import os
import platform
import pwd
import re
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import bpflab
import pytest
from bpflab.harness.guest import make_engine
from bpflab.harness.guest.engine import MODULES, End, EndKind, Engine, GuestSetupError, Job, Limit, Limits
from bpflab.kernels.kernel import Kernel
from bpflab.kernels.progress import Silent
from bpflab.kernels.store import host_kernel, resolve

GUESTS = ("snapshot", "virtme-ng")
PREAMBLE = """\
import json, os, sys, time

def say(what):
    with open(os.environ["BPFLAB_STREAM"], "a") as stream:
        stream.write(json.dumps(what) + "\\n")

"""


@pytest.fixture(scope="module")
def kernel() -> Kernel:
    return resolve(["6.1"], "generic", Silent())[0]


@pytest.fixture(params=GUESTS)
def engine(request: pytest.FixtureRequest) -> Iterator[Engine]:
    before = set(children())
    yield make_engine(request.param)
    assert set(children()) <= before, "a guest's process was left behind"


@pytest.fixture
def snapshot() -> Iterator[Engine]:
    before = set(children())
    yield make_engine("snapshot")
    assert set(children()) <= before, "a guest's process was left behind"


def job(code: str, *args: str, **files: bytes) -> Job:
    """A job that runs `code`, in which ``say(anything)`` writes a line."""
    return Job("probe", args, {"probe.py": (PREAMBLE + code).encode(), **files})


def run(
    engine: Engine,
    kernel: Kernel,
    what: Job,
    limits: Limits | None = None,
    on_said: Callable[[object], None] = lambda said: None,
) -> tuple[End, list[object]]:
    """How a guest ended and what it said."""
    said: list[object] = []

    def on_line(line: str) -> None:
        said.append(json.loads(line))
        on_said(said[-1])

    return engine.run(kernel, what, limits or Limits(), on_line), said


def children(of: int | None = None) -> list[int]:
    """The processes below one (this one)."""
    parents = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                fields = (entry / "stat").read_text(errors="replace").rpartition(")")[2].split()
            except OSError:
                continue
            if fields[0] != "Z":
                parents[int(entry.name)] = int(fields[1])
    found = [os.getpid() if of is None else of]
    for pid in found:
        found += [child for child, parent in parents.items() if parent == pid]
    return found[1:]


def qemu() -> int:
    """The QEMU that runs below this process."""
    names = {pid: Path(f"/proc/{pid}/comm").read_text() for pid in children()}
    (found,) = [pid for pid, name in names.items() if name.startswith("qemu-system")]
    return found


PROMISES = """
def mounted(kind):
    return [line.split()[1] for line in open("/proc/mounts") if line.split()[2] == kind]

import socket, bpflab, pytest
say({
    "args": sys.argv[1:], "uid": os.getuid(), "release": os.uname().release,
    "directory": sorted(name for name in os.listdir(".") if name != "__pycache__"),
    "input": open("input.txt").read(), "payload": open(sys.argv[1]).read(),
    "environment": sorted(os.environ), "guest": os.environ["BPFLAB_GUEST"],
    "executable": sys.executable, "package": bpflab.__path__[0],
    "bpf": mounted("bpf"), "cgroup2": mounted("cgroup2"), "tracefs": mounted("tracefs"),
    "config": "CONFIG_BPF_SYSCALL=y" in open("/boot/config-" + os.uname().release).read().splitlines(),
    "modules": sorted(name for name in MODULES
                      if os.path.exists("/sys/module/" + name)),
})
with socket.create_server(("127.0.0.1", 0)) as server:
    socket.create_connection(server.getsockname()).close()
open("/tmp/writable", "w").close()
print("seen on the console")
say("done")
sys.exit(7)
"""


def test_a_job_finds_what_it_was_promised(engine: Engine, kernel: Kernel, tmp_path: Path) -> None:
    payload = tmp_path / "deep" / "payload.txt"
    payload.parent.mkdir()
    payload.write_text("payload")
    what = job(PROMISES.replace("MODULES", repr(MODULES)), str(payload), "b c", **{"input.txt": b"input"})
    end, said = run(engine, kernel, Job(what.module, what.args, what.files, (payload,)))
    assert (end.kind, end.phase, end.exit_code, end.reason) == (EndKind.FINISHED, "run", 7, "")
    assert said[1:] == ["done"]
    facts = said[0]
    assert isinstance(facts, dict)
    assert facts["args"] == [str(payload), "b c"]
    assert (facts["uid"], facts["release"], facts["guest"]) == (0, kernel.release, engine.name)
    assert facts["directory"] == ["input.txt", "probe.py"]
    assert (facts["input"], facts["payload"]) == ("input", "payload")
    assert facts["environment"] == ["BPFLAB_GUEST", "BPFLAB_STREAM", "HOME", "LANG", "PATH"]
    assert facts["executable"] == sys.executable
    assert Path(facts["package"]) == Path(bpflab.__file__).parent
    assert "/sys/fs/bpf" in facts["bpf"]
    assert "/sys/fs/cgroup" in facts["cgroup2"]
    assert "/sys/kernel/tracing" in facts["tracefs"]
    assert facts["modules"] == sorted(MODULES)
    assert facts["config"] is True
    assert "seen on the console" in end.console
    assert (end.accelerator, end.boot_s > 0, end.cpu_s > 0) == ("tcg", True, True)
    assert not Path("/tmp/writable").exists(), "the host stays as it was"


def test_what_was_said_before_a_panic_arrives(engine: Engine, kernel: Kernel) -> None:
    code = 'say("before")\nopen("/proc/sysrq-trigger", "w").write("c")\nsay("after")\n'
    end, said = run(engine, kernel, job(code))
    assert said == ["before"]
    assert (end.kind, end.phase, end.exit_code) == (EndKind.CRASHED, "run", None)
    assert end.reason == "Kernel panic - not syncing: sysrq triggered crash"
    assert "sysrq_handle_crash" in end.console


def test_a_guest_whose_qemu_is_killed_is_lost(engine: Engine, kernel: Kernel) -> None:
    owners: list[int] = []

    def kill(said: object) -> None:
        owners.append(Path(f"/proc/{qemu()}").stat().st_uid)
        os.kill(qemu(), signal.SIGKILL)

    end, said = run(engine, kernel, job('say("here")\ntime.sleep(1000)\n'), on_said=kill)
    assert said == ["here"]
    assert (end.kind, end.phase) == (EndKind.LOST, "run")
    if engine.name == "snapshot" and os.geteuid() == 0:
        assert owners == [pwd.getpwnam("nobody").pw_uid], "QEMU needs no privileges"


def test_a_job_that_says_nothing_more_times_out(engine: Engine, kernel: Kernel) -> None:
    limits = Limits(silence=Limit(cpu_s=1, wall_s=120))
    end, said = run(engine, kernel, job('say("here")\nwhile True: pass\n'), limits)
    assert said == ["here"]
    assert (end.kind, end.phase) == (EndKind.TIMED_OUT, "run")
    assert end.reason == "no line within 1 s of CPU time"
    shared = re.search(r"--rwdir (\S+)", end.command)
    if shared:
        commands = [path.read_bytes() for path in Path("/proc").glob("[0-9]*/cmdline") if readable(path)]
        assert not any(shared[1].encode() in command for command in commands), "grandchildren end, too"


def readable(path: Path) -> bool:
    try:
        path.read_bytes()
    except OSError:
        return False
    return True


def test_a_sleeping_job_times_out_by_the_clock(snapshot: Engine, kernel: Kernel) -> None:
    limits = Limits(silence=Limit(cpu_s=60, wall_s=1))
    end, _ = run(snapshot, kernel, job('say("here")\ntime.sleep(1000)\n'), limits)
    assert (end.kind, end.reason) == (EndKind.TIMED_OUT, "no line within 1 s")


def test_a_job_that_raises_ends_like_any_python(snapshot: Engine, kernel: Kernel) -> None:
    end, _ = run(snapshot, kernel, job('say("here")\nraise LookupError("a reason")\n'))
    assert (end.kind, end.exit_code) == (EndKind.FINISHED, 1)
    assert "LookupError: a reason" in end.console


def test_a_job_killed_by_a_signal_says_which(snapshot: Engine, kernel: Kernel) -> None:
    end, _ = run(snapshot, kernel, job('say("here")\nos.kill(os.getpid(), 11)\n'))
    assert (end.kind, end.exit_code) == (EndKind.FINISHED, -11)


def test_restored_guests_start_in_the_same_state(snapshot: Engine, kernel: Kernel) -> None:
    # Python draws the seed of its hashes when it starts, which was before the snapshot.
    code = 'say([hash("seed"), os.path.exists("/tmp/mark"), time.time()])\nopen("/tmp/mark", "w").close()\n'
    first_end, first = run(snapshot, kernel, job(code))
    second_end, second = run(snapshot, kernel, job(code))
    assert first_end.command == second_end.command, "bpflab's files changed in between"
    (one, another) = (first[0], second[0])
    assert isinstance(one, list) and isinstance(another, list)
    assert one[:2] == another[:2]
    assert one[1] is False
    assert abs(another[2] - time.time()) < 60, "but the clock is right"


def test_large_files_and_many_lines_pass_the_serial_port_whole(snapshot: Engine, kernel: Kernel) -> None:
    # Random bytes, or they would shrink to nothing on the way.
    content = os.urandom(20_000)
    code = """
import hashlib
say(hashlib.sha256(open("large", "rb").read()).hexdigest())
for number in range(3000):
    say([number, "\\u00fc\\r\\n" + "x" * 200])
"""
    end, said = run(snapshot, kernel, job(code, large=content))
    assert end.kind is EndKind.FINISHED
    assert said[0] == hashlib.sha256(content).hexdigest()
    assert said[1:] == [[number, "ü\r\n" + "x" * 200] for number in range(3000)]


def test_a_guest_that_does_not_come_up_times_out_in_its_boot(
    snapshot: Engine, kernel: Kernel, tmp_path: Path
) -> None:
    payload = tmp_path / "new"
    payload.write_text(str(time.time()))
    what = job('say("here")\n')
    what = Job(what.module, what.args, what.files, (payload,))
    end, said = run(snapshot, kernel, what, Limits(boot=Limit(cpu_s=0.2, wall_s=60)))
    assert (end.kind, end.phase, said) == (EndKind.TIMED_OUT, "boot", [])
    end, said = run(snapshot, kernel, what)
    assert (end.kind, said) == (EndKind.FINISHED, ["here"]), "the failure is not remembered"


def test_stop_ends_a_guest_from_another_thread(snapshot: Engine, kernel: Kernel) -> None:
    def stop(said: object) -> None:
        threading.Thread(target=snapshot.stop).start()

    end, said = run(snapshot, kernel, job('say("here")\ntime.sleep(1000)\n'), on_said=stop)
    assert (end.kind, end.reason, said) == (EndKind.LOST, "bpflab was told to stop", ["here"])


def test_an_error_in_the_callback_leaves_nothing_behind(snapshot: Engine, kernel: Kernel) -> None:
    def interrupt(said: object) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(snapshot, kernel, job('say("here")\ntime.sleep(1000)\n'), on_said=interrupt)


def test_a_payload_that_does_not_exist_is_named(snapshot: Engine, kernel: Kernel, tmp_path: Path) -> None:
    with pytest.raises(GuestSetupError, match="missing: no such file"):
        run(snapshot, kernel, Job("timeit", payload=(tmp_path / "missing",)))


def test_qemu_that_refuses_to_start_is_quoted(
    snapshot: Engine, kernel: Kernel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bpflab.harness.guest.machine._MEMORY_MIB", 1 << 30)
    with pytest.raises(GuestSetupError, match=r"(?s)QEMU started no guest.*memory"):
        run(snapshot, kernel, job("pass\n"))


@pytest.mark.skipif(os.geteuid() != 0, reason="the host engine needs root: EPERM from unshare(2) without")
def test_the_host_engine_runs_a_job_in_namespaces_of_its_own() -> None:
    code = """
say([os.uname().release, os.readlink("/proc/self/ns/net"), os.readlink("/proc/self/ns/mnt")])
say(os.path.exists("/sys/fs/bpf") and os.environ["BPFLAB_GUEST"])
os.makedirs("/sys/fs/bpf/left-behind")
sys.exit(3)
"""
    before = set(children())
    end, said = run(make_engine("host"), host_kernel(), job(code))
    assert (end.kind, end.exit_code, end.accelerator) == (EndKind.FINISHED, 3, "none")
    assert isinstance(said[0], list)
    release, net, mnt = said[0]
    assert (release, said[1]) == (platform.release(), "host")
    assert net != str(Path("/proc/self/ns/net").readlink())
    assert mnt != str(Path("/proc/self/ns/mnt").readlink())
    assert not Path("/sys/fs/bpf/left-behind").exists()
    assert set(children()) <= before


def test_the_host_engine_asks_for_root_with_a_command(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    monkeypatch.setattr(sys, "argv", ["/usr/bin/bpflab", "run", "a file.o"])
    with pytest.raises(GuestSetupError, match=r"sudo /usr/bin/bpflab run 'a file\.o'"):
        run(make_engine("host"), host_kernel(), job("pass\n"))


def test_the_host_engine_runs_no_other_kernel(kernel: Kernel) -> None:
    with pytest.raises(GuestSetupError, match="host's kernel only"):
        run(make_engine("host"), kernel, job("pass\n"))
