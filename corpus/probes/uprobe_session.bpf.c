/* One program at both ends of a function: by what it returns at the first, it chooses about the other. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include "registers.h"

const volatile __u32 target_pid;
const volatile int at_entry_only;

__u64 runs;
__s64 returned;

SEC("uprobe.session")
int on_both(struct pt_regs *registers)
{
	if (bpf_get_current_pid_tgid() >> 32 != target_pid)
		return 1;
	runs++;
	returned = (int)RETURN_VALUE(registers);
	return at_entry_only;
}

char LICENSE[] SEC("license") = "GPL";
