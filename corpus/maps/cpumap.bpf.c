/* Gives frames to another CPU, where a program has a look at them before the network stack does. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_endian.h>
#include "add_one.h"
#include "frame.h"

struct {
	__uint(type, BPF_MAP_TYPE_CPUMAP);
	__uint(max_entries, 1);
	__uint(key_size, sizeof(__u32));
	__uint(value_size, sizeof(struct bpf_cpumap_val));
} cpus SEC(".maps");

__u64 passed, dropped;

SEC("xdp")
int move(struct xdp_md *ctx)
{
	return bpf_redirect_map(&cpus, 0, XDP_ABORTED);
}

SEC("xdp/cpumap")
int sort(struct xdp_md *ctx)
{
	void *end = (void *)(long)ctx->data_end;
	struct frame *frame = (void *)(long)ctx->data;

	if (frame->payload + 1 > (__u8 *)end || frame->protocol != bpf_htons(ETH_P_BPFLAB))
		return XDP_PASS;
	if (frame->payload[0] == 'D') {
		add_one(dropped);
		return XDP_DROP;
	}
	add_one(passed);
	return XDP_PASS;
}

char LICENSE[] SEC("license") = "GPL";
