/* The map is owner.bpf.c's. As this source comes first, the static linker (1.7) gives it a wrong place in BTF. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

extern struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 4);
	__type(key, __u32);
	__type(value, __u64);
} lent SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 8);
	__type(key, __u32);
	__type(value, __u32);
} own SEC(".maps");

SEC("socket")
int borrow(struct __sk_buff *skb)
{
	__u32 key = 1, value;
	__u64 *found = bpf_map_lookup_elem(&lent, &key);

	if (!found)
		return -1;
	value = *found;
	bpf_map_update_elem(&own, &key, &value, BPF_ANY);
	return value;
}

char LICENSE[] SEC("license") = "Apache-2.0";
