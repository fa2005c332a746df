/* Two versions of one congestion control: the second takes the first's place while it is in use. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include "tcp_congestion.h"
#include "add_one.h"

__u32 old_calls, new_calls;

SEC("struct_ops/ssthresh")
__u32 constant_threshold(__u64 *arguments)
{
	return 2;
}

SEC("struct_ops/cong_avoid")
void old_way(__u64 *arguments)
{
	add_one(old_calls);
}

SEC("struct_ops/cong_avoid")
void new_way(__u64 *arguments)
{
	add_one(new_calls);
}

SEC("struct_ops/undo_cwnd")
__u32 old_window(__u64 *arguments)
{
	struct tcp_sock *tp = (void *)arguments[0];

	return tp->snd_cwnd;
}

SEC(".struct_ops.link")
struct tcp_congestion_ops first = {
	.name = "bpflab_update",
	.ssthresh = (void *)constant_threshold,
	.cong_avoid = (void *)old_way,
	.undo_cwnd = (void *)old_window,
};

SEC(".struct_ops.link")
struct tcp_congestion_ops second = {
	.name = "bpflab_update",
	.ssthresh = (void *)constant_threshold,
	.cong_avoid = (void *)new_way,
	.undo_cwnd = (void *)old_window,
};

char LICENSE[] SEC("license") = "GPL";
