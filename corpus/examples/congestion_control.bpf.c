/* A TCP congestion control: half of the window is kept when a packet is lost, and one is won per round. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include "add_one.h"
#include "tcp_congestion.h"

__u64 acknowledged, losses;

SEC("struct_ops/threshold")
__u32 threshold(__u64 *arguments)
{
	struct tcp_sock *tcp = (void *)arguments[0];

	add_one(losses);
	return tcp->snd_cwnd > 4 ? tcp->snd_cwnd / 2 : 2;
}

SEC("struct_ops/avoid")
void avoid(__u64 *arguments)
{
	struct tcp_sock *tcp = (void *)arguments[0];
	__u32 acked = arguments[2];

	__atomic_fetch_add(&acknowledged, acked, __ATOMIC_RELAXED);
	tcp->snd_cwnd_cnt += acked;
	if (tcp->snd_cwnd_cnt >= tcp->snd_cwnd) {
		tcp->snd_cwnd_cnt = 0;
		tcp->snd_cwnd += 1;
	}
}

SEC("struct_ops/undo")
__u32 undo(__u64 *arguments)
{
	struct tcp_sock *tcp = (void *)arguments[0];

	return tcp->snd_cwnd;
}

SEC(".struct_ops")
struct tcp_congestion_ops control = {
	.name = "bpf_example",
	.ssthresh = (void *)threshold,
	.cong_avoid = (void *)avoid,
	.undo_cwnd = (void *)undo,
};

char LICENSE[] SEC("license") = "GPL";
