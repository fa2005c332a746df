/* Drops IPv4 packets from the networks in a longest-prefix trie, and counts them. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_endian.h>
#include "add_one.h"
#include "ipv4.h"

struct network {
	__u32 length; /* of the prefix, in bits */
	__u8 address[4];
};

struct {
	__uint(type, BPF_MAP_TYPE_LPM_TRIE);
	__uint(max_entries, 1024);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct network);
	__type(value, __u64);
} blocked SEC(".maps");

SEC("xdp")
int block(struct xdp_md *context)
{
	struct ipv4 *ip = ipv4_of((void *)(long)context->data, (void *)(long)context->data_end);
	struct network source = { .length = 32 };
	__u64 *packets;

	if (!ip)
		return XDP_PASS;
	__builtin_memcpy(source.address, &ip->source, sizeof(source.address));
	packets = bpf_map_lookup_elem(&blocked, &source);
	if (!packets)
		return XDP_PASS;
	add_one(*packets);
	return XDP_DROP;
}

char LICENSE[] SEC("license") = "Apache-2.0";
