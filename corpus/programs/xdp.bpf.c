/* Counts the lab's frames, drops those that begin with 'D', passes the rest. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_endian.h>
#include "frame.h"
#include "add_one.h"

__u64 passed, dropped;

SEC("xdp")
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

char LICENSE[] SEC("license") = "Apache-2.0";
