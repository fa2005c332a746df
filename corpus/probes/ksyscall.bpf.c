/* A system call by the name that user space knows: its argument and what it returns. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include "registers.h"

/* The kernel's function gets the caller's registers as its one argument. */
extern _Bool LINUX_HAS_SYSCALL_WRAPPER __kconfig;

const volatile __u32 target_pid;

__u64 entries, returns;
__s64 third, returned;

SEC("ksyscall/setpriority")
int on_entry(struct pt_regs *registers)
{
	struct pt_regs *given = (void *)FIRST_ARGUMENT(registers);
	int nice = THIRD_ARGUMENT(registers);

	if (bpf_get_current_pid_tgid() >> 32 != target_pid)
		return 0;
	entries++;
	if (LINUX_HAS_SYSCALL_WRAPPER)
		bpf_probe_read_kernel(&nice, sizeof(nice), &THIRD_ARGUMENT(given));
	third = nice;
	return 0;
}

SEC("kretsyscall/setpriority")
int on_return(struct pt_regs *registers)
{
	if (bpf_get_current_pid_tgid() >> 32 != target_pid)
		return 0;
	returns++;
	returned = RETURN_VALUE(registers);
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
