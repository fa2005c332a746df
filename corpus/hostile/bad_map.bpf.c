/* A hash map without room: the kernel refuses to create it. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 0);
	__type(key, __u32);
	__type(value, __u32);
} roomless SEC(".maps");

SEC("socket")
int look_up(struct __sk_buff *skb)
{
	__u32 key = 0;

	return bpf_map_lookup_elem(&roomless, &key) != 0;
}

char LICENSE[] SEC("license") = "Apache-2.0";
