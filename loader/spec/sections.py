"""The SEC() names: which program type, attach type, flags and attach kind each stands for.

A table, so that a new attach kind is one row. Names and meanings are libbpf's.
"""

from __future__ import annotations

from ..enums import AttachType, ProgFlags, ProgType
from ..lean import TYPE_CHECKING, NamedTuple, cache

if TYPE_CHECKING:
    from typing import Literal

NO_ATTACH: Literal[0] = 0

_TABLE = """
socket                  3.19 SOCKET_FILTER           -                              -
sk_reuseport/migrate    5.14 SK_REUSEPORT            SK_REUSEPORT_SELECT_OR_MIGRATE -
sk_reuseport            4.19 SK_REUSEPORT            SK_REUSEPORT_SELECT            -
kprobe+                 4.1  KPROBE                  -                              kprobe
uprobe+                 4.1  KPROBE                  -                              uprobe
uprobe.s+               6.0  KPROBE                  -                              uprobe          sleepable
kretprobe+              4.1  KPROBE                  -                              kretprobe
uretprobe+              4.1  KPROBE                  -                              uretprobe
uretprobe.s+            6.0  KPROBE                  -                              uretprobe       sleepable
kprobe.multi+           5.18 KPROBE                  TRACE_KPROBE_MULTI             kprobe.multi
kretprobe.multi+        5.18 KPROBE                  TRACE_KPROBE_MULTI             kretprobe.multi
kprobe.session+         6.10 KPROBE                  TRACE_KPROBE_SESSION           kprobe.session
uprobe.multi+           6.6  KPROBE                  TRACE_UPROBE_MULTI             uprobe.multi
uretprobe.multi+        6.6  KPROBE                  TRACE_UPROBE_MULTI             uretprobe.multi
uprobe.session+         6.13 KPROBE                  TRACE_UPROBE_SESSION           uprobe.session
uprobe.multi.s+         6.6  KPROBE                  TRACE_UPROBE_MULTI             uprobe.multi    sleepable
uretprobe.multi.s+      6.6  KPROBE                  TRACE_UPROBE_MULTI             uretprobe.multi sleepable
uprobe.session.s+       6.13 KPROBE                  TRACE_UPROBE_SESSION           uprobe.session  sleepable
ksyscall+               4.1  KPROBE                  -                              ksyscall
kretsyscall+            4.1  KPROBE                  -                              kretsyscall
usdt+                   4.1  KPROBE                  TRACE_UPROBE_MULTI             usdt
usdt.s+                 6.0  KPROBE                  TRACE_UPROBE_MULTI             usdt            sleepable
tc/ingress              6.6  SCHED_CLS               TCX_INGRESS                    -
tc/egress               6.6  SCHED_CLS               TCX_EGRESS                     -
tcx/ingress             6.6  SCHED_CLS               TCX_INGRESS                    -
tcx/egress              6.6  SCHED_CLS               TCX_EGRESS                     -
tc                      4.1  SCHED_CLS               -                              -
classifier              4.1  SCHED_CLS               -                              -
action                  4.1  SCHED_ACT               -                              -
netkit/primary          6.7  SCHED_CLS               NETKIT_PRIMARY                 -
netkit/peer             6.7  SCHED_CLS               NETKIT_PEER                    -
tracepoint+             4.7  TRACEPOINT              -                              tracepoint
tp+                     4.7  TRACEPOINT              -                              tracepoint
tracepoint.s+           7.1  TRACEPOINT              -                              tracepoint      sleepable
tp.s+                   7.1  TRACEPOINT              -                              tracepoint      sleepable
raw_tracepoint+         4.17 RAW_TRACEPOINT          -                              raw_tracepoint
raw_tp+                 4.17 RAW_TRACEPOINT          -                              raw_tracepoint
raw_tracepoint.s+       7.1  RAW_TRACEPOINT          -                              raw_tracepoint  sleepable
raw_tp.s+               7.1  RAW_TRACEPOINT          -                              raw_tracepoint  sleepable
raw_tracepoint.w+       5.2  RAW_TRACEPOINT_WRITABLE -                              raw_tracepoint
raw_tp.w+               5.2  RAW_TRACEPOINT_WRITABLE -                              raw_tracepoint
tp_btf+                 5.5  TRACING                 TRACE_RAW_TP                   tracing
tp_btf.s+               7.1  TRACING                 TRACE_RAW_TP                   tracing         sleepable
fentry+                 5.5  TRACING                 TRACE_FENTRY                   tracing
fmod_ret+               5.7  TRACING                 MODIFY_RETURN                  tracing
fexit+                  5.5  TRACING                 TRACE_FEXIT                    tracing
fentry.s+               5.10 TRACING                 TRACE_FENTRY                   tracing         sleepable
fmod_ret.s+             5.10 TRACING                 MODIFY_RETURN                  tracing         sleepable
fexit.s+                5.10 TRACING                 TRACE_FEXIT                    tracing         sleepable
fsession+               7.0  TRACING                 TRACE_FSESSION                 tracing
fsession.s+             7.0  TRACING                 TRACE_FSESSION                 tracing         sleepable
fentry.multi+           7.2  TRACING                 TRACE_FENTRY_MULTI             tracing.multi
fexit.multi+            7.2  TRACING                 TRACE_FEXIT_MULTI              tracing.multi
fsession.multi+         7.2  TRACING                 TRACE_FSESSION_MULTI           tracing.multi
fentry.multi.s+         7.2  TRACING                 TRACE_FENTRY_MULTI             tracing.multi   sleepable
fexit.multi.s+          7.2  TRACING                 TRACE_FEXIT_MULTI              tracing.multi   sleepable
fsession.multi.s+       7.2  TRACING                 TRACE_FSESSION_MULTI           tracing.multi   sleepable
freplace+               5.6  EXT                     -                              freplace
lsm+                    5.7  LSM                     LSM_MAC                        lsm
lsm.s+                  5.10 LSM                     LSM_MAC                        lsm             sleepable
lsm_cgroup+             6.0  LSM                     LSM_CGROUP                     -
iter+                   5.8  TRACING                 TRACE_ITER                     iter
iter.s+                 5.18 TRACING                 TRACE_ITER                     iter            sleepable
syscall                 5.14 SYSCALL                 -                              -               sleepable
xdp.frags/devmap        5.18 XDP                     XDP_DEVMAP                     -               frags
xdp/devmap              5.8  XDP                     XDP_DEVMAP                     -
xdp.frags/cpumap        5.18 XDP                     XDP_CPUMAP                     -               frags
xdp/cpumap              5.9  XDP                     XDP_CPUMAP                     -
xdp.frags               5.18 XDP                     XDP                            -               frags
xdp                     4.8  XDP                     XDP                            -               optional
perf_event              4.9  PERF_EVENT              -                              -
lwt_in                  4.10 LWT_IN                  -                              -
lwt_out                 4.10 LWT_OUT                 -                              -
lwt_xmit                4.10 LWT_XMIT                -                              -
lwt_seg6local           4.18 LWT_SEG6LOCAL           -                              -
sockops                 4.13 SOCK_OPS                CGROUP_SOCK_OPS                -               optional
sk_skb/stream_parser    4.14 SK_SKB                  SK_SKB_STREAM_PARSER           -               optional
sk_skb/stream_verdict   4.14 SK_SKB                  SK_SKB_STREAM_VERDICT          -               optional
sk_skb/verdict          5.13 SK_SKB                  SK_SKB_VERDICT                 -               optional
sk_skb                  4.14 SK_SKB                  -                              -
sk_msg                  4.17 SK_MSG                  SK_MSG_VERDICT                 -               optional
lirc_mode2              4.18 LIRC_MODE2              LIRC_MODE2                     -               optional
flow_dissector          4.20 FLOW_DISSECTOR          FLOW_DISSECTOR                 -               optional
cgroup_skb/ingress      4.10 CGROUP_SKB              -                              -               optional
cgroup_skb/egress       4.10 CGROUP_SKB              CGROUP_INET_EGRESS             -               optional
cgroup/skb              4.10 CGROUP_SKB              -                              -
cgroup/sock_create      4.10 CGROUP_SOCK             CGROUP_INET_SOCK_CREATE        -
cgroup/sock_release     5.9  CGROUP_SOCK             CGROUP_INET_SOCK_RELEASE       -
cgroup/sock             4.10 CGROUP_SOCK             CGROUP_INET_SOCK_CREATE        -               optional
cgroup/post_bind4       4.17 CGROUP_SOCK             CGROUP_INET4_POST_BIND         -
cgroup/post_bind6       4.17 CGROUP_SOCK             CGROUP_INET6_POST_BIND         -
cgroup/bind4            4.17 CGROUP_SOCK_ADDR        CGROUP_INET4_BIND              -
cgroup/bind6            4.17 CGROUP_SOCK_ADDR        CGROUP_INET6_BIND              -
cgroup/connect4         4.17 CGROUP_SOCK_ADDR        CGROUP_INET4_CONNECT           -
cgroup/connect6         4.17 CGROUP_SOCK_ADDR        CGROUP_INET6_CONNECT           -
cgroup/connect_unix     6.7  CGROUP_SOCK_ADDR        CGROUP_UNIX_CONNECT            -
cgroup/sendmsg4         4.18 CGROUP_SOCK_ADDR        CGROUP_UDP4_SENDMSG            -
cgroup/sendmsg6         4.18 CGROUP_SOCK_ADDR        CGROUP_UDP6_SENDMSG            -
cgroup/sendmsg_unix     6.7  CGROUP_SOCK_ADDR        CGROUP_UNIX_SENDMSG            -
cgroup/recvmsg4         5.2  CGROUP_SOCK_ADDR        CGROUP_UDP4_RECVMSG            -
cgroup/recvmsg6         5.2  CGROUP_SOCK_ADDR        CGROUP_UDP6_RECVMSG            -
cgroup/recvmsg_unix     6.7  CGROUP_SOCK_ADDR        CGROUP_UNIX_RECVMSG            -
cgroup/getpeername4     5.8  CGROUP_SOCK_ADDR        CGROUP_INET4_GETPEERNAME       -
cgroup/getpeername6     5.8  CGROUP_SOCK_ADDR        CGROUP_INET6_GETPEERNAME       -
cgroup/getpeername_unix 6.7  CGROUP_SOCK_ADDR        CGROUP_UNIX_GETPEERNAME        -
cgroup/getsockname4     5.8  CGROUP_SOCK_ADDR        CGROUP_INET4_GETSOCKNAME       -
cgroup/getsockname6     5.8  CGROUP_SOCK_ADDR        CGROUP_INET6_GETSOCKNAME       -
cgroup/getsockname_unix 6.7  CGROUP_SOCK_ADDR        CGROUP_UNIX_GETSOCKNAME        -
cgroup/sysctl           5.2  CGROUP_SYSCTL           CGROUP_SYSCTL                  -
cgroup/getsockopt       5.3  CGROUP_SOCKOPT          CGROUP_GETSOCKOPT              -
cgroup/setsockopt       5.3  CGROUP_SOCKOPT          CGROUP_SETSOCKOPT              -
cgroup/dev              4.15 CGROUP_DEVICE           CGROUP_DEVICE                  -               optional
struct_ops+             5.6  STRUCT_OPS              -                              -
struct_ops.s+           6.3  STRUCT_OPS              -                              -               sleepable
sk_lookup               5.9  SK_LOOKUP               SK_LOOKUP                      -
netfilter               6.4  NETFILTER               NETFILTER                      -
"""
"""Fields of `SectionKind`; the flags are words. Text, as a program needs but one or two of the rows.

usdt: kernels before 6.6 do not look at the attach type, and attach such a program to a perf event.
"""

