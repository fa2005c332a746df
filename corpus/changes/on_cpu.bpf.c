/* task_struct.on_cpu: an int, and one byte in 7.2; read with the width that this kernel has. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>

struct task_struct {
	int on_cpu;
	struct task_struct *real_parent;
} __attribute__((preserve_access_index));

const volatile __u32 target_pid;

__u32 width;
__u64 mine = -1, parents = -1;

static __always_inline __u64 read_on_cpu(struct task_struct *task)
{
	__u64 value = 0;

	bpf_core_read(&value, bpf_core_field_size(task->on_cpu), &task->on_cpu);
	return value;
}

SEC("raw_tp/task_rename")
int read_tasks(void *context)
{
	struct task_struct *task = (void *)bpf_get_current_task();

	if (bpf_get_current_pid_tgid() >> 32 != target_pid)
		return 0;
	width = bpf_core_field_size(task->on_cpu);
	mine = read_on_cpu(task);
	parents = read_on_cpu(BPF_CORE_READ(task, real_parent));
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
