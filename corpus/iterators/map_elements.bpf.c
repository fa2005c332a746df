/* Writes the elements of the map that it is attached to, in reverse order of key and value. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include "iterator.h"

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 8);
	__type(key, __u32);
	__type(value, __u32);
} numbers SEC(".maps");

struct bpf_iter__bpf_map_elem {
	struct bpf_iter_meta *meta;
	struct bpf_map *map;
	void *key;
	void *value;
};

SEC("iter/bpf_map_elem")
int dump(struct bpf_iter__bpf_map_elem *context)
{
	__u32 *key = context->key, *value = context->value, pair[2];

	if (!key || !value)
		return 0;
	pair[0] = *value;
	pair[1] = *key;
	put(context->meta, pair);
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
