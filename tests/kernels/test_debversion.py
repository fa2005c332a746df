"""dpkg itself is the oracle."""

from __future__ import annotations

import itertools
import subprocess

import pytest
from bpflab.kernels.debversion import version_key

VERSIONS = [
    "6.1.9-1",
    "6.1.10-1",
    "6.12.95-1",
    "6.12.95-1~bpo12+1",
    "6.12.95-2",
    "6.12.117-1~deb12u1",
    "7.3~rc7-1~exp1",
    "7.3-1",
    "7.3.4-1~bpo13+1",
    "1:0.5",
    "1.7.0",
    "1.7.0-0",
    "1.7.0a-1",
    "1.7.0+b1-1",
]


@pytest.mark.parametrize(("one", "other"), list(itertools.combinations(VERSIONS, 2)))
def test_order_is_dpkgs(one: str, other: str) -> None:
    less = subprocess.run(["dpkg", "--compare-versions", one, "lt", other], check=False).returncode == 0
    same = subprocess.run(["dpkg", "--compare-versions", one, "eq", other], check=False).returncode == 0
    assert (version_key(one) < version_key(other), version_key(one) == version_key(other)) == (less, same)
