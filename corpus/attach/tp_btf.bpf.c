/* A raw tracepoint whose arguments have their types: members are read like any, without a helper. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include "task.h"

const volatile __u32 target_pid;

int pid, parent_tgid;
char before[16];

SEC("tp_btf/task_rename")
int on_rename(__u64 *arguments)
{
	struct task_struct *task = (void *)arguments[0];

	if (bpf_get_current_pid_tgid() >> 32 != target_pid)
		return 0;
	pid = task->pid;
	parent_tgid = task->real_parent->tgid;
	__builtin_memcpy(before, task->comm, sizeof(before));
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
