/* A kernel function's arguments, its returned value, and what was said when the program was attached. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include "registers.h"

const volatile __u32 target_pid;

__u64 calls, first, cookie;
__s64 second, returned;

static int is_target(void)
{
	return bpf_get_current_pid_tgid() >> 32 == target_pid;
}

SEC("kprobe")
int on_entry(struct pt_regs *registers)
{
	if (!is_target())
		return 0;
	calls++;
	first = FIRST_ARGUMENT(registers);
	second = SECOND_ARGUMENT(registers);
	return 0;
}

SEC("kretprobe")
int on_return(struct pt_regs *registers)
{
	if (!is_target())
		return 0;
	calls++;
	returned = RETURN_VALUE(registers);
	return 0;
}

SEC("?kprobe")
int with_cookie(struct pt_regs *registers)
{
	if (!is_target())
		return 0;
	calls++;
	cookie = bpf_get_attach_cookie(registers);
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
