/* task_struct.cpu moved into thread_info in 5.16 (bcf9033e5449); thread_info is the task's first member. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>

struct thread_info {
	__u32 cpu;
} __attribute__((preserve_access_index));

struct task_struct {
	struct thread_info thread_info;
} __attribute__((preserve_access_index));

struct task_struct___before_5_16 {
	unsigned int cpu;
} __attribute__((preserve_access_index));

const volatile __u32 target_pid;

int cpu = -1;

SEC("raw_tp/task_rename")
int read_cpu(void *context)
{
	struct task_struct *task = (void *)bpf_get_current_task();
	struct task_struct___before_5_16 *older = (void *)task;

	if (bpf_get_current_pid_tgid() >> 32 != target_pid)
		return 0;
	if (bpf_core_field_exists(older->cpu))
		cpu = BPF_CORE_READ(older, cpu);
	else
		cpu = BPF_CORE_READ(task, thread_info.cpu);
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
