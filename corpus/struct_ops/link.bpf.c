/* Two congestion controls that share their callbacks, attached by links of their own (6.4). */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include "tcp_congestion.h"

SEC("struct_ops/ssthresh")
__u32 constant_threshold(__u64 *arguments)
{
	return 2;
}

SEC("struct_ops/cong_avoid")
void keep_window(__u64 *arguments)
{
}

SEC("struct_ops/undo_cwnd")
__u32 old_window(__u64 *arguments)
{
	struct tcp_sock *tp = (void *)arguments[0];

	return tp->snd_cwnd;
}

/* No callback: kernel functions that it calls may be told which struct it is about (7.0). */
SEC("?syscall")
int outsider(void *ctx)
{
	return 0;
}

SEC(".struct_ops.link")
struct tcp_congestion_ops first = {
	.name = "bpflab_first",
	.ssthresh = (void *)constant_threshold,
	.cong_avoid = (void *)keep_window,
	.undo_cwnd = (void *)old_window,
};

SEC(".struct_ops.link")
struct tcp_congestion_ops second = {
	.name = "bpflab_second",
	.ssthresh = (void *)constant_threshold,
	.cong_avoid = (void *)keep_window,
	.undo_cwnd = (void *)old_window,
};

char LICENSE[] SEC("license") = "GPL";
