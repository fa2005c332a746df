/* A small LRU hash: an entry that the program touches stays while others are evicted. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 64);
	__type(key, __u32);
	__type(value, __u32);
} recent SEC(".maps");

SEC("tc")
int remember(struct __sk_buff *skb)
{
	__u32 length = skb->len, mark = skb->len * 2;

	return bpf_map_update_elem(&recent, &length, &mark, BPF_ANY);
}

char LICENSE[] SEC("license") = "Apache-2.0";
