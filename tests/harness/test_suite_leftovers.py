"""What a process holds is counted by kind."""

import os
import select
import socket
from pathlib import Path

from bpflab.harness.suite.leftovers import held


def test_what_is_open_is_counted() -> None:
    before = held(os.getpid())
    with socket.socket(), socket.socket(), select.epoll():
        more = held(os.getpid()) - before
        assert more == {"socket": 2, "anon_inode:[eventpoll]": 1}
    with Path("/proc/self/status").open():
        assert held(os.getpid()) == before, "files do not count"
