/* Counts packets and bytes that arrive at a device, by IP protocol. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_endian.h>
#include "ipv4.h"

struct traffic {
	__u64 packets;
	__u64 bytes;
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 256);
	__type(key, __u32);
	__type(value, struct traffic);
} protocols SEC(".maps");

SEC("xdp")
int count(struct xdp_md *context)
{
	struct ipv4 *ip = ipv4_of((void *)(long)context->data, (void *)(long)context->data_end);
	struct traffic *traffic;
	__u32 protocol;

	if (!ip)
		return XDP_PASS;
	protocol = ip->protocol;
	traffic = bpf_map_lookup_elem(&protocols, &protocol);
	if (traffic) {
		traffic->packets++;
		traffic->bytes += context->data_end - context->data;
	}
	return XDP_PASS;
}

char LICENSE[] SEC("license") = "Apache-2.0";
