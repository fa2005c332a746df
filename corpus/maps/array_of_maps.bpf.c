/* An array of maps with one slot filled by the object file; user space changes it later. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

struct inner {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u64);
} inner_a SEC(".maps"), inner_b SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);
	__uint(max_entries, 2);
	__type(key, __u32);
	__array(values, struct inner);
} outer SEC(".maps") = {
	.values = {
		[1] = &inner_a,
	},
};

SEC("tc")
int count(struct __sk_buff *skb)
{
	__u32 slot = 1, zero = 0;
	void *inner = bpf_map_lookup_elem(&outer, &slot);
	__u64 *seen;

	if (!inner)
		return -1;
	seen = bpf_map_lookup_elem(inner, &zero);
	if (!seen)
		return -2;
	(*seen)++;
	return 0;
}

char LICENSE[] SEC("license") = "Apache-2.0";
