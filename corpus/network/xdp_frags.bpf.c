/* Counts the bytes of the lab's frames, however many buffers they lie in; drops those that end with 'D'. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_endian.h>
#include "frame.h"

__u64 length, in_first_buffer, dropped;

SEC("xdp.frags")
int measure(struct xdp_md *ctx)
{
	void *end = (void *)(long)ctx->data_end;
	struct frame *frame = (void *)(long)ctx->data;
	__u64 whole = bpf_xdp_get_buff_len(ctx);
	__u8 last;

	if (frame->payload > (__u8 *)end || frame->protocol != bpf_htons(ETH_P_BPFLAB))
		return XDP_PASS;
	length = whole;
	in_first_buffer = end - (void *)frame;
	if (!bpf_xdp_load_bytes(ctx, whole - 1, &last, 1) && last == 'D') {
		dropped++;
		return XDP_DROP;
	}
	return XDP_PASS;
}

char LICENSE[] SEC("license") = "Apache-2.0";
