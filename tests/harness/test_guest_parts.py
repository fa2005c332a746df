"""The parts of the guest engines that need no guest."""

from __future__ import annotations

import gzip
import lzma
import os
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest
from bpflab.harness.guest import ENGINES, make_engine, qemu, supervise
from bpflab.harness.guest.accelerator import Accelerator
from bpflab.harness.guest.agent import Order, encode_files
from bpflab.harness.guest.console import KEPT_BYTES, Console, crash_line
from bpflab.harness.guest.engine import GuestSetupError, Job, Limits
from bpflab.harness.guest.modules import load_order, write_modules
from bpflab.harness.guest.process import GuestProcess
from bpflab.harness.guest.python_base import package_files, python_files, shared_libraries
from bpflab.harness.guest.qemu_guest import GuestMachine
from bpflab.harness.guest.shared_files import choose, parse_version
from bpflab.harness.guest.stream import LineSplitter
from bpflab.harness.guest.virtme import hidden_directories
from bpflab.kernels.kernel import Kernel
from bpflab.kernels.store import host_kernel
from bpflab.kernels.version import KernelVersion

PANIC = """\
[    4.1] sysrq: Trigger a crash
[    4.123456] Kernel panic - not syncing: sysrq triggered crash
[    4.2] CPU: 0 PID: 1 Comm: python
"""
OOPS = """\
[   12.000001] BUG: kernel NULL pointer dereference, address: 0000000000000008
[   12.000002] Oops: 0002 [#1] PREEMPT SMP NOPTI
[   12.000003] Kernel panic - not syncing: Fatal exception
"""


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (PANIC, "Kernel panic - not syncing: sysrq triggered crash"),
        (OOPS, "BUG: kernel NULL pointer dereference, address: 0000000000000008"),
        (
            "[   41.5] watchdog: BUG: soft lockup - CPU#0 stuck for 41s! [python:1]",
            "watchdog: BUG: soft lockup - CPU#0 stuck for 41s! [python:1]",
        ),
        (
            "<3>[  242.1][   T30] INFO: task python:77 blocked for more than 120 seconds.",
            "INFO: task python:77 blocked for more than 120 seconds.",
        ),
        ("[    1.0] reboot: Power down\nno debug: nothing to see\n", ""),
    ],
    ids=["panic", "oops", "soft lock-up", "hung task", "none"],
)
def test_the_first_line_of_trouble_is_the_reason(text: str, expected: str) -> None:
    assert crash_line(text) == expected


def test_a_console_keeps_its_end_and_loses_escape_sequences() -> None:
    console = Console()
    console.feed(b"the beginning\r\n" + b"." * KEPT_BYTES)
    console.feed(b"\x1b[31mthe end\x1b[0m\r\n\xff")
    assert "the beginning" not in console.text
    assert console.text.endswith("the end\n\N{REPLACEMENT CHARACTER}")


def test_lines_arrive_whole_however_they_are_cut() -> None:
    lines: list[str] = []
    splitter = LineSplitter("token", lines.append)
    for byte in b'one\n{"two": 2}\n\ntoken\ntoken 12\nnever\n':
        splitter.feed(bytes([byte]))
    assert (lines, splitter.exit_code) == (["one", '{"two": 2}', "token"], 12)


def test_only_the_token_of_this_guest_ends_its_stream() -> None:
    lines: list[str] = []
    splitter = LineSplitter("token", lines.append)
    splitter.feed(b"other 0\nunfinished")
    assert (lines, splitter.exit_code) == (["other 0"], None)
    splitter.feed(b"\ntoken -9\n")
    assert (lines, splitter.exit_code) == (["other 0", "unfinished"], -9)


def test_an_order_survives_its_journey() -> None:
    order = Order("snapshot", "/d", "/s", "t", "m", ("a", "ü"), encode_files({"f": b"\0\xff"}), now=1.5)
    assert Order.decode(order.encode()) == order


def test_the_parts_of_a_command_say_their_own_arguments() -> None:
    parts: list[qemu.Part] = [
        qemu.Machine("tcg", 512),
        qemu.LinuxKernel("vmlinux", "initrd", "quiet -- x"),
        qemu.Incoming(),
    ]
    command = qemu.command("qemu", parts)
    assert command[0] == "qemu"
    assert command[command.index("-accel") + 1] == "tcg,thread=single"
    assert command[command.index("-append") + 1] == "quiet -- x"
    assert command[-2:] == ["-incoming", "defer"]


def test_only_a_machine_that_counts_instructions_has_their_clock() -> None:
    timed = GuestMachine("qemu", Accelerator("tcg", ""), 512, Path("vmlinux"), Path("initramfs"), "quiet")
    assert "-icount" not in timed.by_hand()
    counted = replace(timed, count_instructions=True).by_hand()
    assert counted[counted.index("-icount") + 1] == "shift=0,sleep=off"
    assert counted[counted.index("-rtc") + 1].endswith("clock=vm") and "-seed" in counted


