"""The program inside a guest: makes the guest what a job may rely on, and runs the job.

Three ways in, all as ``python -m bpflab.harness.guest.agent``:

``run ORDER`` (virtme-ng, host) runs the job that a file describes and appends the
exit line to the stream. ``serve`` (snapshot) is the first process of a guest that
has nothing else: it sets everything up, imports what the job will import, says that
it is ready, and waits on the second serial port for an order. A snapshot taken
there starts every job with Python warm. ``obey ORDER`` (icount) is that first process, too,
but finds its order in a file: nothing from outside reaches the guest, which so does the same
every time.

It runs on every kernel, as root, with only the standard library.
"""

from __future__ import annotations

import base64
import ctypes
import fcntl
import json
import os
import runpy
import signal
import socket
import struct
import sys
import termios
import time
import traceback
import tty
import warnings
import zlib
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

STREAM_PORT = Path("/dev/ttyS1")
ORDER_PORT = Path("/dev/ttyS2")
READY = "ready"
"""The token of the exit line with which a serving agent says that it waits for an order."""
CHUNK = 2048
"""Bytes of an order that may be under way: half of what a terminal's input buffer holds
(N_TTY_BUF_SIZE is 4096; what comes when it is full may be lost)."""
ACKNOWLEDGED = b"."
MODULE_DIRECTORY = Path("/bpflab-modules")
"""Where a serving agent finds its kernel modules."""

_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_SIOCGIFFLAGS, _SIOCSIFFLAGS, _IFF_UP = 0x8913, 0x8914, 0x1
_FINIT_MODULE = {"x86_64": 313, "aarch64": 273}
_FILE_SYSTEMS = (
    ("proc", "/proc"),
    ("sysfs", "/sys"),
    ("devtmpfs", "/dev"),
    ("devpts", "/dev/pts"),
    ("tmpfs", "/dev/shm"),
    ("tracefs", "/sys/kernel/tracing"),
    ("bpf", "/sys/fs/bpf"),
    ("cgroup2", "/sys/fs/cgroup"),
)


@dataclass(frozen=True)
class Order:
    """A job as its guest gets it. `files` are in base64; `modules` is a directory, `config` a file.

    `fresh` names file systems to mount anew even where there is one: those of the
    host belong to the host. `now` is the time of day in seconds, for a guest whose
    clock stands at the moment of its snapshot; 0 leaves the clock alone. `environment`
    is set besides what every job has.
    """

    engine: str
    directory: str
    stream: str
    token: str
    module: str
    args: tuple[str, ...] = ()
    files: Mapping[str, str] = field(default_factory=dict)
    modules: str = ""
    config: str = ""
    fresh: tuple[str, ...] = ()
    now: float = 0.0
    environment: Mapping[str, str] = field(default_factory=dict)

    def encode(self) -> bytes:
        """As it goes over a wire or into a file."""
        return zlib.compress(json.dumps(asdict(self)).encode())

    @classmethod
    def decode(cls, data: bytes) -> Order:
        """What `encode` made."""
        fields = json.loads(zlib.decompress(data))
        for name in ("args", "fresh"):
            fields[name] = tuple(fields[name])
        return cls(**fields)


def encode_files(files: Mapping[str, bytes]) -> dict[str, str]:
    """A job's files for `Order.files`."""
    return {name: base64.b64encode(content).decode() for name, content in files.items()}


def main(args: list[str]) -> None:
    """Run one of the ways in."""
    match args:
        case ["run", path]:
            order = Order.decode(Path(path).read_bytes())
            mount_all(order.fresh)
            bring_up_loopback()
            if order.modules:
                load_modules(Path(order.modules))
            if order.config:
                show_config(Path(order.config))
            code = run_job(order)
            with Path(order.stream).open("ab") as stream:
                stream.write(exit_line(order.token, code))
        case ["serve", *warm_up]:
            serve(warm_up)
        case ["obey", path]:
            obey(Path(path))
        case _:
            sys.exit("usage: agent run ORDER | agent serve MODULE… | agent obey ORDER")


def exit_line(token: str, code: int) -> bytes:
    """The line that ends a stream. It begins a line whatever was written before it."""
    return f"\n{token} {code}\n".encode()


# Preparing the guest


def mount_all(fresh: tuple[str, ...] = ()) -> None:
    """Mount what a job may rely on, where it is not mounted yet."""
    libc = ctypes.CDLL(None, use_errno=True)
    for kind, target in _FILE_SYSTEMS:
        if kind not in fresh and _is_mounted(kind, target):
            continue
        with suppress(OSError):
            Path(target).mkdir(parents=True, exist_ok=True)
        if libc.mount(kind.encode(), target.encode(), kind.encode(), 0, None) != 0:
            # Not every host has every one; a job that needs it will say so with more to tell.
            reason = os.strerror(ctypes.get_errno())
            print(f"bpflab: cannot mount {kind} on {target}: {reason}", file=sys.stderr)
    with suppress(OSError):
        Path("/tmp").mkdir(mode=0o1777, exist_ok=True)


def _is_mounted(kind: str, target: str) -> bool:
    # /proc/mounts also lists what a later mount hides, so it is not asked alone.
    if not os.path.ismount(target):
        return False
    mounts = (line.split() for line in Path("/proc/mounts").read_text().splitlines())
    kinds = [fields[2] for fields in mounts if fields[1] == target]
    return bool(kinds) and kinds[-1] == kind


