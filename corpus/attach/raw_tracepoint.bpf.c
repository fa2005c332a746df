/* Keeps the name that one process gives itself: task_rename(task, comm). */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

const volatile __u32 target_pid;

__u64 calls;
char comm[16];

SEC("raw_tp/task_rename")
int on_rename(struct bpf_raw_tracepoint_args *context)
{
	if (bpf_get_current_pid_tgid() >> 32 != target_pid)
		return 0;
	calls++;
	bpf_probe_read_kernel_str(comm, sizeof(comm), (void *)context->args[1]);
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
