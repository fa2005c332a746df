/* Keeps the second argument of set_user_nice(task, nice), an exported function of every kernel. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include "registers.h"

const volatile __u32 target_pid;

__u64 calls;
__s64 nice;

SEC("kprobe/set_user_nice")
int on_nice(struct pt_regs *registers)
{
	if (bpf_get_current_pid_tgid() >> 32 != target_pid)
		return 0;
	calls++;
	nice = SECOND_ARGUMENT(registers);
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
