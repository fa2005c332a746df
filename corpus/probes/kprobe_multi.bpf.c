/* Many kernel functions by one link: how often each mark was seen, at the entry and at the return. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include "registers.h"

const volatile __u32 target_pid;

__u64 entries, returns, cookies;
__s64 second, returned;

static int is_target(void)
{
	return bpf_get_current_pid_tgid() >> 32 == target_pid;
}

SEC("kprobe.multi/set_user_nic?")
int on_entry(struct pt_regs *registers)
{
	if (!is_target())
		return 0;
	entries++;
	cookies |= bpf_get_attach_cookie(registers);
	second = SECOND_ARGUMENT(registers);
	return 0;
}

SEC("kretprobe.multi/vfs_writ?")
int on_return(struct pt_regs *registers)
{
	if (!is_target())
		return 0;
	returns++;
	returned = RETURN_VALUE(registers);
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
