/* The smallest scheduler: first come, first served, whoever may run anywhere. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include "add_one.h"

#define SCX_DSQ_GLOBAL 0x8000000000000001ULL
#define SLICE 20000000ULL

struct task_struct {
	int tgid;
} __attribute__((preserve_access_index));

struct sched_ext_ops {
	void (*enqueue)(struct task_struct *task, __u64 flags);
	__u32 timeout_ms;
	char name[128];
};

extern void scx_bpf_dsq_insert(struct task_struct *task, __u64 queue, __u64 slice, __u64 flags) __ksym;

const volatile __u32 target_pid;

__u32 enqueued, of_target;

SEC("struct_ops/enqueue")
void serve(__u64 *arguments)
{
	struct task_struct *task = (void *)arguments[0];

	add_one(enqueued);
	if (task->tgid == target_pid)
		add_one(of_target);
	scx_bpf_dsq_insert(task, SCX_DSQ_GLOBAL, SLICE, arguments[1]);
}

SEC(".struct_ops.link")
struct sched_ext_ops scheduler = {
	.enqueue = (void *)serve,
	.timeout_ms = 20000,
	.name = "bpflab",
};

char LICENSE[] SEC("license") = "GPL";
