/* Counts what the members of a control group do, in storage that hangs on the group (6.2). */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

struct cgroup;

struct css_set {
	struct cgroup *dfl_cgrp;
} __attribute__((preserve_access_index));

struct task_struct {
	struct css_set *cgroups;
} __attribute__((preserve_access_index));

struct {
	__uint(type, BPF_MAP_TYPE_CGRP_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, __u64);
} renames SEC(".maps");

const volatile __u32 target_pid;

SEC("tp_btf/task_rename")
int count(__u64 *arguments)
{
	struct task_struct *task = (void *)bpf_get_current_task_btf();
	__u64 *seen;

	if (bpf_get_current_pid_tgid() >> 32 != target_pid)
		return 0;
	seen = bpf_cgrp_storage_get(&renames, task->cgroups->dfl_cgrp, 0, BPF_LOCAL_STORAGE_GET_F_CREATE);
	if (seen)
		++*seen;
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
