/*
 * A congestion control for a newer kernel than there is: a flavour of the struct with a callback
 * and a number that none has. Unset they do no harm.
 */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include "tcp_congestion.h"

struct tcp_congestion_ops___newer {
	char name[16];
	void (*of_no_kernel)(struct sock *sk);
	__u64 number_of_no_kernel;
	__u32 (*ssthresh)(struct sock *sk);
	void (*cong_avoid)(struct sock *sk, __u32 ack, __u32 acked);
	__u32 (*undo_cwnd)(struct sock *sk);
};

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

SEC(".struct_ops")
struct tcp_congestion_ops___newer control = {
	.name = "bpflab_newer",
	.ssthresh = (void *)constant_threshold,
	.cong_avoid = (void *)keep_window,
	.undo_cwnd = (void *)old_window,
};

char LICENSE[] SEC("license") = "GPL";