def bring_up_loopback() -> None:
    """``ip link set lo up``, without needing ip."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
        name = b"lo".ljust(16, b"\0")
        reply = fcntl.ioctl(control, _SIOCGIFFLAGS, name + bytes(24))
        (flags,) = struct.unpack_from("h", reply, 16)
        fcntl.ioctl(control, _SIOCSIFFLAGS, name + struct.pack("h", flags | _IFF_UP) + bytes(22))


def load_modules(directory: Path) -> None:
    """Load every module of a directory; sorting their names gives the order."""
    libc = ctypes.CDLL(None, use_errno=True)
    number = _FINIT_MODULE[os.uname().machine]
    for module in sorted(directory.glob("*.ko")):
        fd = os.open(module, os.O_RDONLY | os.O_CLOEXEC)
        if libc.syscall(number, fd, b"", 0) != 0:
            print(f"bpflab: cannot load {module.name}: {os.strerror(ctypes.get_errno())}", file=sys.stderr)
        os.close(fd)


def show_config(config: Path) -> None:
    """Let the kernel's configuration be found at its usual place, in a /boot of the guest's own."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.mount(b"tmpfs", b"/boot", b"tmpfs", 0, None) != 0:
        reason = os.strerror(ctypes.get_errno())
        print(f"bpflab: cannot cover /boot with the guest's own: {reason}", file=sys.stderr)
        return
    Path(f"/boot/config-{os.uname().release}").symlink_to(config)


# Running a job


def run_job(order: Order) -> int:
    """Run the job in a child and return its exit code, negative for a signal.

    The child is a fork, not a new interpreter: starting one costs a second under
    TCG, and this one may be warm. It does not return from here: whatever the job
    raises ends the child as it would end ``python -m``.
    """
    directory = Path(order.directory)
    directory.mkdir(parents=True, exist_ok=True)
    for name, content in order.files.items():
        (directory / name).write_bytes(base64.b64decode(content))
    sys.stdout.flush()
    sys.stderr.flush()
    job = os.fork()
    if job == 0:
        _become(order)
    while True:
        # As the first process of a guest, this one also gets other processes' orphans to reap.
        child, status = os.wait()
        if child == job:
            return os.waitstatus_to_exitcode(status)


def _become(order: Order) -> None:
    os.chdir(order.directory)
    os.dup2(os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC), 0)
    os.environ.clear()
    os.environ.update(
        PATH=_PATH,
        HOME=order.directory,
        LANG="C.UTF-8",
        BPFLAB_STREAM=order.stream,
        BPFLAB_GUEST=order.engine,
        **order.environment,
    )
    sys.argv = [order.module, *order.args]
    sys.path[0] = order.directory
    # The warm-up has imported the module, which runpy finds worth a warning.
    warnings.filterwarnings("ignore", category=RuntimeWarning, module="runpy")
    runpy.run_module(order.module, run_name="__main__", alter_sys=True)
    sys.exit(0)


# Being the first process


def serve(warm_up: list[str]) -> None:
    """Be the first process of a guest: prepare, wait for an order, run it. Never returns in it."""
    _prepare()
    for name in warm_up:
        _import_for_later(name)
    stream, orders = _open_port(STREAM_PORT), _open_port(ORDER_PORT)
    os.write(stream, exit_line(READY, 0))
    order = Order.decode(_receive(orders))
    if order.now:
        time.clock_settime(time.CLOCK_REALTIME, order.now)
    _finish(order, stream)


def obey(path: Path) -> None:
    """Be the first process of a guest: prepare, run the order in a file. Never returns in it."""
    _prepare()
    _finish(Order.decode(path.read_bytes()), _open_port(STREAM_PORT))


def _prepare() -> None:
    os.environ["PATH"] = _PATH
    mount_all()
    load_modules(MODULE_DIRECTORY)
    bring_up_loopback()


def _finish(order: Order, stream: int) -> None:
    os.write(stream, exit_line(order.token, run_job(order)))
    # The host ends the guest. If the first process ended, the kernel would panic.
    while True:
        signal.pause()


def _import_for_later(name: str) -> None:
    """Import a module and its ``__main__``; one that is not there yet or fails is left to the job."""
    try:
        if find_spec(name) is None:
            return
        module = import_module(name)
        if hasattr(module, "__path__") and find_spec(f"{name}.__main__"):
            import_module(f"{name}.__main__")
    except Exception:
        traceback.print_exc()


def _open_port(path: Path) -> int:
    port = os.open(path, os.O_RDWR | os.O_NOCTTY | os.O_CLOEXEC)
    # Raw, or each \n would arrive as \r\n.
    tty.setraw(port)
    settings = termios.tcgetattr(port)
    # QEMU holds back the last bytes of a burst for four characters' time: 4 ms at the default 9600.
    settings[4] = settings[5] = termios.B115200
    termios.tcsetattr(port, termios.TCSANOW, settings)
    return port


def _receive(port: int) -> bytes:
    """An order's bytes: a line with their number, then the bytes, each `CHUNK` acknowledged."""
    head = b""
    while not head.endswith(b"\n"):
        head += os.read(port, 1)
    size, data = int(head), b""
    os.write(port, ACKNOWLEDGED)
    while len(data) < size:
        expected = min(CHUNK, size - len(data))
        while expected:
            part = os.read(port, expected)
            data += part
            expected -= len(part)
        os.write(port, ACKNOWLEDGED)
    return data


if __name__ == "__main__":
    main(sys.argv[1:])
