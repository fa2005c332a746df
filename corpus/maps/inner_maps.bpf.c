/* Maps of maps whose slots the object fills: a hash with keys, an array with gaps, and inner maps of unequal sizes. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

struct inner {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 4);
	__uint(key_size, sizeof(__u32));
	__uint(value_size, sizeof(__u32));
} first SEC(".maps"), second SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH_OF_MAPS);
	__uint(max_entries, 4);
	__uint(key_size, sizeof(__u32));
	__array(values, struct inner);
} by_number SEC(".maps") = {
	.values = { [0] = (void *)&first, [3] = (void *)&second },
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);
	__uint(max_entries, 5);
	__uint(key_size, sizeof(__u32));
	__array(values, struct inner);
} by_slot SEC(".maps") = {
	.values = { [1] = (void *)&second, [4] = (void *)&first },
};

volatile __u32 slot, number;

SEC("tc")
int put(struct __sk_buff *skb)
{
	__u32 key = slot, length = skb->len;
	void *inner = bpf_map_lookup_elem(&by_slot, &key);

	if (!inner)
		return 1;
	bpf_map_update_elem(inner, &length, &key, BPF_ANY);
	key = number;
	inner = bpf_map_lookup_elem(&by_number, &key);
	if (!inner)
		return 2;
	return bpf_map_lookup_elem(inner, &length) ? 3 : 4;
}

char LICENSE[] SEC("license") = "Apache-2.0";
