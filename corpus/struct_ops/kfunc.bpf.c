/* A congestion control that leaves the work to functions of the kernel's own one (5.13). */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include "tcp_congestion.h"
#include "add_one.h"

extern __u32 tcp_reno_ssthresh(struct sock *sk) __ksym;
extern void tcp_reno_cong_avoid(struct sock *sk, __u32 ack, __u32 acked) __ksym;
extern __u32 tcp_reno_undo_cwnd(struct sock *sk) __ksym;

__u32 avoided;

SEC("struct_ops/ssthresh")
__u32 ssthresh(__u64 *arguments)
{
	return tcp_reno_ssthresh((void *)arguments[0]);
}

SEC("struct_ops/cong_avoid")
void cong_avoid(__u64 *arguments)
{
	tcp_reno_cong_avoid((void *)arguments[0], arguments[1], arguments[2]);
	add_one(avoided);
}

SEC("struct_ops/undo_cwnd")
__u32 undo_cwnd(__u64 *arguments)
{
	return tcp_reno_undo_cwnd((void *)arguments[0]);
}

SEC(".struct_ops")
struct tcp_congestion_ops control = {
	.name = "bpflab_reno",
	.ssthresh = (void *)ssthresh,
	.cong_avoid = (void *)cong_avoid,
	.undo_cwnd = (void *)undo_cwnd,
};

char LICENSE[] SEC("license") = "GPL";
