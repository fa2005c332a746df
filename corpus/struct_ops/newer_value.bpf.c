/* Must be refused: a member that no kernel has is not empty. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include "tcp_congestion.h"

struct tcp_congestion_ops___newer {
	char name[16];
	__u64 number_of_no_kernel;
	__u32 (*ssthresh)(struct sock *sk);
};

SEC("struct_ops/ssthresh")
__u32 constant_threshold(__u64 *arguments)
{
	return 2;
}

SEC(".struct_ops")
struct tcp_congestion_ops___newer control = {
	.name = "bpflab_value",
	.number_of_no_kernel = 1,
	.ssthresh = (void *)constant_threshold,
};

char LICENSE[] SEC("license") = "GPL";
