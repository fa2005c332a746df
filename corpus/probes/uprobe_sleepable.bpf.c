/* A program that may sleep until user memory is there: it reads what a function is given. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include "registers.h"

const volatile __u32 target_pid;

__u64 calls;
char text[16];

static int keep_text(struct pt_regs *registers)
{
	if (bpf_get_current_pid_tgid() >> 32 != target_pid)
		return 0;
	calls++;
	bpf_copy_from_user(text, sizeof(text), (void *)FIRST_ARGUMENT(registers));
	return 0;
}

SEC("uprobe.s")
int on_text(struct pt_regs *registers)
{
	return keep_text(registers);
}

SEC("?uprobe.multi.s")
int on_texts(struct pt_regs *registers)
{
	return keep_text(registers);
}

char LICENSE[] SEC("license") = "GPL";
