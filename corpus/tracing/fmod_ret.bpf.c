/* Answers in the place of a security hook: one process may not change its priority. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

#define EBUSY 16

const volatile __u32 target_pid;

__s64 nice;

SEC("fmod_ret/security_task_setnice")
int refuse(__u64 *arguments)
{
	if (bpf_get_current_pid_tgid() >> 32 != target_pid)
		return 0;
	nice = (int)arguments[1];
	return -EBUSY;
}

char LICENSE[] SEC("license") = "GPL";
