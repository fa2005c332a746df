/* Looks the first four bytes of a frame's payload up in a longest-prefix trie. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include "frame.h"

struct prefix {
	__u32 length;
	__u8 address[4];
};

struct {
	__uint(type, BPF_MAP_TYPE_LPM_TRIE);
	__uint(max_entries, 16);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct prefix);
	__type(value, __u32);
} routes SEC(".maps");

SEC("tc")
int route(struct __sk_buff *skb)
{
	struct prefix prefix = { .length = 32 };
	__u32 *found;

	if (bpf_skb_load_bytes(skb, PAYLOAD_OFFSET, prefix.address, sizeof(prefix.address)))
		return -1;
	found = bpf_map_lookup_elem(&routes, &prefix);
	return found ? *found : 0;
}

char LICENSE[] SEC("license") = "Apache-2.0";
