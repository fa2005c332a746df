"""The loader's examples, run as they are: what they print is what happens."""

from __future__ import annotations

import ast
import os
import re
import signal
import socket
import ssl
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Self

import pytest

from .child import rename_to
from .fixtures import Fork
from .job import SuiteJob
from .network import Veth, bring_up, udp_frame

pytestmark = pytest.mark.reference_only


class Example:
    """A running example: its lines, until it is interrupted."""

    def __init__(self, name: str, path: Path, *arguments: str) -> None:
        command = [sys.executable, "-m", f"bpflab.loader.examples.{name}", str(path), *arguments]
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )

    def line(self, pattern: str) -> re.Match[str]:
        """The next line in which the pattern is found; the others are left out."""
        assert self._process.stdout is not None and self._process.stderr is not None
        for line in self._process.stdout:
            if found := re.search(pattern, line):
                return found
        raise AssertionError(f"it ended without '{pattern}': {self._process.stderr.read()}")

    def say(self, line: str) -> None:
        """Write a line to its standard input."""
        assert self._process.stdin is not None
        self._process.stdin.write(f"{line}\n")
        self._process.stdin.flush()

    def interrupt(self) -> None:
        """What Ctrl-C does: it ends well, in the check's own time (detaching waits for other processors)."""
        self._process.send_signal(signal.SIGINT)
        _, errors = self._process.communicate()
        assert (self._process.returncode, errors) == (0, "")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._process.poll() is None:
            self._process.kill()
        self._process.communicate()


Run = Callable[..., Example]


@pytest.fixture
def run(job: SuiteJob, request: pytest.FixtureRequest) -> Iterator[Run]:
    """Starts the example that the check is named after."""
    name = request.node.name.removeprefix("check_")
    with ExitStack() as stack:
        yield lambda *arguments: stack.enter_context(
            Example(name, job.objects[f"examples/{name}"], *map(str, arguments))
        )


@pytest.fixture
def open_directory() -> Iterator[Path]:
    """A directory that every user can look into; pytest's are their owner's alone."""
    with TemporaryDirectory() as name:
        path = Path(name)
        path.chmod(0o755)
        yield path


@pytest.mark.obj("examples/count_packets")
def check_count_packets(run: Run, veth: Veth) -> None:
    """Packets are counted by protocol."""
    example = run(veth.near.name)
    example.line("counting on")
    for _ in range(3):
        veth.far.send(udp_frame(9, b"payload"))
    example.line(rf"^protocol 17: 3 packets, {3 * 64} bytes")
    example.interrupt()


@pytest.mark.obj("examples/block_addresses")
def check_block_addresses(run: Run, veth: Veth) -> None:
    """Packets from a network are dropped; longer prefixes come first."""
    example = run(veth.near.name, "127.0.0.0/8", "127.0.1.0/24")
    example.line("blocking 2 networks")
    for _ in range(4):
        veth.far.send(udp_frame(9, b"payload"))  # from 127.0.0.1
    example.line(r"^127\.0\.0\.0/8: 4 packets dropped")
    example.line(r"^127\.0\.1\.0/24: 0 packets dropped")
    example.interrupt()


@pytest.mark.obj("examples/tail_calls")
def check_tail_calls(run: Run, veth: Veth) -> None:
    """A protocol's program is put in, exchanged and taken out."""
    example = run(veth.near.name)
    example.line("filtering on")

    def seen(action: str) -> dict[str, int]:
        example.say(action)
        return dict(ast.literal_eval(example.line(rf"^{action.replace(' ', ': ')}; so far (.*)")[1]))

    for action, counter in ("drop", "dropped"), ("pass", "passed"), *[("unknown", "unknown")] * 2:
        before = seen(f"17 {action}")
        veth.far.send(udp_frame(9, b"payload"))
        # A packet is on its way for a while, and the kernel sends some of its own, which are unknown.
        while seen("6 unknown")[counter] == before[counter]:
            pass
    after = seen("6 unknown")
    assert (after["dropped"], after["passed"]) == (1, 1)
    example.interrupt()


@pytest.mark.obj("examples/congestion_control")
def check_congestion_control(run: Run) -> None:
    """Connections use the congestion control as long as the example runs."""
    available = Path("/proc/sys/net/ipv4/tcp_available_congestion_control")
    example = run()
    example.line("TCP has")
    bring_up("lo")
    with socket.create_server(("127.0.0.1", 0)) as server, socket.socket() as client:
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_CONGESTION, b"bpf_example")
        client.connect(server.getsockname())
        with server.accept()[0] as accepted:
            client.sendall(bytes(100_000))
            received = 0
            while received < 100_000:
                received += len(accepted.recv(65536))
    example.line(r"[1-9]\d* packets acknowledged")
    example.interrupt()
    assert "bpf_example" not in available.read_text().split()


