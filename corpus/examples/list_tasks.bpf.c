/* Writes a line about every task. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>
#include "task.h"

struct seq_file;

struct bpf_iter_meta {
	struct seq_file *seq;
	__u64 seq_num;
} __attribute__((preserve_access_index));

struct bpf_iter__task {
	struct bpf_iter_meta *meta;
	struct task_struct *task;
} __attribute__((preserve_access_index));

SEC("iter/task")
int list(struct bpf_iter__task *context)
{
	struct seq_file *out = context->meta->seq;
	struct task_struct *task = context->task;

	if (!task)
		return 0; /* the end */
	if (!context->meta->seq_num)
		BPF_SEQ_PRINTF(out, "%8s %8s %8s %s\n", "TGID", "PID", "PARENT", "NAME");
	BPF_SEQ_PRINTF(out, "%8d %8d %8d %s\n", task->tgid, task->pid, task->real_parent->tgid, task->comm);
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
