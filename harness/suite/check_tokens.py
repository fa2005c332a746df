"""BPF tokens: a process without privileges of its own loads what was delegated to its user namespace."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from ...loader import KernelError, ObjectSpec
from .fixtures import Fork
from .job import SuiteJob
from .namespace import delegate, in_namespace

ALL = ("delegate_cmds", "delegate_maps", "delegate_progs", "delegate_attachs")

pytestmark = [pytest.mark.reference_only, pytest.mark.obj("programs/socket_filter")]


@pytest.mark.needs("tokens")
def check_delegated(job: SuiteJob, fork: Fork, tmp_path: Path) -> None:
    """With a delegated bpffs an object loads, its token found by itself."""
    said = _load_in_namespace(job, fork, tmp_path, **dict.fromkeys(ALL, "any"))
    assert said == "loaded"


@pytest.mark.needs("tokens")
def check_not_delegated(job: SuiteJob, fork: Fork, tmp_path: Path) -> None:
    """What was not delegated stays refused."""
    # A mask that is not all of a kind makes 7.2 shift too far when it shows the mount's options.
    said = _load_in_namespace(job, fork, tmp_path, delegate_cmds="any", delegate_maps="any")
    assert said == "EPERM"


def _load_in_namespace(job: SuiteJob, fork: Fork, place: Path, **options: str) -> str:
    ours, theirs = socket.socketpair()

    def load() -> str:
        try:
            ObjectSpec.from_file(job.objects["programs/socket_filter"]).load().close()
        except KernelError as error:
            return "EPERM" if error.errno == 1 else str(error)
        return "loaded"

    child = fork(lambda: in_namespace(theirs, place, load))
    with ours, theirs:
        child.start()
        delegate(child, ours, **options)
        return child.result()
