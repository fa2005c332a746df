/* Counts what tasks below a control group do. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include "add_one.h"

struct {
	__uint(type, BPF_MAP_TYPE_CGROUP_ARRAY);
	__uint(max_entries, 2);
	__uint(key_size, sizeof(__u32));
	__uint(value_size, sizeof(__u32));
} groups SEC(".maps");

__u64 members, others, unset;

SEC("raw_tp/task_rename")
int on_rename(void *ctx)
{
	long member = bpf_current_task_under_cgroup(&groups, 1);

	if (member < 0)
		add_one(unset);
	else if (member)
		add_one(members);
	else
		add_one(others);
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
