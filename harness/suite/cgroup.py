"""A control group of our own."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from .classify import Unavailable


def cgroup2_mount(mounts: Path = Path("/proc/self/mounts")) -> Path:
    """Where the cgroup2 hierarchy is mounted. Raises `Unavailable` if it is not."""
    for line in mounts.read_text().splitlines():
        _, where, kind, *_ = line.split()
        if kind == "cgroup2":
            return Path(where)
    raise Unavailable("no cgroup2 hierarchy is mounted")


@contextmanager
def control_group(parent: Path | None = None) -> Iterator[Path]:
    """A new group below another, by default the hierarchy's root; removed afterwards."""
    path = (parent or cgroup2_mount()) / f"bpflab-{os.getpid()}"
    try:
        path.mkdir()
    except OSError as error:
        raise Unavailable(f"no control group can be made: {error}") from error
    try:
        yield path
    finally:
        _remove(path)


def enter(path: Path) -> None:
    """Move the calling process into a group."""
    (path / "cgroup.procs").write_text(str(os.getpid()))


@contextmanager
def inside(path: Path) -> Iterator[None]:
    """Be in a group for a while; sockets that are made meanwhile stay with it."""
    enter(path)
    try:
        yield
    finally:
        enter(path.parent)


def _remove(path: Path) -> None:
    """Remove a group; one whose last process has just ended stays busy for a moment."""
    for _ in range(50):
        try:
            return path.rmdir()
        except OSError:
            time.sleep(0.02)
    return path.rmdir()
