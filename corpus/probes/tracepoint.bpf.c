/* What is said when a program is attached to a tracepoint, and read by it. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

const volatile __u32 target_pid;

__u64 calls, cookie;

SEC("tp")
int with_cookie(void *context)
{
	if (bpf_get_current_pid_tgid() >> 32 != target_pid)
		return 0;
	calls++;
	cookie = bpf_get_attach_cookie(context);
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