@pytest.mark.obj("examples/list_tasks")
def check_list_tasks(run: Run) -> None:
    """Every task has its line."""
    example = run()
    example.line(r"^ +TGID +PID +PARENT NAME$")
    example.line(rf"^ +{os.getpid()} +{os.getpid()} +{os.getppid()} ")


@pytest.mark.obj("examples/profile_cpu")
def check_profile_cpu(run: Run, fork: Fork) -> None:
    """A process that does nothing but calculate is seen, by its name."""
    busy = fork(_calculate)
    example = run()
    example.line("samples per second")
    busy.start()
    example.line(rf"^ +\d+ × calculating \({busy.pid}\): [1-9]\d* of its own")
    example.interrupt()


def _calculate() -> str:
    rename_to("calculating")
    while True:
        pass


@pytest.mark.obj("examples/trace_exec")
def check_trace_exec(run: Run) -> None:
    """Every executed file is told."""
    example = run()
    example.line("^USER")
    child = subprocess.Popen([sys.executable, "--version"], stdout=subprocess.DEVNULL)
    child.wait()
    example.line(rf"^0 +{child.pid} +\S+ +{re.escape(sys.executable)}$")
    example.interrupt()


@pytest.mark.obj("examples/tcp_connections")
def check_tcp_connections(run: Run) -> None:
    """Connections are told with both ends, and how long the handshake took."""
    bring_up("lo")
    example = run()
    example.line("waiting for connections")
    with socket.create_server(("127.0.0.1", 0)) as server:
        _, port = server.getsockname()
        with socket.create_connection(("127.0.0.1", port)) as client:
            own = client.getsockname()[1]
    found = example.line(rf"\({os.getpid()}\) 127\.0\.0\.1:{own} → 127\.0\.0\.1:{port} ([\d.]+) ms$")
    assert 0 < float(found[1]) < 5000
    example.interrupt()


@pytest.mark.obj("examples/watch_tls")
def check_watch_tls(run: Run) -> None:
    """What a process reads over TLS is shown in clear."""
    example = run(_library_of_ssl())
    example.line("watching")
    _talk_over_tls(b"GET /secret HTTP/1.1")
    example.line(rf"\({os.getpid()}\) read 20 bytes: b'GET /secret HTTP/1.1'$")
    example.interrupt()


@pytest.mark.obj("examples/file_opens")
def check_file_opens(run: Run, fork: Fork, open_directory: Path) -> None:
    """Files of one name are kept from all but root, and told."""
    secret = open_directory / "bpflab-secret"
    secret.write_text("hidden")

    def open_it() -> str:
        os.setuid(65534)
        try:
            return secret.read_text()
        except PermissionError:
            return "refused"

    child = fork(open_it)
    example = run(secret.name)
    example.line("^PID")
    assert child.go() == "refused"
    example.line(rf"^{child.pid} .* bpflab-secret  \(refused\)$")
    assert secret.read_text() == "hidden"
    example.line(rf"^{os.getpid()} .* bpflab-secret$")
    example.interrupt()


def _library_of_ssl() -> str:
    """Where the libssl lies that this Python uses."""
    ssl.create_default_context()
    lines = Path("/proc/self/maps").read_text().splitlines()
    return next(line.split()[5] for line in lines if "libssl" in line)


def _talk_over_tls(text: bytes) -> None:
    """Send a text to ourselves, over a connection in memory that needs no certificate."""
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    ends = []
    for kind in (ssl.PROTOCOL_TLS_CLIENT, ssl.PROTOCOL_TLS_SERVER):
        context = ssl.SSLContext(kind)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        context.maximum_version = ssl.TLSVersion.TLSv1_2
        context.set_ciphers("AECDH-AES128-SHA:@SECLEVEL=0")
        server = kind == ssl.PROTOCOL_TLS_SERVER
        pipes = (to_server, to_client) if server else (to_client, to_server)
        ends.append(context.wrap_bio(*pipes, server_side=server))
    waiting = list(ends)
    while waiting:
        end = waiting.pop(0)
        try:
            end.do_handshake()
        except ssl.SSLWantReadError:
            waiting.append(end)
    ends[0].write(text)
    assert ends[1].read() == text
