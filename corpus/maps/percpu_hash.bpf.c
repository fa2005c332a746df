/* Counts frames by length in a per-CPU hash, and in an LRU one. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_HASH);
	__uint(max_entries, 16);
	__type(key, __u32);
	__type(value, __u64);
} counts SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_LRU_PERCPU_HASH);
	__uint(max_entries, 16);
	__type(key, __u32);
	__type(value, __u64);
} recent SEC(".maps");

static __always_inline void count_in(void *map, __u32 key)
{
	__u64 one = 1, *seen = bpf_map_lookup_elem(map, &key);

	if (seen)
		(*seen)++;
	else
		bpf_map_update_elem(map, &key, &one, BPF_NOEXIST);
}

SEC("tc")
int count(struct __sk_buff *skb)
{
	count_in(&counts, skb->len);
	count_in(&recent, skb->len);
	return 0;
}

char LICENSE[] SEC("license") = "Apache-2.0";
