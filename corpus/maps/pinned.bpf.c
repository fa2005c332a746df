/* A map that is pinned by its name: whoever opens the object next gets the same map. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u64);
	__uint(pinning, LIBBPF_PIN_BY_NAME);
} bpflab_pinned SEC(".maps");

SEC("tc")
int count(struct __sk_buff *skb)
{
	__u32 slot = 0;
	__u64 *seen = bpf_map_lookup_elem(&bpflab_pinned, &slot);

	if (seen)
		(*seen)++;
	return 0;
}

char LICENSE[] SEC("license") = "Apache-2.0";
