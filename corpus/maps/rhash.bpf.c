/* A hash table that grows with what is in it (7.2). */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include "add_one.h"

#define RHASH 35 /* libbpf's header does not know it yet */

struct {
	__uint(type, RHASH);
	__uint(max_entries, 4096);
	__uint(map_flags, BPF_F_NO_PREALLOC);
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
