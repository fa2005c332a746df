/* One program at the entries of several functions, told by cookies which of them it is. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

const volatile __u32 target_pid;

__u64 calls, cookies;

SEC("fentry.multi")
int on_entry(__u64 *arguments)
{
	if (bpf_get_current_pid_tgid() >> 32 != target_pid)
		return 0;
	calls++;
	cookies |= bpf_get_attach_cookie(arguments);
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
