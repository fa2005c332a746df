/*
 * task_struct.state became __state, and unsigned int instead of long, in 5.14 (2f064a59a11f):
 * a flavour describes the older struct, and the branch that a kernel lacks is dead code there.
 */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>
#include "task.h"

struct task_struct___before_5_14 {
	volatile long state;
} __attribute__((preserve_access_index));

const volatile __u32 target_pid;

__s64 parent_state = -1;

SEC("raw_tp/task_rename")
int read_parent_state(void *context)
{
	struct task_struct *task = (void *)bpf_get_current_task();
	struct task_struct *parent;

	if (bpf_get_current_pid_tgid() >> 32 != target_pid)
		return 0;
	parent = BPF_CORE_READ(task, real_parent);
	if (bpf_core_field_exists(parent->__state))
		parent_state = BPF_CORE_READ(parent, __state);
	else
		parent_state = BPF_CORE_READ((struct task_struct___before_5_14 *)parent, state);
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
