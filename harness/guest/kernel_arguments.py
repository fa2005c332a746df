"""Arguments that every guest's kernel gets."""

from __future__ import annotations

DIE_LOUDLY = (
    # Reboot at once on a panic; QEMU's -no-reboot makes that the guest's end.
    "panic=-1",
    "oops=panic",
    "softlockup_panic=1",
    "hung_task_panic=1",
    # Seconds; a soft lock-up is twice that. At the default of 10, a host that gives an
    # emulated guest no CPU for a while looks like one.
    "watchdog_thresh=20",
)
"""A kernel in trouble ends its guest instead of limping on; the console says why."""

MEASURE_QUIETLY = (
    "mitigations=off",
    # Self-tests take 0.4-0.8 s at boot and disturb what is measured after it. Under virtme-ng
    # each asks for modules that its initramfs lacks, which takes 3 s more.
    "cryptomgr.notests",
    "apparmor=0",
    "lsm=capability,bpf",
    "norandmaps",
)
"""Guests start faster and measure steadier with these."""
