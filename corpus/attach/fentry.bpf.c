/* Reads set_user_nice(task, nice)'s arguments through the trampoline: a task by its type, a number. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include "task.h"

const volatile __u32 target_pid;

__u64 calls;
__s64 nice;
int pid;

SEC("fentry/set_user_nice")
int on_nice(__u64 *arguments)
{
	struct task_struct *task = (void *)arguments[0];

	if (bpf_get_current_pid_tgid() >> 32 != target_pid)
		return 0;
	calls++;
	nice = arguments[1];
	pid = task->pid;
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
