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


def _kind(
    pattern: str,
    type: ProgType,
    attach_type: AttachType | Literal[0] = NO_ATTACH,
    attach_kind: str = "",
    kernel: str = "",
    flags: int = 0,
    optional: bool = False,
) -> SectionKind:
    """What SectionKind() does, in a tenth of the time: there are many rows."""
    return tuple.__new__(SectionKind, (pattern, type, attach_type, attach_kind, kernel, flags, optional))


SECTIONS = (
    _kind("socket", _P.SOCKET_FILTER, kernel="3.19"),
    _kind("sk_reuseport/migrate", _P.SK_REUSEPORT, _A.SK_REUSEPORT_SELECT_OR_MIGRATE, kernel="5.14"),
    _kind("sk_reuseport", _P.SK_REUSEPORT, _A.SK_REUSEPORT_SELECT, kernel="4.19"),
    _kind("kprobe+", _P.KPROBE, attach_kind="kprobe", kernel="4.1"),
    _kind("uprobe+", _P.KPROBE, attach_kind="uprobe", kernel="4.1"),
    _kind("uprobe.s+", _P.KPROBE, attach_kind="uprobe", kernel="6.0", flags=SLEEPABLE),
    _kind("kretprobe+", _P.KPROBE, attach_kind="kretprobe", kernel="4.1"),
    _kind("uretprobe+", _P.KPROBE, attach_kind="uretprobe", kernel="4.1"),
    _kind("uretprobe.s+", _P.KPROBE, attach_kind="uretprobe", kernel="6.0", flags=SLEEPABLE),
    _kind("kprobe.multi+", _P.KPROBE, _A.TRACE_KPROBE_MULTI, "kprobe.multi", "5.18"),
    _kind("kretprobe.multi+", _P.KPROBE, _A.TRACE_KPROBE_MULTI, "kretprobe.multi", "5.18"),
    _kind("kprobe.session+", _P.KPROBE, _A.TRACE_KPROBE_SESSION, "kprobe.session", "6.10"),
    _kind("uprobe.multi+", _P.KPROBE, _A.TRACE_UPROBE_MULTI, "uprobe.multi", "6.6"),
    _kind("uretprobe.multi+", _P.KPROBE, _A.TRACE_UPROBE_MULTI, "uretprobe.multi", "6.6"),
    _kind("uprobe.session+", _P.KPROBE, _A.TRACE_UPROBE_SESSION, "uprobe.session", "6.13"),
    _kind("uprobe.multi.s+", _P.KPROBE, _A.TRACE_UPROBE_MULTI, "uprobe.multi", "6.6", SLEEPABLE),
    _kind("uretprobe.multi.s+", _P.KPROBE, _A.TRACE_UPROBE_MULTI, "uretprobe.multi", "6.6", SLEEPABLE),
    _kind("uprobe.session.s+", _P.KPROBE, _A.TRACE_UPROBE_SESSION, "uprobe.session", "6.13", SLEEPABLE),
    _kind("ksyscall+", _P.KPROBE, attach_kind="ksyscall", kernel="4.1"),
    _kind("kretsyscall+", _P.KPROBE, attach_kind="kretsyscall", kernel="4.1"),
    # Kernels before 6.6 do not look at the attach type, and attach such a program to a perf event.
    _kind("usdt+", _P.KPROBE, _A.TRACE_UPROBE_MULTI, "usdt", "4.1"),
    _kind("usdt.s+", _P.KPROBE, _A.TRACE_UPROBE_MULTI, "usdt", "6.0", SLEEPABLE),
    _kind("tc/ingress", _P.SCHED_CLS, _A.TCX_INGRESS, kernel="6.6"),
    _kind("tc/egress", _P.SCHED_CLS, _A.TCX_EGRESS, kernel="6.6"),
    _kind("tcx/ingress", _P.SCHED_CLS, _A.TCX_INGRESS, kernel="6.6"),
    _kind("tcx/egress", _P.SCHED_CLS, _A.TCX_EGRESS, kernel="6.6"),
    _kind("tc", _P.SCHED_CLS, kernel="4.1"),
    _kind("classifier", _P.SCHED_CLS, kernel="4.1"),
    _kind("action", _P.SCHED_ACT, kernel="4.1"),
    _kind("netkit/primary", _P.SCHED_CLS, _A.NETKIT_PRIMARY, kernel="6.7"),
    _kind("netkit/peer", _P.SCHED_CLS, _A.NETKIT_PEER, kernel="6.7"),
    _kind("tracepoint+", _P.TRACEPOINT, attach_kind="tracepoint", kernel="4.7"),
    _kind("tp+", _P.TRACEPOINT, attach_kind="tracepoint", kernel="4.7"),
    _kind("tracepoint.s+", _P.TRACEPOINT, attach_kind="tracepoint", kernel="7.1", flags=SLEEPABLE),
    _kind("tp.s+", _P.TRACEPOINT, attach_kind="tracepoint", kernel="7.1", flags=SLEEPABLE),
    _kind("raw_tracepoint+", _P.RAW_TRACEPOINT, attach_kind="raw_tracepoint", kernel="4.17"),
    _kind("raw_tp+", _P.RAW_TRACEPOINT, attach_kind="raw_tracepoint", kernel="4.17"),
    _kind("raw_tracepoint.s+", _P.RAW_TRACEPOINT, NO_ATTACH, "raw_tracepoint", "7.1", SLEEPABLE),
    _kind("raw_tp.s+", _P.RAW_TRACEPOINT, NO_ATTACH, "raw_tracepoint", "7.1", SLEEPABLE),
    _kind("raw_tracepoint.w+", _P.RAW_TRACEPOINT_WRITABLE, NO_ATTACH, "raw_tracepoint", "5.2"),
    _kind("raw_tp.w+", _P.RAW_TRACEPOINT_WRITABLE, NO_ATTACH, "raw_tracepoint", "5.2"),
    _kind("tp_btf+", _P.TRACING, _A.TRACE_RAW_TP, "tracing", "5.5"),
    _kind("tp_btf.s+", _P.TRACING, _A.TRACE_RAW_TP, "tracing", "7.1", SLEEPABLE),
    _kind("fentry+", _P.TRACING, _A.TRACE_FENTRY, "tracing", "5.5"),
    _kind("fmod_ret+", _P.TRACING, _A.MODIFY_RETURN, "tracing", "5.7"),
    _kind("fexit+", _P.TRACING, _A.TRACE_FEXIT, "tracing", "5.5"),
    _kind("fentry.s+", _P.TRACING, _A.TRACE_FENTRY, "tracing", "5.10", SLEEPABLE),
    _kind("fmod_ret.s+", _P.TRACING, _A.MODIFY_RETURN, "tracing", "5.10", SLEEPABLE),
    _kind("fexit.s+", _P.TRACING, _A.TRACE_FEXIT, "tracing", "5.10", SLEEPABLE),
    _kind("fsession+", _P.TRACING, _A.TRACE_FSESSION, "tracing", "7.0"),
    _kind("fsession.s+", _P.TRACING, _A.TRACE_FSESSION, "tracing", "7.0", SLEEPABLE),
    _kind("fentry.multi+", _P.TRACING, _A.TRACE_FENTRY_MULTI, "tracing.multi", "7.2"),
    _kind("fexit.multi+", _P.TRACING, _A.TRACE_FEXIT_MULTI, "tracing.multi", "7.2"),
    _kind("fsession.multi+", _P.TRACING, _A.TRACE_FSESSION_MULTI, "tracing.multi", "7.2"),
    _kind("fentry.multi.s+", _P.TRACING, _A.TRACE_FENTRY_MULTI, "tracing.multi", "7.2", SLEEPABLE),
    _kind("fexit.multi.s+", _P.TRACING, _A.TRACE_FEXIT_MULTI, "tracing.multi", "7.2", SLEEPABLE),
    _kind("fsession.multi.s+", _P.TRACING, _A.TRACE_FSESSION_MULTI, "tracing.multi", "7.2", SLEEPABLE),
    _kind("freplace+", _P.EXT, attach_kind="freplace", kernel="5.6"),
    _kind("lsm+", _P.LSM, _A.LSM_MAC, "lsm", "5.7"),
    _kind("lsm.s+", _P.LSM, _A.LSM_MAC, "lsm", "5.10", SLEEPABLE),
    _kind("lsm_cgroup+", _P.LSM, _A.LSM_CGROUP, kernel="6.0"),
    _kind("iter+", _P.TRACING, _A.TRACE_ITER, "iter", "5.8"),
    _kind("iter.s+", _P.TRACING, _A.TRACE_ITER, "iter", "5.18", SLEEPABLE),
    _kind("syscall", _P.SYSCALL, kernel="5.14", flags=SLEEPABLE),
    _kind("xdp.frags/devmap", _P.XDP, _A.XDP_DEVMAP, kernel="5.18", flags=FRAGS),
    _kind("xdp/devmap", _P.XDP, _A.XDP_DEVMAP, kernel="5.8"),
    _kind("xdp.frags/cpumap", _P.XDP, _A.XDP_CPUMAP, kernel="5.18", flags=FRAGS),
    _kind("xdp/cpumap", _P.XDP, _A.XDP_CPUMAP, kernel="5.9"),
    _kind("xdp.frags", _P.XDP, _A.XDP, kernel="5.18", flags=FRAGS),
    _kind("xdp", _P.XDP, _A.XDP, kernel="4.8", optional=True),
    _kind("perf_event", _P.PERF_EVENT, kernel="4.9"),
    _kind("lwt_in", _P.LWT_IN, kernel="4.10"),
    _kind("lwt_out", _P.LWT_OUT, kernel="4.10"),
    _kind("lwt_xmit", _P.LWT_XMIT, kernel="4.10"),
    _kind("lwt_seg6local", _P.LWT_SEG6LOCAL, kernel="4.18"),
    _kind("sockops", _P.SOCK_OPS, _A.CGROUP_SOCK_OPS, kernel="4.13", optional=True),
    _kind("sk_skb/stream_parser", _P.SK_SKB, _A.SK_SKB_STREAM_PARSER, kernel="4.14", optional=True),
    _kind("sk_skb/stream_verdict", _P.SK_SKB, _A.SK_SKB_STREAM_VERDICT, kernel="4.14", optional=True),
    _kind("sk_skb/verdict", _P.SK_SKB, _A.SK_SKB_VERDICT, kernel="5.13", optional=True),
    _kind("sk_skb", _P.SK_SKB, kernel="4.14"),
    _kind("sk_msg", _P.SK_MSG, _A.SK_MSG_VERDICT, kernel="4.17", optional=True),
    _kind("lirc_mode2", _P.LIRC_MODE2, _A.LIRC_MODE2, kernel="4.18", optional=True),
    _kind("flow_dissector", _P.FLOW_DISSECTOR, _A.FLOW_DISSECTOR, kernel="4.20", optional=True),
    _kind("cgroup_skb/ingress", _P.CGROUP_SKB, _A.CGROUP_INET_INGRESS, kernel="4.10", optional=True),
    _kind("cgroup_skb/egress", _P.CGROUP_SKB, _A.CGROUP_INET_EGRESS, kernel="4.10", optional=True),
    _kind("cgroup/skb", _P.CGROUP_SKB, kernel="4.10"),
    _kind("cgroup/sock_create", _P.CGROUP_SOCK, _A.CGROUP_INET_SOCK_CREATE, kernel="4.10"),
    _kind("cgroup/sock_release", _P.CGROUP_SOCK, _A.CGROUP_INET_SOCK_RELEASE, kernel="5.9"),
    _kind("cgroup/sock", _P.CGROUP_SOCK, _A.CGROUP_INET_SOCK_CREATE, kernel="4.10", optional=True),
    _kind("cgroup/post_bind4", _P.CGROUP_SOCK, _A.CGROUP_INET4_POST_BIND, kernel="4.17"),
    _kind("cgroup/post_bind6", _P.CGROUP_SOCK, _A.CGROUP_INET6_POST_BIND, kernel="4.17"),
    _kind("cgroup/bind4", _P.CGROUP_SOCK_ADDR, _A.CGROUP_INET4_BIND, kernel="4.17"),
    _kind("cgroup/bind6", _P.CGROUP_SOCK_ADDR, _A.CGROUP_INET6_BIND, kernel="4.17"),
    _kind("cgroup/connect4", _P.CGROUP_SOCK_ADDR, _A.CGROUP_INET4_CONNECT, kernel="4.17"),
    _kind("cgroup/connect6", _P.CGROUP_SOCK_ADDR, _A.CGROUP_INET6_CONNECT, kernel="4.17"),
    _kind("cgroup/connect_unix", _P.CGROUP_SOCK_ADDR, _A.CGROUP_UNIX_CONNECT, kernel="6.7"),
    _kind("cgroup/sendmsg4", _P.CGROUP_SOCK_ADDR, _A.CGROUP_UDP4_SENDMSG, kernel="4.18"),
    _kind("cgroup/sendmsg6", _P.CGROUP_SOCK_ADDR, _A.CGROUP_UDP6_SENDMSG, kernel="4.18"),
    _kind("cgroup/sendmsg_unix", _P.CGROUP_SOCK_ADDR, _A.CGROUP_UNIX_SENDMSG, kernel="6.7"),
    _kind("cgroup/recvmsg4", _P.CGROUP_SOCK_ADDR, _A.CGROUP_UDP4_RECVMSG, kernel="5.2"),
    _kind("cgroup/recvmsg6", _P.CGROUP_SOCK_ADDR, _A.CGROUP_UDP6_RECVMSG, kernel="5.2"),
    _kind("cgroup/recvmsg_unix", _P.CGROUP_SOCK_ADDR, _A.CGROUP_UNIX_RECVMSG, kernel="6.7"),
    _kind("cgroup/getpeername4", _P.CGROUP_SOCK_ADDR, _A.CGROUP_INET4_GETPEERNAME, kernel="5.8"),
    _kind("cgroup/getpeername6", _P.CGROUP_SOCK_ADDR, _A.CGROUP_INET6_GETPEERNAME, kernel="5.8"),
    _kind("cgroup/getpeername_unix", _P.CGROUP_SOCK_ADDR, _A.CGROUP_UNIX_GETPEERNAME, kernel="6.7"),
    _kind("cgroup/getsockname4", _P.CGROUP_SOCK_ADDR, _A.CGROUP_INET4_GETSOCKNAME, kernel="5.8"),
    _kind("cgroup/getsockname6", _P.CGROUP_SOCK_ADDR, _A.CGROUP_INET6_GETSOCKNAME, kernel="5.8"),
    _kind("cgroup/getsockname_unix", _P.CGROUP_SOCK_ADDR, _A.CGROUP_UNIX_GETSOCKNAME, kernel="6.7"),
    _kind("cgroup/sysctl", _P.CGROUP_SYSCTL, _A.CGROUP_SYSCTL, kernel="5.2"),
    _kind("cgroup/getsockopt", _P.CGROUP_SOCKOPT, _A.CGROUP_GETSOCKOPT, kernel="5.3"),
    _kind("cgroup/setsockopt", _P.CGROUP_SOCKOPT, _A.CGROUP_SETSOCKOPT, kernel="5.3"),
    _kind("cgroup/dev", _P.CGROUP_DEVICE, _A.CGROUP_DEVICE, kernel="4.15", optional=True),
    _kind("struct_ops+", _P.STRUCT_OPS, kernel="5.6"),
    _kind("struct_ops.s+", _P.STRUCT_OPS, kernel="6.3", flags=SLEEPABLE),
    _kind("sk_lookup", _P.SK_LOOKUP, _A.SK_LOOKUP, kernel="5.9"),
    _kind("netfilter", _P.NETFILTER, _A.NETFILTER, kernel="6.4"),
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
