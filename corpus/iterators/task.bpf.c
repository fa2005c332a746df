/* Writes the thread's and the process's number of each task. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include "iterator.h"
#include "task.h"

struct bpf_iter__task {
	struct bpf_iter_meta *meta;
	struct task_struct *task;
};

SEC("iter/task")
int dump(struct bpf_iter__task *context)
{
	struct task_struct *task = context->task;
	__u32 numbers[2];

	if (!task)
		return 0;
	numbers[0] = task->pid;
	numbers[1] = task->tgid;
	put(context->meta, numbers);
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
