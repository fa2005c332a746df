/* A map with the pinned name of maps/pinned, but of another kind. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 99);
	__uint(pinning, LIBBPF_PIN_BY_NAME);
	__type(key, __u64);
	__type(value, __u64);
} bpflab_pinned SEC(".maps");

SEC("tc")
int use(struct __sk_buff *skb)
{
	__u64 key = 0;

	return !bpf_map_lookup_elem(&bpflab_pinned, &key);
}

char LICENSE[] SEC("license") = "Apache-2.0";
