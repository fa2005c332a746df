/* A bloom filter (5.16): map_extra says how many hash functions it uses. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

struct {
	__uint(type, BPF_MAP_TYPE_BLOOM_FILTER);
	__uint(max_entries, 1000);
	__type(value, __u32);
	__uint(map_extra, 3);
} lengths SEC(".maps");

SEC("tc")
int is_new(struct __sk_buff *skb)
{
	__u32 length = skb->len;

	if (bpf_map_peek_elem(&lengths, &length) == 0)
		return 0;
	return bpf_map_push_elem(&lengths, &length, BPF_ANY) ? -1 : 1;
}

char LICENSE[] SEC("license") = "Apache-2.0";
