/* A hash of hash maps, empty at first, with an anonymous inner definition. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 8);
	__type(key, __u32);
	__type(value, __u32);
} by_length SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH_OF_MAPS);
	__uint(max_entries, 8);
	__type(key, __u32);
	__array(values, struct {
		__uint(type, BPF_MAP_TYPE_HASH);
		__uint(max_entries, 8);
		__type(key, __u32);
		__type(value, __u32);
	});
} by_protocol SEC(".maps");

SEC("tc")
int find(struct __sk_buff *skb)
{
	__u32 protocol = skb->protocol, length = skb->len, *found;
	void *inner = bpf_map_lookup_elem(&by_protocol, &protocol);

	if (!inner)
		return 1;
	found = bpf_map_lookup_elem(inner, &length);
	return found ? *found : 2;
}

char LICENSE[] SEC("license") = "Apache-2.0";
