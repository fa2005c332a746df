/* Counts in a per-CPU array: the sum over all CPUs is the number of runs. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 2);
	__type(key, __u32);
	__type(value, __u32);
} counts SEC(".maps");

SEC("tc")
int count(struct __sk_buff *skb)
{
	__u32 slot = 1, *seen = bpf_map_lookup_elem(&counts, &slot);

	if (seen)
		(*seen)++;
	return 0;
}

char LICENSE[] SEC("license") = "Apache-2.0";
