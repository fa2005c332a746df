/* The other half of borrower.bpf.c. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 4);
	__type(key, __u32);
	__type(value, __u64);
} lent SEC(".maps");

SEC("socket")
int fill(struct __sk_buff *skb)
{
	__u64 value = 7;
	__u32 key = 1;

	return bpf_map_update_elem(&lent, &key, &value, BPF_ANY);
}

char LICENSE[] SEC("license") = "Apache-2.0";
