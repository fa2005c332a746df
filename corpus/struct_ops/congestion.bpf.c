/* A congestion control of our own. Its struct has fewer members than the kernel's, in another order. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include "tcp_congestion.h"
#include "add_one.h"

__u32 inits, avoided, acked, window;

SEC("struct_ops/init")
void count_init(__u64 *arguments)
{
	add_one(inits);
}

SEC("struct_ops/ssthresh")
__u32 constant_threshold(__u64 *arguments)
{
	return 2;
}

SEC("struct_ops/cong_avoid")
void keep_window(__u64 *arguments)
{
	/* The kernel's verifier knows that a congestion control's socket is a TCP one. */
	struct tcp_sock *tp = (void *)arguments[0];

	window = tp->snd_cwnd;
	acked = arguments[2];
	add_one(avoided);
}

SEC("struct_ops/undo_cwnd")
__u32 old_window(__u64 *arguments)
{
	struct tcp_sock *tp = (void *)arguments[0];

	return tp->snd_cwnd;
}

SEC(".struct_ops")
struct tcp_congestion_ops control = {
	.name = "bpflab",
	.init = (void *)count_init,
	.ssthresh = (void *)constant_threshold,
	.cong_avoid = (void *)keep_window,
	.undo_cwnd = (void *)old_window,
};

char LICENSE[] SEC("license") = "GPL";
