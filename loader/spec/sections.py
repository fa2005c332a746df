"""The SEC() names: which program type, attach type, flags and attach kind each stands for.

A table, so that a new attach kind is one row. Names and meanings are libbpf's.
"""

from __future__ import annotations

from ..enums import AttachType, ProgFlags, ProgType
from ..lean import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from typing import Literal

NO_ATTACH: Literal[0] = 0
SLEEPABLE = ProgFlags.SLEEPABLE
FRAGS = ProgFlags.XDP_HAS_FRAGS

_P, _A = ProgType, AttachType


class SectionKind(NamedTuple):
    """One row: what a SEC() name means."""

    pattern: str
    """The exact name; ``name+`` also takes ``name/…``."""
    type: ProgType
    attach_type: AttachType | Literal[0] = NO_ATTACH
    attach_kind: str = ""
    """The kind of attachment that SEC() alone is enough for; empty for none."""
    kernel: str = ""
    """First upstream release that loads such a program."""
    flags: int = 0
    optional: bool = False
    """The attach type may be left out where the kernel lacks that field (before 4.17)."""

    def target(self, section: str) -> str:
        """What a SEC() name says after the kind: a function, ``category/name`` …; may be empty."""
        return section[len(self.pattern) :] if self.pattern.endswith("+") else ""


