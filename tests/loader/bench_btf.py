"""How long the types of a kernel take to find, each way, and CO-RE without a kernel.

Not part of the tests: ``pytest tests/loader/bench_btf.py``.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from bpflab.kernels.image import vmlinux
from bpflab.kernels.store import cached_kernels
from bpflab.loader.btf import Kind, kernel, table
from bpflab.loader.btf.kernel import KernelBtf
from bpflab.loader.core import relocate
from bpflab.loader.linker import link
from bpflab.loader.native import compiled, pure
from bpflab.loader.spec import ObjectSpec

NAMES = ("task_struct", "sk_buff", "file", "page", "inode", "mm_struct", "net_device", "sock")
ROUNDS = 15
GOAL = 0.050
"""Seconds for relocating an object against one kernel with an index."""

VMLINUX = Path("/sys/kernel/btf/vmlinux")
# Before the tests have a cache of their own.
IMAGES = {kernel.release: vmlinux(kernel) for kernel in cached_kernels()}

pytestmark = pytest.mark.usefixtures("kernel_btf")

RELOCATIONS = """
#define core __attribute__((preserve_access_index))
struct list_head { struct list_head *next, *prev; } core;
struct qstr { const unsigned char *name; } core;
struct inode { unsigned long i_ino; u32 i_flags; } core;
struct dentry { struct qstr d_name; struct inode *d_inode; struct dentry *d_parent; } core;
struct path { struct dentry *dentry; } core;
struct file { struct path f_path; u32 f_flags; struct inode *f_inode; } core;
struct mm_struct { unsigned long total_vm, start_code, start_stack; struct file *exe_file; } core;
struct net_device { int ifindex; u32 mtu; } core;
struct task_struct {
    int pid, tgid, prio; char comm[16]; struct mm_struct *mm; struct task_struct *real_parent;
    struct list_head tasks;
} core;
SEC("raw_tp/x") long program(struct task_struct *t) {
    struct mm_struct *mm = t->mm;
    struct file *file = mm->exe_file;
    struct dentry *dentry = file->f_path.dentry;
    struct net_device *device = (void *)t->tasks.next;
    long sum = t->pid + t->tgid + t->prio + t->comm[1] + t->real_parent->pid + (long)t->tasks.prev;
    sum += mm->total_vm + mm->start_code + mm->start_stack + file->f_flags + file->f_inode->i_ino;
    sum += (long)dentry->d_name.name + dentry->d_inode->i_flags + dentry->d_parent->d_inode->i_ino;
    return sum + device->ifindex + device->mtu;
}
"""


def look_up() -> None:
    """Open the running kernel's BTF and find eight structs."""
    found = KernelBtf.running()
    found.expect(NAMES)
    for name in NAMES:
        assert found.candidates(name, (Kind.STRUCT,))


@pytest.fixture
def fresh_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    kernel._running_vmlinux.cache_clear()
    yield
    kernel._running_vmlinux.cache_clear()


@pytest.mark.benchmark(group="open and 8 look-ups")
@pytest.mark.parametrize("way", ["process", "index", "compiled pass", "pure pass"])
def test_look_up(way: str, benchmark: Any, fresh_cache: None, monkeypatch: pytest.MonkeyPatch) -> None:
    if way == "pure pass":
        monkeypatch.setattr(table, "native", pure)
    if way == "index":
        KernelBtf.running().save_index()
    setup = None if way == "process" else kernel._running_vmlinux.cache_clear
    benchmark.pedantic(look_up, setup=setup, rounds=ROUNDS, warmup_rounds=1)


@pytest.mark.benchmark(group="write the index")
@pytest.mark.parametrize("twin", [compiled, pure], ids=["compiled", "pure"])
def test_write_the_index(
    twin: object, benchmark: Any, fresh_cache: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(table, "native", twin)

    def unsaved() -> tuple[tuple[KernelBtf], dict[str, object]]:
        kernel._running_vmlinux.cache_clear()
        for path in Path(os.environ["XDG_CACHE_HOME"]).rglob("*.index"):
            path.unlink()
        return (KernelBtf.running(),), {}

    benchmark.pedantic(KernelBtf.save_index, setup=unsaved, rounds=5)


@pytest.mark.benchmark(group="20 relocations against a kernel that is not running")
@pytest.mark.parametrize("image", [VMLINUX, *IMAGES.values()], ids=["raw", *IMAGES])
def test_relocate(
    image: Path,
    benchmark: Any,
    fresh_cache: None,
    compile_bpf: Callable[[str], Path],
    tmp_path: Path,
) -> None:
    """From a file: the host's BTF by itself, and the images of other kernels."""
    if image == VMLINUX:
        image = tmp_path / "raw.btf"
        image.write_bytes(VMLINUX.read_bytes())
    spec = ObjectSpec.from_file(compile_bpf(RELOCATIONS))
    linked = link(spec, spec.programs["program"])
    assert len(linked.core) >= 20

    def run() -> None:
        _, results = relocate(linked, spec, KernelBtf.from_file(image))
        assert not any(result.poisoned for result in results)

    assert KernelBtf.from_file(image).save_index()
    benchmark.pedantic(run, rounds=ROUNDS, warmup_rounds=1)
    assert benchmark.stats.stats.min < GOAL
