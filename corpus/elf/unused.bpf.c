/* What nothing refers to is in nobody's way: a function that no kernel would take, maps, variables. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u64);
} idle SEC(".maps");

struct task_struct {
	int no_such_member;
} __attribute__((preserve_access_index));

__u64 idle_variable = 5;

__noinline int idle_function(int value)
{
	barrier_var(value);
	return bpf_core_field_offset(struct task_struct, no_such_member) + value;
}

SEC("socket")
int work(struct __sk_buff *skb)
{
	return 12;
}

char LICENSE[] SEC("license") = "GPL";
