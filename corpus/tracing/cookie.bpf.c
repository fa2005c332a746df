/* Programs that are told by which of their links they run. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

const volatile __u32 target_pid;

__u64 at_entry, at_return, at_tracepoint;

SEC("fentry/set_user_nice")
int on_entry(__u64 *arguments)
{
	if (bpf_get_current_pid_tgid() >> 32 == target_pid)
		at_entry = bpf_get_attach_cookie(arguments);
	return 0;
}

SEC("fexit/set_user_nice")
int on_return(__u64 *arguments)
{
	if (bpf_get_current_pid_tgid() >> 32 == target_pid)
		at_return = bpf_get_attach_cookie(arguments);
	return 0;
}

SEC("tp_btf/task_rename")
int on_rename(__u64 *arguments)
{
	if (bpf_get_current_pid_tgid() >> 32 == target_pid)
		at_tracepoint = bpf_get_attach_cookie(arguments);
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
