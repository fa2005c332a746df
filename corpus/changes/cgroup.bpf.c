/*
 * A control group's ancestors: an array of ids until 6.0, of pointers since 6.1 (7f203bc89eb6), both
 * flexible and last in their struct. kernfs_node.parent became __parent in 6.15 (633488947ef6).
 */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>

struct kernfs_node {
	struct kernfs_node *__parent;
	__u64 id;
} __attribute__((preserve_access_index));

struct kernfs_node___before_6_15 {
	struct kernfs_node *parent;
} __attribute__((preserve_access_index));

struct cgroup {
	struct kernfs_node *kn;
	int level;
	struct cgroup *ancestors[];
} __attribute__((preserve_access_index));

struct cgroup___before_6_1 {
	int level;
	__u64 ancestor_ids[];
} __attribute__((preserve_access_index));

struct css_set {
	struct cgroup *dfl_cgrp;
} __attribute__((preserve_access_index));

struct task_struct {
	struct css_set *cgroups;
} __attribute__((preserve_access_index));

const volatile __u32 target_pid;

__u64 id, parent_id, ancestor_id;
int level = -1;

SEC("raw_tp/task_rename")
int read_cgroup(void *context)
{
	struct task_struct *task = (void *)bpf_get_current_task();
	struct cgroup___before_6_1 *older;
	struct kernfs_node *node;
	struct cgroup *cgroup, *ancestor;

	if (bpf_get_current_pid_tgid() >> 32 != target_pid)
		return 0;
	cgroup = BPF_CORE_READ(task, cgroups, dfl_cgrp);
	level = BPF_CORE_READ(cgroup, level);
	node = BPF_CORE_READ(cgroup, kn);
	id = BPF_CORE_READ(node, id);
	if (bpf_core_field_exists(node->__parent))
		parent_id = BPF_CORE_READ(node, __parent, id);
	else
		parent_id = BPF_CORE_READ((struct kernfs_node___before_6_15 *)node, parent, id);
	older = (void *)cgroup;
	/* The last ancestor is the group itself. */
	if (bpf_core_field_exists(cgroup->ancestors)) {
		bpf_probe_read_kernel(&ancestor, sizeof(ancestor),
				      __builtin_preserve_access_index(&cgroup->ancestors[0]) + level);
		ancestor_id = BPF_CORE_READ(ancestor, kn, id);
	} else {
		bpf_probe_read_kernel(&ancestor_id, sizeof(ancestor_id),
				      __builtin_preserve_access_index(&older->ancestor_ids[0]) + level);
	}
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
