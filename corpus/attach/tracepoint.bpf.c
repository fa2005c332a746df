/* Keeps the arguments with which one process calls setpriority(2). */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

struct sys_enter_context {
	__u64 common;
	__s64 number;
	__u64 arguments[6];
};

const volatile __u32 target_pid;

__u64 calls, which, who, nice;

SEC("tp/syscalls/sys_enter_setpriority")
int on_setpriority(struct sys_enter_context *context)
{
	if (bpf_get_current_pid_tgid() >> 32 != target_pid)
		return 0;
	calls++;
	which = context->arguments[0];
	who = context->arguments[1];
	nice = context->arguments[2];
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
