/* The keys of a map's declaration: sizes as numbers and as types, both at once, flags, memory node, a name for it. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(key_size, 12);
	__uint(value_size, 20);
	__uint(max_entries, 3);
	__uint(map_flags, BPF_F_NO_PREALLOC);
} by_size SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__type(key, __u32);
	__uint(key_size, 4);
	__type(value, __u64);
	__uint(value_size, 8);
	__uint(max_entries, 5);
} by_both SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_NUMA_NODE | BPF_F_MMAPABLE);
	__uint(numa_node, 0);
	__uint(max_entries, 7);
	__type(key, __u32);
	__type(value, __u64);
} on_node SEC(".maps");

typedef struct {
	char bytes[3];
} three_bytes;

struct named_declaration {
	int (*type)[BPF_MAP_TYPE_HASH];
	int (*max_entries)[9];
	three_bytes *key;
	struct {
		int first, second;
	} *value;
};

struct named_declaration written_out SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__uint(map_flags, BPF_F_RDONLY_PROG);
	__type(key, __u32);
	__type(value, __u64);
} read_only SEC(".maps");

SEC("tc")
int use(struct __sk_buff *skb)
{
	__u32 key = 0, twelve[3] = {}, twenty[5] = { skb->len };
	__u64 *value = bpf_map_lookup_elem(&read_only, &key), length = skb->len;
	three_bytes three = { "ab" };
	int both[2] = { 1, 2 };

	if (!value)
		return -1;
	bpf_map_update_elem(&by_size, twelve, twenty, BPF_ANY);
	bpf_map_update_elem(&by_both, &key, &length, BPF_ANY);
	bpf_map_update_elem(&on_node, &key, &length, BPF_ANY);
	bpf_map_update_elem(&written_out, &three, both, BPF_ANY);
	return *value;
}

char LICENSE[] SEC("license") = "Apache-2.0";
