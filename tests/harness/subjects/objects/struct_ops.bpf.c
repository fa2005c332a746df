// A congestion control, to be attached as a map.
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include "tcp_congestion.h"

SEC("struct_ops/ssthresh")
__u32 threshold(__u64 *arguments)
{
	return 2;
}

SEC("struct_ops/cong_avoid")
void avoid(__u64 *arguments)
{
}

SEC("struct_ops/undo_cwnd")
__u32 undo(__u64 *arguments)
{
	return 10;
}

SEC(".struct_ops")
struct tcp_congestion_ops control = {
	.name = "bpflab_subject",
	.ssthresh = (void *)threshold,
	.cong_avoid = (void *)avoid,
	.undo_cwnd = (void *)undo,
};

char LICENSE[] SEC("license") = "GPL";
