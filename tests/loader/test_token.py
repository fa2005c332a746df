"""BPF tokens: where they come from, and how a request carries one. What they allow, guests show."""

from __future__ import annotations

import errno
from pathlib import Path
from struct import unpack_from

import pytest
from bpflab.loader import token
from bpflab.loader.syscall import Command

MOUNTS = """\
22 27 0:21 / /sys rw,nosuid - sysfs sysfs rw
36 22 0:30 / /sys/fs/bpf rw,nosuid - bpf bpf rw,mode=700
137 80 0:39 / /tmp/a\\040place rw,relatime - bpf none rw,delegate_cmds=any,delegate_progs=any
138 80 0:39 / /data rw - ext4 /dev/delegate_cmds rw
"""


def test_only_a_delegating_bpffs_has_tokens(tmp_path: Path) -> None:
    mounts = tmp_path / "mountinfo"
    mounts.write_text(MOUNTS)
    assert token.delegated_mounts(mounts) == ["/tmp/a place"]


def test_a_directory_of_another_kind_has_none(tmp_path: Path) -> None:
    assert token.create_token(str(tmp_path)) < 0
    assert token.create_token(str(tmp_path / "none")) == -errno.ENOENT


@pytest.mark.parametrize(
    ("command", "size", "flags_at", "token_at"),
    [(Command.MAP_CREATE, 76, 16, 76), (Command.PROG_LOAD, 128, 44, 144), (Command.BTF_LOAD, 28, 32, 36)],
)
def test_a_request_carries_the_token(
    monkeypatch: pytest.MonkeyPatch, command: Command, size: int, flags_at: int, token_at: int
) -> None:
    monkeypatch.setattr(token, "_token", lambda namespace: 77)
    once = token.with_token(command, bytearray(size))
    assert once is not None
    assert unpack_from("=I", once, flags_at) == (1 << 16,)
    assert unpack_from("=i", once, token_at) == (77,)
    assert token.with_token(command, once) is None, "a second time changes nothing"


def test_without_a_token_there_is_nothing_to_try(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(token, "_token", lambda namespace: None)
    assert token.with_token(Command.MAP_CREATE, bytearray(76)) is None
