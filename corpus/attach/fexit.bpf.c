/* Sees set_user_nice(task, nice) return, its arguments with it, and the task changed by then. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

struct task_struct {
	int static_prio;
	int pid;
} __attribute__((preserve_access_index));

const volatile __u32 target_pid;

__s64 nice, priority_after;

SEC("fexit/set_user_nice")
int on_return(__u64 *arguments)
{
	struct task_struct *task = (void *)arguments[0];

	if (bpf_get_current_pid_tgid() >> 32 != target_pid)
		return 0;
	nice = arguments[1];
	priority_after = task->static_prio;
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
