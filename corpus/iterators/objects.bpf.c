/* Writes the IDs of all maps, and of all programs. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include "iterator.h"

struct bpf_map {
	__u32 id;
} __attribute__((preserve_access_index));

struct bpf_prog_aux {
	__u32 id;
} __attribute__((preserve_access_index));

struct bpf_prog {
	struct bpf_prog_aux *aux;
} __attribute__((preserve_access_index));

struct bpf_iter__bpf_map {
	struct bpf_iter_meta *meta;
	struct bpf_map *map;
};

struct bpf_iter__bpf_prog {
	struct bpf_iter_meta *meta;
	struct bpf_prog *prog;
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u64);
} counters SEC(".maps");

SEC("iter/bpf_map")
int maps(struct bpf_iter__bpf_map *context)
{
	__u32 id;

	if (!context->map)
		return 0;
	id = context->map->id;
	put(context->meta, id);
	return 0;
}

SEC("iter/bpf_prog")
int programs(struct bpf_iter__bpf_prog *context)
{
	__u32 id;

	if (!context->prog)
		return 0;
	id = context->prog->aux->id;
	put(context->meta, id);
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
