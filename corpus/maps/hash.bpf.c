/* Counts frames by their length in a hash map. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include "add_one.h"

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1024);
	__type(key, __u32);
	__type(value, __u64);
} counts SEC(".maps");

SEC("tc")
int count(struct __sk_buff *skb)
{
	__u32 length = skb->len;
	__u64 one = 1, *seen = bpf_map_lookup_elem(&counts, &length);

	if (seen)
		add_one(*seen);
	else
		bpf_map_update_elem(&counts, &length, &one, BPF_NOEXIST);
	return 0;
}

char LICENSE[] SEC("license") = "Apache-2.0";
