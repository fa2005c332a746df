/* Maps as they were declared before BTF, in a section `maps`; objects that do so are still around. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

struct bpf_map_def {
	unsigned int type, key_size, value_size, max_entries, map_flags;
};

struct bpf_map_def SEC("maps") counts = {
	.type = BPF_MAP_TYPE_ARRAY,
	.key_size = sizeof(__u32),
	.value_size = sizeof(__u64),
	.max_entries = 2,
};

struct bpf_map_def SEC("maps") seen = {
	.type = BPF_MAP_TYPE_HASH,
	.key_size = sizeof(__u32),
	.value_size = sizeof(__u32),
	.max_entries = 8,
	.map_flags = BPF_F_NO_PREALLOC,
};

SEC("tc")
int count(struct __sk_buff *skb)
{
	__u32 slot = 1, length = skb->len;
	__u64 *value = bpf_map_lookup_elem(&counts, &slot);

	if (!value)
		return -1;
	(*value)++;
	return bpf_map_update_elem(&seen, &length, &slot, BPF_ANY);
}

char LICENSE[] SEC("license") = "Apache-2.0";
