/* Sends frames on through other devices: by index, and by a hash with a program on the way out. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_endian.h>
#include "add_one.h"
#include "frame.h"

struct {
	__uint(type, BPF_MAP_TYPE_DEVMAP);
	__uint(max_entries, 4);
	__uint(key_size, sizeof(__u32));
	__uint(value_size, sizeof(__u32));
} by_index SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_DEVMAP_HASH);
	__uint(max_entries, 4);
	__uint(key_size, sizeof(__u32));
	__uint(value_size, sizeof(struct bpf_devmap_val));
} by_number SEC(".maps");

__u64 sent_on;

SEC("xdp")
int through_array(struct xdp_md *ctx)
{
	return bpf_redirect_map(&by_index, 2, XDP_PASS);
}

SEC("xdp")
int through_hash(struct xdp_md *ctx)
{
	return bpf_redirect_map(&by_number, 77777, 0);
}

SEC("xdp/devmap")
int mark(struct xdp_md *ctx)
{
	void *end = (void *)(long)ctx->data_end;
	struct frame *frame = (void *)(long)ctx->data;

	if (frame->payload + 1 > (__u8 *)end || frame->protocol != bpf_htons(ETH_P_BPFLAB))
		return XDP_DROP;
	frame->payload[0] = 'M';
	add_one(sent_on);
	return XDP_PASS;
}

/* Devices send what XDP gives them only if there is a program at the other end (before 5.13). */
SEC("xdp")
int receive(struct xdp_md *ctx)
{
	return XDP_PASS;
}

char LICENSE[] SEC("license") = "GPL";
