from __future__ import annotations

from itertools import pairwise

import pytest
from bpflab.kernels.version import KernelVersion


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("6.1", KernelVersion(6, 1)),
        ("6.1.192", KernelVersion(6, 1, 192)),
        ("7.3-rc2", KernelVersion(7, 3, 0, 2)),
        ("7.3~rc2-1~exp1", KernelVersion(7, 3, 0, 2)),
        ("6.1.0-42-cloud-amd64", KernelVersion(6, 1)),
        ("6.12.48+deb13-amd64", KernelVersion(6, 12, 48)),
        ("5.10.251-1", KernelVersion(5, 10, 251)),
    ],
)
def test_parse(text: str, expected: KernelVersion) -> None:
    assert KernelVersion.parse(text) == expected


@pytest.mark.parametrize("text", ["", "6", "six.one", "v6.1", "-6.1"])
def test_what_is_no_version_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="not a kernel version"):
        KernelVersion.parse(text)


def test_order() -> None:
    texts = ["5.10", "5.10.251", "6.1.9", "6.1.10", "6.12", "7.3-rc2", "7.3-rc10", "7.3", "7.3.1"]
    versions = [KernelVersion.parse(text) for text in texts]
    for older, newer in pairwise(versions):
        assert older < newer
        assert not newer < older


@pytest.mark.parametrize("text", ["6.1", "6.1.192", "7.3-rc2"])
def test_text_round_trip(text: str) -> None:
    assert str(KernelVersion.parse(text)) == text
