/* Reads a member that no kernel's task_struct has, and does not ask first. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>

struct task_struct {
	int no_such_member;
} __attribute__((preserve_access_index));

int result;

SEC("raw_tp/task_rename")
int read_missing(void *context)
{
	struct task_struct *task = (void *)bpf_get_current_task();

	result = BPF_CORE_READ(task, no_such_member);
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
