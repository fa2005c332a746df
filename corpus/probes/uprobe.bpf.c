/* A user space function's arguments, its returned value, and what was said when the program was attached. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include "registers.h"

const volatile __u32 target_pid;

__u64 calls, others, cookies;
__s64 first, second, returned;

static int is_target(void)
{
	return bpf_get_current_pid_tgid() >> 32 == target_pid;
}

SEC("uprobe")
int on_entry(struct pt_regs *registers)
{
	if (!is_target()) {
		others++;
		return 0;
	}
	calls++;
	first = (int)FIRST_ARGUMENT(registers);
	second = (int)SECOND_ARGUMENT(registers);
	return 0;
}

SEC("uretprobe")
int on_return(struct pt_regs *registers)
{
	if (!is_target())
		return 0;
	calls++;
	returned = (int)RETURN_VALUE(registers);
	return 0;
}

SEC("?uprobe")
int with_cookie(struct pt_regs *registers)
{
	if (!is_target())
		return 0;
	calls++;
	cookies |= bpf_get_attach_cookie(registers);
	return 0;
}

SEC("uprobe/libc.so.6:getenv")
int on_getenv(struct pt_regs *registers)
{
	if (is_target())
		calls++;
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
