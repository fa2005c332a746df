/* Asks the device for the hash of the lab's frames, which only a program bound to a device may. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_endian.h>
#include "frame.h"

enum xdp_rss_hash_type {
	XDP_RSS_TYPE_NONE,
};

extern int bpf_xdp_metadata_rx_hash(const struct xdp_md *ctx, __u32 *hash,
				    enum xdp_rss_hash_type *rss_type) __ksym;

__u64 frames;
__s32 answer = 1;

SEC("xdp")
int ask(struct xdp_md *ctx)
{
	void *end = (void *)(long)ctx->data_end;
	struct frame *frame = (void *)(long)ctx->data;
	enum xdp_rss_hash_type *type;
	__u32 hash, room = 0;

	if (frame->payload > (__u8 *)end || frame->protocol != bpf_htons(ETH_P_BPFLAB))
		return XDP_PASS;
	type = (void *)&room;
	answer = bpf_xdp_metadata_rx_hash(ctx, &hash, type);
	frames++;
	return XDP_PASS;
}

char LICENSE[] SEC("license") = "GPL";