def test_kvm_is_used_without_the_options_of_tcg() -> None:
    arguments = qemu.Machine("kvm", 1024).arguments()
    assert arguments[arguments.index("-accel") + 1] == "kvm"
    assert arguments[arguments.index("-m") + 1] == "1024"


def test_serial_ports_and_monitor_are_inherited_sockets() -> None:
    port = qemu.SerialPort("stream", 7).arguments()
    assert port == ["-chardev", "socket,id=stream,fd=7", "-serial", "chardev:stream"]
    assert "socket,id=qmp,fd=9" in qemu.Monitor(9).arguments()


def test_the_console_is_an_inherited_pipe() -> None:
    output = qemu.SerialOutput("console", 8).arguments()
    assert output == ["-chardev", "file,id=console,path=/proc/self/fd/8", "-serial", "chardev:console"]


def test_modules_come_after_what_they_need() -> None:
    dependencies = {
        "kernel/net/sched/act-x.ko": ["kernel/b.ko.xz", "kernel/a.ko"],
        "kernel/a.ko": ["kernel/b.ko.xz"],
        "kernel/b.ko.xz": [],
        "kernel/other.ko": [],
    }
    order = load_order(dependencies, ["act_x", "built_in"])
    assert order == ["kernel/b.ko.xz", "kernel/a.ko", "kernel/net/sched/act-x.ko"]


def test_modules_are_written_unpacked_and_in_load_order(tmp_path: Path) -> None:
    home, out = tmp_path / "modules", tmp_path / "out"
    home.mkdir()
    out.mkdir()
    (home / "veth.ko.xz").write_bytes(lzma.compress(b"veth"))
    (home / "base.ko.gz").write_bytes(gzip.compress(b"base"))
    (home / "modules.dep").write_text("veth.ko.xz: base.ko.gz\nbase.ko.gz:\n")
    write_modules(home, ["veth"], out)
    assert [(path.name, path.read_bytes()) for path in sorted(out.iterdir())] == [
        ("00-base.ko", b"base"),
        ("01-veth.ko", b"veth"),
    ]


def test_modules_that_another_wishes_for_come_before_it(tmp_path: Path) -> None:
    home, out = tmp_path / "modules", tmp_path / "out"
    home.mkdir()
    out.mkdir()
    for name in ("lib-crc", "crc_fast", "crc_plain"):
        (home / f"{name}.ko").write_text(name)
    (home / "modules.dep").write_text("lib-crc.ko:\ncrc_fast.ko:\ncrc_plain.ko:\n")
    (home / "modules.softdep").write_text("# Soft\nsoftdep lib_crc pre: crc built_in post: other\n")
    (home / "modules.alias").write_text(
        "# Aliases\nalias pci:v1d* x\nalias crc crc_fast\nalias crc crc_plain\n"
    )
    write_modules(home, ["lib_crc"], out)
    assert [path.name for path in sorted(out.iterdir())] == [
        "00-crc_fast.ko",
        "01-crc_plain.ko",
        "02-lib-crc.ko",
    ]


def test_a_broken_module_is_named(tmp_path: Path) -> None:
    (tmp_path / "veth.ko.xz").write_bytes(b"no xz at all")
    (tmp_path / "modules.dep").write_text("veth.ko.xz:\n")
    with pytest.raises(GuestSetupError, match=r"veth\.ko\.xz cannot be unpacked"):
        write_modules(tmp_path, ["veth"], tmp_path)


def test_modules_without_an_index_are_an_error_that_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(GuestSetupError, match="run depmod"):
        write_modules(tmp_path, ["veth"], tmp_path)


def made_up_kernel(directory: Path, config: str, with_modules: bool = True) -> Kernel:
    settings = directory / "config"
    settings.write_text(config)
    image = directory / "vmlinuz"
    version = KernelVersion.parse("6.1.1")
    modules = directory if with_modules else None
    return Kernel("6.1", "6.1.1-made-up", version, "generic", "", directory, image, settings, modules)


NINE_P = "CONFIG_NET_9P=m\nCONFIG_NET_9P_VIRTIO=m\nCONFIG_9P_FS=m\n"
VIRTIOFS = "CONFIG_FUSE_FS=m\nCONFIG_VIRTIO_FS=m\n"


def test_virtiofs_is_preferred_where_kernel_and_host_have_it(tmp_path: Path) -> None:
    kernel = made_up_kernel(tmp_path, NINE_P + VIRTIOFS)
    assert choose(kernel, Path("/usr/libexec/virtiofsd")) == "virtiofs"
    assert choose(kernel, None) == "9p"
    assert choose(made_up_kernel(tmp_path, NINE_P), Path("/usr/libexec/virtiofsd")) == "9p"