_FLAGS = {"sleepable": ProgFlags.SLEEPABLE, "frags": ProgFlags.XDP_HAS_FRAGS}


class SectionKind(NamedTuple):
    """One row: what a SEC() name means."""

    pattern: str
    """The exact name; ``name+`` also takes ``name/…``."""
    kernel: str
    """First upstream release that loads such a program."""
    type: ProgType
    attach_type: AttachType | Literal[0]
    attach_kind: str
    """The kind of attachment that SEC() alone is enough for; empty for none."""
    flags: int
    optional: bool
    """The attach type may be left out where the kernel lacks that field (before 4.17)."""

    def target(self, section: str) -> str:
        """What a SEC() name says after the kind: a function, ``category/name`` …; may be empty."""
        return section[len(self.pattern) :] if self.pattern.endswith("+") else ""


UNKNOWN_SECTION = SectionKind("", "", ProgType.UNSPEC, NO_ATTACH, "", 0, False)
"""What any other SEC() name means: a program that opens but does not load."""


def find_section(section: str) -> SectionKind | None:
    """The kind of a SEC() name (without a leading ``?``), None for an unknown one."""
    if section.endswith("+"):
        return None
    found = _row(section) or _row(section + "+")
    if found:
        return found
    slash = section.find("/")
    while slash > 0:
        found = _row(section[:slash] + "+")
        if found:
            return found
        slash = section.find("/", slash + 1)
    return None


def all_sections() -> list[SectionKind]:
    """The whole table."""
    return [_parse(line) for line in _TABLE.strip().splitlines()]


@cache
def _row(pattern: str) -> SectionKind | None:
    at = _TABLE.find(f"\n{pattern} ") + 1
    found = _parse(_TABLE[at : _TABLE.find("\n", at)]) if at else None
    return found if found and found.pattern == pattern else None


def _parse(line: str) -> SectionKind:
    pattern, kernel, type_name, attach_name, attach_kind, *words = line.split()
    attach_type = NO_ATTACH if attach_name == "-" else getattr(AttachType, attach_name)
    return SectionKind(
        pattern,
        kernel,
        getattr(ProgType, type_name),
        attach_type,
        "" if attach_kind == "-" else attach_kind,
        sum(_FLAGS[word] for word in words if word in _FLAGS),
        "optional" in words,
    )
