/* Adds frame lengths up in a slot of an array map whose values are structs. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

struct totals {
	__u64 bytes;
	__u32 frames;
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 4);
	__type(key, __u32);
	__type(value, struct totals);
} totals SEC(".maps");

SEC("tc")
int add(struct __sk_buff *skb)
{
	__u32 slot = skb->len & 3;
	struct totals *total = bpf_map_lookup_elem(&totals, &slot);

	if (total) {
		total->bytes += skb->len;
		total->frames++;
	}
	return 0;
}

char LICENSE[] SEC("license") = "Apache-2.0";
