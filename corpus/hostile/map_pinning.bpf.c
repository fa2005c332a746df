/* A map with a kind of pinning that does not exist. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__uint(pinning, 2);
	__type(key, __u32);
	__type(value, __u32);
} wrong SEC(".maps");

SEC("tc")
int count(struct __sk_buff *skb)
{
	__u32 key = 0;

	return bpf_map_lookup_elem(&wrong, &key) != 0;
}

char LICENSE[] SEC("license") = "Apache-2.0";