SECTIONS = (
    SectionKind("socket", _P.SOCKET_FILTER, kernel="3.19"),
    SectionKind("sk_reuseport/migrate", _P.SK_REUSEPORT, _A.SK_REUSEPORT_SELECT_OR_MIGRATE, kernel="5.14"),
    SectionKind("sk_reuseport", _P.SK_REUSEPORT, _A.SK_REUSEPORT_SELECT, kernel="4.19"),
    SectionKind("kprobe+", _P.KPROBE, attach_kind="kprobe", kernel="4.1"),
    SectionKind("uprobe+", _P.KPROBE, attach_kind="uprobe", kernel="4.1"),
    SectionKind("uprobe.s+", _P.KPROBE, attach_kind="uprobe", kernel="6.0", flags=SLEEPABLE),
    SectionKind("kretprobe+", _P.KPROBE, attach_kind="kretprobe", kernel="4.1"),
    SectionKind("uretprobe+", _P.KPROBE, attach_kind="uretprobe", kernel="4.1"),
    SectionKind("uretprobe.s+", _P.KPROBE, attach_kind="uretprobe", kernel="6.0", flags=SLEEPABLE),
    SectionKind("kprobe.multi+", _P.KPROBE, _A.TRACE_KPROBE_MULTI, "kprobe.multi", "5.18"),
    SectionKind("kretprobe.multi+", _P.KPROBE, _A.TRACE_KPROBE_MULTI, "kretprobe.multi", "5.18"),
    SectionKind("kprobe.session+", _P.KPROBE, _A.TRACE_KPROBE_SESSION, "kprobe.session", "6.10"),
    SectionKind("uprobe.multi+", _P.KPROBE, _A.TRACE_UPROBE_MULTI, "uprobe.multi", "6.6"),
    SectionKind("uretprobe.multi+", _P.KPROBE, _A.TRACE_UPROBE_MULTI, "uretprobe.multi", "6.6"),
    SectionKind("uprobe.session+", _P.KPROBE, _A.TRACE_UPROBE_SESSION, "uprobe.session", "6.13"),
    SectionKind("uprobe.multi.s+", _P.KPROBE, _A.TRACE_UPROBE_MULTI, "uprobe.multi", "6.6", SLEEPABLE),
    SectionKind("uretprobe.multi.s+", _P.KPROBE, _A.TRACE_UPROBE_MULTI, "uretprobe.multi", "6.6", SLEEPABLE),
    SectionKind("uprobe.session.s+", _P.KPROBE, _A.TRACE_UPROBE_SESSION, "uprobe.session", "6.13", SLEEPABLE),
    SectionKind("ksyscall+", _P.KPROBE, attach_kind="ksyscall", kernel="4.1"),
    SectionKind("kretsyscall+", _P.KPROBE, attach_kind="kretsyscall", kernel="4.1"),
    # Kernels before 6.6 do not look at the attach type, and attach such a program to a perf event.
    SectionKind("usdt+", _P.KPROBE, _A.TRACE_UPROBE_MULTI, "usdt", "4.1"),
    SectionKind("usdt.s+", _P.KPROBE, _A.TRACE_UPROBE_MULTI, "usdt", "6.0", SLEEPABLE),
    SectionKind("tc/ingress", _P.SCHED_CLS, _A.TCX_INGRESS, kernel="6.6"),
    SectionKind("tc/egress", _P.SCHED_CLS, _A.TCX_EGRESS, kernel="6.6"),
    SectionKind("tcx/ingress", _P.SCHED_CLS, _A.TCX_INGRESS, kernel="6.6"),
    SectionKind("tcx/egress", _P.SCHED_CLS, _A.TCX_EGRESS, kernel="6.6"),
    SectionKind("tc", _P.SCHED_CLS, kernel="4.1"),
    SectionKind("classifier", _P.SCHED_CLS, kernel="4.1"),
    SectionKind("action", _P.SCHED_ACT, kernel="4.1"),
    SectionKind("netkit/primary", _P.SCHED_CLS, _A.NETKIT_PRIMARY, kernel="6.7"),
    SectionKind("netkit/peer", _P.SCHED_CLS, _A.NETKIT_PEER, kernel="6.7"),
    SectionKind("tracepoint+", _P.TRACEPOINT, attach_kind="tracepoint", kernel="4.7"),
    SectionKind("tp+", _P.TRACEPOINT, attach_kind="tracepoint", kernel="4.7"),
    SectionKind("tracepoint.s+", _P.TRACEPOINT, attach_kind="tracepoint", kernel="7.1", flags=SLEEPABLE),
    SectionKind("tp.s+", _P.TRACEPOINT, attach_kind="tracepoint", kernel="7.1", flags=SLEEPABLE),
    SectionKind("raw_tracepoint+", _P.RAW_TRACEPOINT, attach_kind="raw_tracepoint", kernel="4.17"),
    SectionKind("raw_tp+", _P.RAW_TRACEPOINT, attach_kind="raw_tracepoint", kernel="4.17"),
    SectionKind("raw_tracepoint.s+", _P.RAW_TRACEPOINT, NO_ATTACH, "raw_tracepoint", "7.1", SLEEPABLE),
    SectionKind("raw_tp.s+", _P.RAW_TRACEPOINT, NO_ATTACH, "raw_tracepoint", "7.1", SLEEPABLE),
    SectionKind("raw_tracepoint.w+", _P.RAW_TRACEPOINT_WRITABLE, NO_ATTACH, "raw_tracepoint", "5.2"),
    SectionKind("raw_tp.w+", _P.RAW_TRACEPOINT_WRITABLE, NO_ATTACH, "raw_tracepoint", "5.2"),
    SectionKind("tp_btf+", _P.TRACING, _A.TRACE_RAW_TP, "tracing", "5.5"),
    SectionKind("tp_btf.s+", _P.TRACING, _A.TRACE_RAW_TP, "tracing", "7.1", SLEEPABLE),
    SectionKind("fentry+", _P.TRACING, _A.TRACE_FENTRY, "tracing", "5.5"),
    SectionKind("fmod_ret+", _P.TRACING, _A.MODIFY_RETURN, "tracing", "5.7"),
    SectionKind("fexit+", _P.TRACING, _A.TRACE_FEXIT, "tracing", "5.5"),
    SectionKind("fentry.s+", _P.TRACING, _A.TRACE_FENTRY, "tracing", "5.10", SLEEPABLE),
    SectionKind("fmod_ret.s+", _P.TRACING, _A.MODIFY_RETURN, "tracing", "5.10", SLEEPABLE),
    SectionKind("fexit.s+", _P.TRACING, _A.TRACE_FEXIT, "tracing", "5.10", SLEEPABLE),
    SectionKind("fsession+", _P.TRACING, _A.TRACE_FSESSION, "tracing", "7.0"),
    SectionKind("fsession.s+", _P.TRACING, _A.TRACE_FSESSION, "tracing", "7.0", SLEEPABLE),
    SectionKind("fentry.multi+", _P.TRACING, _A.TRACE_FENTRY_MULTI, "tracing.multi", "7.2"),
    SectionKind("fexit.multi+", _P.TRACING, _A.TRACE_FEXIT_MULTI, "tracing.multi", "7.2"),
    SectionKind("fsession.multi+", _P.TRACING, _A.TRACE_FSESSION_MULTI, "tracing.multi", "7.2"),
    SectionKind("fentry.multi.s+", _P.TRACING, _A.TRACE_FENTRY_MULTI, "tracing.multi", "7.2", SLEEPABLE),
    SectionKind("fexit.multi.s+", _P.TRACING, _A.TRACE_FEXIT_MULTI, "tracing.multi", "7.2", SLEEPABLE),
    SectionKind("fsession.multi.s+", _P.TRACING, _A.TRACE_FSESSION_MULTI, "tracing.multi", "7.2", SLEEPABLE),
    SectionKind("freplace+", _P.EXT, attach_kind="freplace", kernel="5.6"),
    SectionKind("lsm+", _P.LSM, _A.LSM_MAC, "lsm", "5.7"),
    SectionKind("lsm.s+", _P.LSM, _A.LSM_MAC, "lsm", "5.10", SLEEPABLE),
    SectionKind("lsm_cgroup+", _P.LSM, _A.LSM_CGROUP, kernel="6.0"),
    SectionKind("iter+", _P.TRACING, _A.TRACE_ITER, "iter", "5.8"),
    SectionKind("iter.s+", _P.TRACING, _A.TRACE_ITER, "iter", "5.18", SLEEPABLE),
    SectionKind("syscall", _P.SYSCALL, kernel="5.14", flags=SLEEPABLE),
    SectionKind("xdp.frags/devmap", _P.XDP, _A.XDP_DEVMAP, kernel="5.18", flags=FRAGS),
    SectionKind("xdp/devmap", _P.XDP, _A.XDP_DEVMAP, kernel="5.8"),
    SectionKind("xdp.frags/cpumap", _P.XDP, _A.XDP_CPUMAP, kernel="5.18", flags=FRAGS),
    SectionKind("xdp/cpumap", _P.XDP, _A.XDP_CPUMAP, kernel="5.9"),
    SectionKind("xdp.frags", _P.XDP, _A.XDP, kernel="5.18", flags=FRAGS),
    SectionKind("xdp", _P.XDP, _A.XDP, kernel="4.8", optional=True),
    SectionKind("perf_event", _P.PERF_EVENT, kernel="4.9"),
    SectionKind("lwt_in", _P.LWT_IN, kernel="4.10"),
    SectionKind("lwt_out", _P.LWT_OUT, kernel="4.10"),
    SectionKind("lwt_xmit", _P.LWT_XMIT, kernel="4.10"),
    SectionKind("lwt_seg6local", _P.LWT_SEG6LOCAL, kernel="4.18"),
    SectionKind("sockops", _P.SOCK_OPS, _A.CGROUP_SOCK_OPS, kernel="4.13", optional=True),
    SectionKind("sk_skb/stream_parser", _P.SK_SKB, _A.SK_SKB_STREAM_PARSER, kernel="4.14", optional=True),
    SectionKind("sk_skb/stream_verdict", _P.SK_SKB, _A.SK_SKB_STREAM_VERDICT, kernel="4.14", optional=True),
    SectionKind("sk_skb/verdict", _P.SK_SKB, _A.SK_SKB_VERDICT, kernel="5.13", optional=True),
    SectionKind("sk_skb", _P.SK_SKB, kernel="4.14"),
    SectionKind("sk_msg", _P.SK_MSG, _A.SK_MSG_VERDICT, kernel="4.17", optional=True),
    SectionKind("lirc_mode2", _P.LIRC_MODE2, _A.LIRC_MODE2, kernel="4.18", optional=True),
    SectionKind("flow_dissector", _P.FLOW_DISSECTOR, _A.FLOW_DISSECTOR, kernel="4.20", optional=True),
    SectionKind("cgroup_skb/ingress", _P.CGROUP_SKB, _A.CGROUP_INET_INGRESS, kernel="4.10", optional=True),
    SectionKind("cgroup_skb/egress", _P.CGROUP_SKB, _A.CGROUP_INET_EGRESS, kernel="4.10", optional=True),
    SectionKind("cgroup/skb", _P.CGROUP_SKB, kernel="4.10"),
    SectionKind("cgroup/sock_create", _P.CGROUP_SOCK, _A.CGROUP_INET_SOCK_CREATE, kernel="4.10"),
    SectionKind("cgroup/sock_release", _P.CGROUP_SOCK, _A.CGROUP_INET_SOCK_RELEASE, kernel="5.9"),
    SectionKind("cgroup/sock", _P.CGROUP_SOCK, _A.CGROUP_INET_SOCK_CREATE, kernel="4.10", optional=True),
    SectionKind("cgroup/post_bind4", _P.CGROUP_SOCK, _A.CGROUP_INET4_POST_BIND, kernel="4.17"),
    SectionKind("cgroup/post_bind6", _P.CGROUP_SOCK, _A.CGROUP_INET6_POST_BIND, kernel="4.17"),
    SectionKind("cgroup/bind4", _P.CGROUP_SOCK_ADDR, _A.CGROUP_INET4_BIND, kernel="4.17"),
    SectionKind("cgroup/bind6", _P.CGROUP_SOCK_ADDR, _A.CGROUP_INET6_BIND, kernel="4.17"),
    SectionKind("cgroup/connect4", _P.CGROUP_SOCK_ADDR, _A.CGROUP_INET4_CONNECT, kernel="4.17"),
    SectionKind("cgroup/connect6", _P.CGROUP_SOCK_ADDR, _A.CGROUP_INET6_CONNECT, kernel="4.17"),
    SectionKind("cgroup/connect_unix", _P.CGROUP_SOCK_ADDR, _A.CGROUP_UNIX_CONNECT, kernel="6.7"),
    SectionKind("cgroup/sendmsg4", _P.CGROUP_SOCK_ADDR, _A.CGROUP_UDP4_SENDMSG, kernel="4.18"),
    SectionKind("cgroup/sendmsg6", _P.CGROUP_SOCK_ADDR, _A.CGROUP_UDP6_SENDMSG, kernel="4.18"),
    SectionKind("cgroup/sendmsg_unix", _P.CGROUP_SOCK_ADDR, _A.CGROUP_UNIX_SENDMSG, kernel="6.7"),
    SectionKind("cgroup/recvmsg4", _P.CGROUP_SOCK_ADDR, _A.CGROUP_UDP4_RECVMSG, kernel="5.2"),
    SectionKind("cgroup/recvmsg6", _P.CGROUP_SOCK_ADDR, _A.CGROUP_UDP6_RECVMSG, kernel="5.2"),
    SectionKind("cgroup/recvmsg_unix", _P.CGROUP_SOCK_ADDR, _A.CGROUP_UNIX_RECVMSG, kernel="6.7"),
    SectionKind("cgroup/getpeername4", _P.CGROUP_SOCK_ADDR, _A.CGROUP_INET4_GETPEERNAME, kernel="5.8"),
    SectionKind("cgroup/getpeername6", _P.CGROUP_SOCK_ADDR, _A.CGROUP_INET6_GETPEERNAME, kernel="5.8"),
    SectionKind("cgroup/getpeername_unix", _P.CGROUP_SOCK_ADDR, _A.CGROUP_UNIX_GETPEERNAME, kernel="6.7"),
    SectionKind("cgroup/getsockname4", _P.CGROUP_SOCK_ADDR, _A.CGROUP_INET4_GETSOCKNAME, kernel="5.8"),
    SectionKind("cgroup/getsockname6", _P.CGROUP_SOCK_ADDR, _A.CGROUP_INET6_GETSOCKNAME, kernel="5.8"),
    SectionKind("cgroup/getsockname_unix", _P.CGROUP_SOCK_ADDR, _A.CGROUP_UNIX_GETSOCKNAME, kernel="6.7"),
    SectionKind("cgroup/sysctl", _P.CGROUP_SYSCTL, _A.CGROUP_SYSCTL, kernel="5.2"),
    SectionKind("cgroup/getsockopt", _P.CGROUP_SOCKOPT, _A.CGROUP_GETSOCKOPT, kernel="5.3"),
    SectionKind("cgroup/setsockopt", _P.CGROUP_SOCKOPT, _A.CGROUP_SETSOCKOPT, kernel="5.3"),
    SectionKind("cgroup/dev", _P.CGROUP_DEVICE, _A.CGROUP_DEVICE, kernel="4.15", optional=True),
    SectionKind("struct_ops+", _P.STRUCT_OPS, kernel="5.6"),
    SectionKind("struct_ops.s+", _P.STRUCT_OPS, kernel="6.3", flags=SLEEPABLE),
    SectionKind("sk_lookup", _P.SK_LOOKUP, _A.SK_LOOKUP, kernel="5.9"),
    SectionKind("netfilter", _P.NETFILTER, _A.NETFILTER, kernel="6.4"),
)

_BY_PATTERN = {kind.pattern: kind for kind in SECTIONS}


def find_section(section: str) -> SectionKind | None:
    """The kind of a SEC() name (without a leading ``?``), None for an unknown one."""
    if section.endswith("+"):
        return None
    found = _BY_PATTERN.get(section) or _BY_PATTERN.get(section + "+")
    if found:
        return found
    slash = section.find("/")
    while slash > 0:
        found = _BY_PATTERN.get(section[:slash] + "+")
        if found:
            return found
        slash = section.find("/", slash + 1)
    return None
