"""Security hooks: what programs refuse, and to whom."""

from __future__ import annotations

import ctypes
import errno
import socket
from pathlib import Path

import pytest

from .cgroup import enter
from .fixtures import Fork, Open
from .numbers import u32, u64, unsigned

SECRET = "bpflab-secret"
"""The name that lsm/file_open knows."""


@pytest.mark.obj("lsm/file_open")
def check_file_open(loaded: Open, fork: Fork, tmp_path: Path) -> None:
    """A process may not open files of one name; others may, and it may open others."""
    secret, other = tmp_path / SECRET, tmp_path / "other"
    secret.write_text("secret")
    other.write_text("other")
    child = fork(lambda: f"{_read(other)} {_read(secret)}")
    obj = loaded("lsm/file_open", target_pid=u32(child.pid))
    obj.attach("keep_closed")
    assert child.go() == "other EPERM"
    assert _read(secret) == "secret"
    assert unsigned(obj.variable("refused")) == 1
    assert unsigned(obj.variable("asked")) >= 2


@pytest.mark.obj("lsm/file_open")
def check_file_open_detached(loaded: Open, fork: Fork, tmp_path: Path) -> None:
    """A detached program is not asked any more."""
    secret = tmp_path / SECRET
    secret.write_text("secret")
    child = fork(lambda: _read(secret))
    obj = loaded("lsm/file_open", target_pid=u32(child.pid))
    obj.attach("keep_closed").detach()
    assert child.go() == "secret"
    assert unsigned(obj.variable("asked")) == 0


@pytest.mark.obj("lsm/sleepable")
@pytest.mark.needs("sleepable_file_open")
def check_sleepable(loaded: Open, fork: Fork, tmp_path: Path) -> None:
    """A hook that may sleep reads memory of the process that asks."""
    text = ctypes.create_string_buffer(b"in-user-memory!", 16)
    child = fork(lambda: _read(tmp_path / "none"))
    place = u64(ctypes.addressof(text))  # a child has it where its parent has
    (tmp_path / "none").touch()
    obj = loaded("lsm/sleepable", target_pid=u32(child.pid), address=place)
    obj.attach("copy")
    child.go()
    assert obj.variable("copied") == text.raw


@pytest.mark.obj("lsm/cgroup")
@pytest.mark.needs("lsm_cgroup")
def check_cgroup(cgroup: Path, loaded: Open, fork: Fork) -> None:
    """Members of a control group are refused one kind of socket; others get it."""

    def make_sockets() -> str:
        enter(cgroup)
        return f"{_socket(socket.SOCK_STREAM)} {_socket(socket.SOCK_DGRAM)}"

    obj = loaded("lsm/cgroup")
    obj.attach("no_datagrams", {"kind": "cgroup", "path": str(cgroup)})
    assert fork(make_sockets).go() == "made EPERM"
    assert _socket(socket.SOCK_DGRAM) == "made"
    assert unsigned(obj.variable("asked")) == 2


def _read(path: Path) -> str:
    try:
        return path.read_text()
    except OSError as error:
        return errno.errorcode[error.errno or 0]


def _socket(kind: socket.SocketKind) -> str:
    try:
        socket.socket(socket.AF_INET, kind).close()
    except OSError as error:
        return errno.errorcode[error.errno or 0]
    return "made"
