/* Counts packets for each control group that the program is attached to: once in all, once on each CPU. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include "add_one.h"

struct {
	__uint(type, BPF_MAP_TYPE_CGROUP_STORAGE);
	__type(key, struct bpf_cgroup_storage_key);
	__type(value, __u64);
} packets SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_CGROUP_STORAGE);
	__type(key, struct bpf_cgroup_storage_key);
	__type(value, __u64);
} packets_of_cpu SEC(".maps");

SEC("cgroup_skb/egress")
int count(struct __sk_buff *skb)
{
	__u64 *all = bpf_get_local_storage(&packets, 0), *here = bpf_get_local_storage(&packets_of_cpu, 0);

	add_one(*all);
	++*here;
	return 1;
}

char LICENSE[] SEC("license") = "GPL";