def test_a_kernel_without_9p_needs_virtiofsd(tmp_path: Path) -> None:
    kernel = made_up_kernel(tmp_path, "# CONFIG_NET_9P is not set\n" + VIRTIOFS)
    with pytest.raises(GuestSetupError, match=r"(?s)has no 9p.*virtiofsd 1\.7"):
        choose(kernel, None)


def test_a_kernel_whose_modules_are_gone_cannot_share_files(tmp_path: Path) -> None:
    kernel = made_up_kernel(tmp_path, NINE_P + VIRTIOFS, with_modules=False)
    with pytest.raises(GuestSetupError, match="modules are not at hand"):
        choose(kernel, Path("/usr/libexec/virtiofsd"))


@pytest.mark.parametrize(
    ("shown", "version"),
    [
        ("virtiofsd 1.13.2\n", (1, 13)),
        ("virtiofsd backend 1.7.0\n", (1, 7)),
        ("virtiofsd version 7.2.22 (Debian 1:7.2)\n", None),
        ("", None),
    ],
)
def test_only_the_virtiofsd_of_its_own_project_counts(shown: str, version: tuple[int, int] | None) -> None:
    assert parse_version(shown) == version


def test_paths_that_virtme_covers_are_shared_by_themselves() -> None:
    hidden = hidden_directories(
        [Path("/var/cache/x/one.o"), Path("/var/cache/x/two.o"), Path("/usr/lib/three.o")]
    )
    assert [path for path in hidden if path.is_relative_to("/var/cache")] == [Path("/var/cache/x")]
    assert Path("/usr/lib") not in hidden


def test_the_python_for_a_guest_is_complete() -> None:
    files = python_files()
    names = {path.name for path in files}
    assert Path(sys.executable) in files
    assert {"runpy.py", "_cffi_backend.so", "terminalwriter.py"} & names >= {"runpy.py", "terminalwriter.py"}
    assert any(name.startswith("_ctypes.") for name in names)
    assert any(name.startswith("libc.so") for name in names), "shared libraries belong to it"
    assert not any("__pycache__" in path.parts or "idlelib" in path.parts for path in files)


def test_bpflab_goes_into_a_guest_without_its_tests() -> None:
    files = package_files()
    agent = next(path for path in files if path.parts[-3:] == ("harness", "guest", "agent.py"))
    assert not any(path.is_relative_to(agent.parents[2] / "tests") for path in files)


def test_a_program_without_libraries_has_none(tmp_path: Path) -> None:
    script = tmp_path / "script"
    script.write_text("#!/bin/sh\n")
    assert shared_libraries([script]) == []


def test_the_whole_process_group_ends() -> None:
    reading, writing = os.pipe()
    script = "sleep 1000 & echo $!; wait"
    with GuestProcess(["sh", "-c", script], writing) as process:
        child = int(os.read(reading, 100))
        assert Path(f"/proc/{child}").exists()
    assert process.exit_code == -9
    assert state_of(child) in ("Z", "gone")
    os.close(reading)
    os.close(writing)


def test_cpu_time_counts_children_and_stays_known_after_the_end() -> None:
    script = "import subprocess, sys; subprocess.run([sys.executable, '-c', 'while True: pass'])"
    with GuestProcess([sys.executable, "-c", script], subprocess.DEVNULL) as process:
        deadline = time.monotonic() + 20
        while process.cpu_seconds() < 0.3:
            assert time.monotonic() < deadline
            time.sleep(0.05)
    assert process.cpu_seconds() >= 0.3


def state_of(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return "gone"


def test_a_growing_file_gives_each_byte_once(tmp_path: Path) -> None:
    path = tmp_path / "stream"
    path.write_bytes(b"one")
    feed = supervise.GrowingFile(path)
    assert (feed.read(), feed.read()) == (b"one", b"")
    with path.open("ab") as file:
        file.write(b"two")
    assert feed.read() == b"two"


def test_an_unknown_engine_is_refused_with_the_known_ones() -> None:
    with pytest.raises(GuestSetupError, match="virtme-ng, snapshot, host"):
        make_engine("bochs")


@pytest.mark.parametrize("name", ["virtme-ng", "snapshot"])
def test_the_hosts_kernel_needs_the_host_engine(name: str) -> None:
    with pytest.raises(GuestSetupError, match="'host'"):
        make_engine(name).run(host_kernel(), Job("timeit"), Limits(), print)


@pytest.mark.parametrize("name", ["virtme-ng", "snapshot"])
def test_without_qemu_there_is_a_command_that_helps(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kernel = made_up_kernel(tmp_path, NINE_P)
    engine = make_engine(name)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(GuestSetupError, match=r"apt-get install .*qemu-system-x86"):
        engine.run(kernel, Job("timeit"), Limits(), print)


def test_every_engine_can_be_made() -> None:
    assert [make_engine(name).name for name in ENGINES] == list(ENGINES)
