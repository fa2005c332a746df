// The kernel refuses a hash map without room.
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

char LICENSE[] SEC("license") = "GPL";

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__type(key, __u32);
	__type(value, __u32);
	__uint(max_entries, 0);
} roomless SEC(".maps");

SEC("socket")
int use(struct __sk_buff *skb)
{
	__u32 key = 0;

	return bpf_map_lookup_elem(&roomless, &key) ? 1 : 0;
}
