/* Reads members of the current task and of its parent that user space knows as well. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>
#include "task.h"

const volatile __u32 target_pid;

int pid;
int tgid;
int parent_tgid;
char comm[16];

SEC("raw_tp/task_rename")
int read_task(void *context)
{
	struct task_struct *task = (void *)bpf_get_current_task();

	if (bpf_get_current_pid_tgid() >> 32 != target_pid)
		return 0;
	pid = BPF_CORE_READ(task, pid);
	tgid = BPF_CORE_READ(task, tgid);
	parent_tgid = BPF_CORE_READ(task, real_parent, tgid);
	BPF_CORE_READ_STR_INTO(&comm, task, comm);
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
