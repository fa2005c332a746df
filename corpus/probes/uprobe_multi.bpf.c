/* Many user space functions by one link. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include "registers.h"

const volatile __u32 target_pid;

__u64 entries, returns, cookies, others;
__s64 argument_sum, returned_sum;

static int is_target(void)
{
	return bpf_get_current_pid_tgid() >> 32 == target_pid;
}

SEC("uprobe.multi")
int on_entry(struct pt_regs *registers)
{
	if (!is_target()) {
		others++;
		return 0;
	}
	entries++;
	cookies |= bpf_get_attach_cookie(registers);
	argument_sum += (int)FIRST_ARGUMENT(registers);
	return 0;
}

SEC("uretprobe.multi")
int on_return(struct pt_regs *registers)
{
	if (!is_target())
		return 0;
	returns++;
	returned_sum += (int)RETURN_VALUE(registers);
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
