/* Counts the lab's frames, and sends an event with the count for each. */
#include <linux/bpf.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>
#include "frame.h"

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u64);
} counter SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 1 << 14);
} events SEC(".maps");

SEC("xdp")
int count(struct xdp_md *xdp)
{
	void *data = (void *)(long)xdp->data, *end = (void *)(long)xdp->data_end;
	const struct frame *frame = data;
	__u64 *counted, number;
	__u32 key = 0;

	if (data + sizeof(*frame) > end || frame->protocol != bpf_htons(ETH_P_BPFLAB))
		return XDP_PASS;
	counted = bpf_map_lookup_elem(&counter, &key);
	if (!counted)
		return XDP_PASS;
	number = ++*counted;
	bpf_ringbuf_output(&events, &number, sizeof(number), 0);
	return XDP_PASS;
}

char LICENSE[] SEC("license") = "Apache-2.0";
