/* A program for each SEC() name that every kernel here takes and that needs nothing else to load. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

#define PROGRAM(name, section, verdict)   \
	SEC(section)                      \
	int on_##name(void *context)      \
	{                                 \
		return verdict;           \
	}

PROGRAM(socket, "socket", 0)
PROGRAM(kprobe, "kprobe/do_nanosleep", 0)
PROGRAM(kretprobe, "kretprobe/do_nanosleep", 0)
PROGRAM(tc, "tc", 0)
PROGRAM(classifier, "classifier", 0)
PROGRAM(action, "action", 0)
PROGRAM(tracepoint, "tracepoint/task/task_rename", 0)
PROGRAM(tp, "tp/task/task_rename", 0)
PROGRAM(raw_tracepoint, "raw_tracepoint/task_rename", 0)
PROGRAM(raw_tp, "raw_tp/task_rename", 0)
PROGRAM(xdp, "xdp", XDP_PASS)
PROGRAM(xdp_devmap, "xdp/devmap", XDP_PASS)
PROGRAM(xdp_cpumap, "xdp/cpumap", XDP_PASS)
PROGRAM(perf_event, "perf_event", 0)
PROGRAM(lwt_in, "lwt_in", 0)
PROGRAM(lwt_out, "lwt_out", 0)
PROGRAM(lwt_xmit, "lwt_xmit", 0)
PROGRAM(sockops, "sockops", 0)
PROGRAM(stream_parser, "sk_skb/stream_parser", 0)
PROGRAM(stream_verdict, "sk_skb/stream_verdict", 0)
PROGRAM(sk_skb, "sk_skb", 0)
PROGRAM(sk_msg, "sk_msg", SK_PASS)
PROGRAM(flow_dissector, "flow_dissector", 0)
PROGRAM(sk_reuseport, "sk_reuseport", SK_PASS)
PROGRAM(sk_lookup, "sk_lookup", SK_PASS)
PROGRAM(skb_ingress, "cgroup_skb/ingress", 1)
PROGRAM(skb_egress, "cgroup_skb/egress", 1)
PROGRAM(cgroup_skb, "cgroup/skb", 1)
PROGRAM(sock_create, "cgroup/sock_create", 1)
PROGRAM(sock_release, "cgroup/sock_release", 1)
PROGRAM(sock, "cgroup/sock", 1)
PROGRAM(post_bind4, "cgroup/post_bind4", 1)
PROGRAM(post_bind6, "cgroup/post_bind6", 1)
PROGRAM(bind4, "cgroup/bind4", 1)
PROGRAM(bind6, "cgroup/bind6", 1)
PROGRAM(connect4, "cgroup/connect4", 1)
PROGRAM(connect6, "cgroup/connect6", 1)
PROGRAM(sendmsg4, "cgroup/sendmsg4", 1)
PROGRAM(sendmsg6, "cgroup/sendmsg6", 1)
PROGRAM(recvmsg4, "cgroup/recvmsg4", 1)
PROGRAM(recvmsg6, "cgroup/recvmsg6", 1)
PROGRAM(getpeername4, "cgroup/getpeername4", 1)
PROGRAM(getpeername6, "cgroup/getpeername6", 1)
PROGRAM(getsockname4, "cgroup/getsockname4", 1)
PROGRAM(getsockname6, "cgroup/getsockname6", 1)
PROGRAM(sysctl, "cgroup/sysctl", 1)
PROGRAM(getsockopt, "cgroup/getsockopt", 1)
PROGRAM(setsockopt, "cgroup/setsockopt", 1)
PROGRAM(dev, "cgroup/dev", 1)

char LICENSE[] SEC("license") = "GPL";
