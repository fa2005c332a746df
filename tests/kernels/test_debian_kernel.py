"""One real kernel, the smallest pinned one, from the mirror to its first boot."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
from bpflab.kernels import tinyguest
from bpflab.kernels.catalogue import mirror_apt
from bpflab.kernels.errors import MissingProgramError, ProbeError
from bpflab.kernels.fetch import fetch, mirror_transport
from bpflab.kernels.image import btf, config, digest, release_of, vmlinux
from bpflab.kernels.installed import kernel_at
from bpflab.kernels.kernel import Kernel
from bpflab.kernels.kvm import probe_kvm
from bpflab.kernels.progress import Silent
from bpflab.kernels.smoke import smoke_boot
from bpflab.kernels.store import cached_releases, resolve
from elftools.elf.elffile import ELFFile

from .conftest import Recorder


@pytest.fixture(scope="module")
def kernel() -> Kernel:
    """6.1 in the flavour that is quickest to fetch, from the user's cache if it is there."""
    (found,) = resolve(["6.1"], "cloud", Silent())
    return found


def children() -> set[str]:
    """The process ids of this process's children."""
    tasks = Path("/proc/self/task").glob("*/children")
    return {pid for task in tasks for pid in task.read_text().split()}


def test_fetched_from_the_mirror(
    tmp_path: Path, kernel: Kernel, recorder: Recorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    release = next(release for release in cached_releases() if release.release == kernel.release)
    apt = mirror_apt(recorder)
    monkeypatch.setenv("BPFLAB_CACHE", str(tmp_path))
    fetched = kernel_at(fetch(release, mirror_transport(apt), recorder), "6.1")
    assert fetched.image is not None and tmp_path in fetched.image.parents
    assert fetched.release == release.release
    assert recorder.parts[-1] == (release.release, release.size, release.size)
    assert fetched.modules is not None
    assert "kernel/drivers/net/veth.ko" in (fetched.modules / "modules.dep").read_text()


def test_image(kernel: Kernel) -> None:
    assert kernel.image is not None
    assert release_of(kernel.image) == kernel.release
    path = vmlinux(kernel)
    with path.open("rb") as file:
        elf = ELFFile(file)
        assert any(segment.header.p_type == "PT_NOTE" for segment in elf.iter_segments()), "no PVH entry"
    assert release_of(path) == kernel.release
    assert vmlinux(dataclasses.replace(kernel, image=path)) == path


def test_btf(kernel: Kernel) -> None:
    data = btf(kernel)
    assert data[:3] == b"\x9f\xeb\x01"
    assert b"\0task_struct\0" in data


def test_config(kernel: Kernel) -> None:
    settings = config(kernel)
    assert settings["CONFIG_DEBUG_INFO_BTF"] == "y"
    assert settings["CONFIG_NET_9P"] == "n"


def test_smoke_boot(kernel: Kernel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = vmlinux(kernel)
    monkeypatch.setenv("BPFLAB_CACHE", str(tmp_path))
    unpacked = dataclasses.replace(kernel, image=path)
    before = children()
    assert smoke_boot(unpacked) > 0
    assert (tmp_path / "smoke" / f"{digest(unpacked)}.json").exists()
    assert children() <= before
    monkeypatch.setenv("PATH", "")
    assert smoke_boot(unpacked) > 0, "what was passed once was booted again"


def test_smoke_boot_of_another_release(
    kernel: Kernel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = vmlinux(kernel)
    monkeypatch.setenv("BPFLAB_CACHE", str(tmp_path))
    wrong = dataclasses.replace(kernel, image=path, release="6.1.0-1-amd64")
    with pytest.raises(ProbeError, match=r"should be 6\.1\.0-1-amd64 and calls itself"):
        smoke_boot(wrong)
    assert not list((tmp_path / "smoke").glob("*.json"))


@pytest.mark.parametrize(
    ("init", "cpu_s", "wall_s", "why"),
    [
        ("while true; do echo still here; done", 10, 240, "not up after 10 s of CPU time"),
        ("while true; do echo still here; done", 240, 10, "not up after 10 s"),
        ("/bin/busybox sleep 1000", 240, 10, "not up after 10 s"),
    ],
    ids=["talking", "talking-wall", "silent"],
)
def test_a_guest_that_never_says_its_line(
    kernel: Kernel, monkeypatch: pytest.MonkeyPatch, init: str, cpu_s: float, wall_s: float, why: str
) -> None:
    # One that talks on was once only held to its limits when it drew breath.
    monkeypatch.setattr(tinyguest, "_INIT", f"#!/bin/busybox sh\n{init}\n".encode())
    before = children()
    seen = tinyguest.boot(kernel, "tcg", cpu_s=cpu_s, wall_s=wall_s)
    assert (seen.release, seen.why) == (None, why)
    assert seen.seconds < 300
    assert children() <= before


def test_a_kernel_that_panics(kernel: Kernel, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tinyguest, "_ARGUMENTS", "console=ttyS0 panic=-1 rdinit=/nothing root=/dev/nothing")
    seen = tinyguest.boot(kernel, "tcg", cpu_s=60, wall_s=240)
    assert seen.why == "the guest ended without having come up"
    assert "Kernel panic" in seen.console


def test_without_qemu(kernel: Kernel, monkeypatch: pytest.MonkeyPatch) -> None:
    vmlinux(kernel)
    monkeypatch.setenv("PATH", "")
    with pytest.raises(MissingProgramError, match="qemu-system-x86_64 is missing: apt-get install"):
        tinyguest.boot(kernel, "tcg", cpu_s=1, wall_s=1)


def test_kvm_is_probed_once(kernel: Kernel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    vmlinux(kernel)
    boots: list[str] = []
    answers = [tinyguest.Boot(None, None, "not up after 5 s of CPU time", "", 5.0)]

    def boot(kernel: Kernel, accelerator: str, cpu_s: float, wall_s: float) -> tinyguest.Boot:
        boots.append(accelerator)
        return answers[0]

    device = tmp_path / "kvm"
    device.touch()
    monkeypatch.setenv("BPFLAB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr("bpflab.kernels.kvm.boot", boot)
    first = probe_kvm(kernel, device)
    assert not first.works
    assert "not up after 5 s" in first.reason
    assert probe_kvm(kernel, device) == first
    assert boots == ["kvm"]
    (tmp_path / "cache" / "kvm.json").write_text("damaged")
    answers[0] = tinyguest.Boot(kernel.release, True, "", "", 0.4)
    assert probe_kvm(kernel, device).works


def test_kvm_on_this_machine(kernel: Kernel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = vmlinux(kernel)
    before = children()
    monkeypatch.setenv("BPFLAB_CACHE", str(tmp_path))
    verdict = probe_kvm(dataclasses.replace(kernel, image=path))
    assert verdict.reason
    assert children() <= before


def test_no_kvm_device(kernel: Kernel, tmp_path: Path) -> None:
    verdict = probe_kvm(kernel, tmp_path / "kvm")
    assert not verdict.works
    assert "there is no" in verdict.reason
