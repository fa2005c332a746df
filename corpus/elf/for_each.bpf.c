/* A callback that the kernel calls for each element of a map (a function pointer in the code, 5.13). */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 4);
	__type(key, __u32);
	__type(value, __u64);
} numbers SEC(".maps");

struct bpf_map;

__u64 total;

static long add(struct bpf_map *map, __u32 *key, __u64 *value, void *context)
{
	total += *value * (*key + 1);
	return 0;
}

SEC("socket")
int sum_up(struct __sk_buff *skb)
{
	return bpf_for_each_map_elem(&numbers, add, 0, 0);
}

char LICENSE[] SEC("license") = "GPL";
