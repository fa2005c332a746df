"""Whose rights a guest's processes run with: as few as will do."""

from __future__ import annotations

import os
import pwd
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

_UNPRIVILEGED = "nobody"
_KVM = Path("/dev/kvm")
_PROBE = """
import os, sys
import bpflab.harness.guest.agent, virtme.commands.run
sys.exit(0 if all(os.access(path, os.R_OK) for path in sys.argv[1:]) else 1)
"""


@dataclass(frozen=True)
class Account:
    """A user that processes of a guest run as, by numbers."""

    name: str
    user: int
    group: int
    extra_groups: tuple[int, ...] = ()


def unprivileged(accelerator: str) -> Account | None:
    """The account to drop to when root; None if there is none, or if KVM would not open for it."""
    if os.geteuid() != 0:
        return None
    try:
        entry = pwd.getpwnam(_UNPRIVILEGED)
    except KeyError:
        return None
    account = Account(entry.pw_name, entry.pw_uid, entry.pw_gid)
    return account if accelerator != "kvm" else _with_kvm(account)


def _with_kvm(account: Account) -> Account | None:
    device = _KVM.stat()
    if device.st_mode & 0o006 == 0o006:
        return account
    # Usually the device belongs to the group kvm; where it is root's alone, only root can use it.
    if device.st_mode & 0o060 == 0o060 and device.st_gid != 0:
        return replace(account, extra_groups=(device.st_gid,))
    return None


def can_run_bpflab(account: Account, paths: Sequence[Path]) -> bool:
    """Whether an account can run this Python with bpflab in it, and read every path. Tried, not guessed."""
    try:
        done = subprocess.run(
            [sys.executable, "-c", _PROBE, *map(str, paths)],
            user=account.user,
            group=account.group,
            extra_groups=account.extra_groups,
            cwd="/",
            env={"PATH": os.environ.get("PATH", os.defpath)},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            check=False,
        )
    except OSError:
        return False
    return done.returncode == 0
